// Checks of how much a server takes: headers of the size that deployed clients send, and, only when
// asked, headers that nobody should send. No specification sets a limit; C-16.

import { accepted, refused, right, skip, told, wrong } from '../judge.ts';
import { requestSection, responseSection } from '../message.ts';
import { text } from '../samples.ts';
import type { Check } from '../types.ts';

const CLAUSE = 'RFC 3507 §4.3; limits of deployed clients';

export const limitChecks: readonly Check[] = [
  {
    id: 'limits.icap-header',
    group: 'limits',
    level: 'should',
    needs: 'message',
    title: 'takes an ICAP header of 7 KiB',
    clause: CLAUSE,
    sends: 'A message with seven further ICAP fields of 1 KiB.',
    means: 'Clients that pass on groups of users, which can be many, are refused.',
    async run(context) {
      const fields = Array.from({ length: 7 }, (_, i) => `X-Doctor-${i}: ${'a'.repeat(1010)}`);
      return accepted(await context.exchange(context.message({ fields })));
    },
  },
  {
    id: 'limits.icap-fields',
    group: 'limits',
    level: 'should',
    needs: 'message',
    title: 'takes an ICAP header of 50 fields',
    clause: CLAUSE,
    sends: 'A message with 46 further short ICAP fields.',
    means: 'Clients that pass on a lot are refused.',
    async run(context) {
      const fields = Array.from({ length: 46 }, (_, i) => `X-Doctor-${i}: ${i}`);
      return accepted(await context.exchange(context.message({ fields })));
    },
  },
  {
    id: 'limits.http-header',
    group: 'limits',
    level: 'should',
    needs: 'message',
    title: 'takes an HTTP header of 16 KiB',
    clause: CLAUSE,
    sends: 'A message whose HTTP header has four fields of 4 KiB, as cookies can be.',
    means: 'Sites with large cookies fail for some users.',
    async run(context) {
      const extra = Array.from({ length: 4 }, (_, i) => `X-Doctor-${i}: ${'a'.repeat(4080)}\r\n`).join('');
      const body = text(60);
      const requestHead = requestSection(context.facts.primary, body, undefined, extra);
      const responseHead = responseSection(body, 'text/plain', extra);
      const heads = context.facts.primary === 'RESPMOD' ? { responseHead } : { requestHead };
      return accepted(await context.exchange(context.message({ body, ...heads })));
    },
  },
  {
    id: 'limits.url',
    group: 'limits',
    level: 'should',
    needs: 'message',
    title: 'takes a message for a URL of 4 KiB',
    clause: CLAUSE,
    sends: 'A message whose HTTP request line has 4 KiB.',
    means: 'Sites with long URLs, such as log-ins, fail.',
    async run(context) {
      const body = text(60);
      const url = `http://doctor.example/${'a'.repeat(4000)}`;
      const requestHead = requestSection(context.facts.primary, body, url);
      return accepted(await context.exchange(context.message({ body, requestHead })));
    },
  },
  {
    id: 'limits.header-too-large',
    group: 'limits',
    level: 'should',
    needs: 'options',
    intrusive: true,
    title: 'answers or closes when an ICAP header passes 128 KiB',
    clause: CLAUSE,
    sends: 'OPTIONS with fields of 128 KiB together.',
    means: 'A hostile client can use up the memory of the server.',
    async run(context) {
      const fields = Array.from({ length: 32 }, (_, i) => `X-Doctor-${i}: ${'a'.repeat(4080)}`);
      const reply = await context.raw(context.options({ fields }).bytes);
      if (reply.kind === 'silent') return wrong(reply.what);
      return refused(reply) ? right(told(reply)) : right(`accepted: ${told(reply)}`);
    },
  },
  {
    id: 'limits.endless-line',
    group: 'limits',
    level: 'should',
    needs: 'options',
    intrusive: true,
    title: 'gives up a request line that does not end',
    clause: CLAUSE,
    sends: '192 KiB without a line end.',
    means: 'A hostile client can use up the memory of the server.',
    async run(context) {
      const reply = await context.raw(`OPTIONS ${context.uri('/')}${'a'.repeat(192 * 1024)}`);
      return reply.kind === 'silent' ? wrong('still reading after 192 KiB') : right(told(reply));
    },
  },
  {
    id: 'limits.chunk-line',
    group: 'limits',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'gives up a chunk line that does not end',
    clause: 'RFC 2616 §3.6.1; C-16',
    sends: 'A message whose body begins with 64 KiB of a chunk extension.',
    means: 'A hostile client can use up the memory of the server.',
    async run(context) {
      const chunks = `a;${'a'.repeat(64 * 1024)}`;
      const { final } = await context.exchange(context.message({ chunks }));
      return final.kind === 'silent' ? wrong('still reading after 64 KiB') : right(told(final));
    },
  },
  {
    id: 'limits.preview',
    group: 'limits',
    level: 'should',
    needs: 'message',
    title: 'takes a preview as large as it asks for',
    clause: 'RFC 3507 §4.5',
    sends: 'A message with a preview of the offered size, 64 KiB at most, and one byte more.',
    means: 'Previews are refused or cut off.',
    async run(context) {
      const { preview } = context.facts;
      if (preview === null || preview === 0) return skip('no preview offered');
      const size = Math.min(preview, 64 * 1024);
      return accepted(await context.exchange(context.message({ preview: size, body: text(size + 1) })));
    },
  },
];

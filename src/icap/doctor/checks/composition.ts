// Checks of what a server says to messages whose parts are not what Encapsulated says, or are not enough:
// an error, and never a guess. RFC 3507 §4.4.1 with errata 1, 4 and 5; C-20 … C-26.

import type { CheckContext } from '../context.ts';
import { requestSection, responseSection } from '../message.ts';
import { problemOf, refusal, refused, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { Check } from '../types.ts';

export const compositionChecks: readonly Check[] = [
  {
    id: 'errors.no-encapsulated',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses a message without Encapsulated',
    clause: 'RFC 3507 §4.4.1, errata 1 and 4',
    sends: 'A message header and nothing behind it, without Encapsulated.',
    means: 'A request that carries nothing is taken for one that is clean, or holds a handler.',
    run: (context) => withoutParts(context, null, ''),
  },
  {
    id: 'errors.no-part-to-adapt',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses a RESPMOD request without any part of a response',
    clause: 'RFC 3507 §4.9.1, erratum 4',
    sends: 'RESPMOD with `req-hdr=0, null-body=N` only.',
    means: 'A client that forgets the response is told that all is well.',
    async run(context) {
      if (!context.facts.methods.includes('RESPMOD')) return skip('the service has no RESPMOD');
      const outgoing = context.message({ body: null, responseHead: null }, 'RESPMOD');
      return refusal((await context.exchange(outgoing)).final);
    },
  },
  {
    id: 'errors.headers-missing',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'takes a body without HTTP headers, or answers 418 or another error',
    clause: 'RFC 3507 §4.4.1, errata 4 and 5',
    sends: 'A message with the body alone (`req-body=0` or `res-body=0`).',
    means: 'Clients that send files without HTTP headers wait in vain.',
    async run(context) {
      const { final } = await context.exchange(context.message({ requestHead: null, responseHead: null }));
      if (problemOf(final) === null) return right(`accepted: ${told(final)}`);
      return (statusOf(final) ?? 0) >= 400 ? right(`refused: ${told(final)}`) : wrong(told(final));
    },
  },
  {
    id: 'errors.wrong-direction',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses a body of the other direction',
    clause: 'RFC 3507 §4.4.1',
    sends: 'RESPMOD with req-body, or REQMOD with res-body.',
    means: 'Mixed-up clients are not told so, and their bodies may pass unscanned.',
    async run(context) {
      const right = context.message();
      const text = right.bytes.toString('latin1');
      const swapped = text.replace(
        /(Encapsulated: .*)re(q|s)-body/,
        (_, front: string, direction: string) => {
          return `${front}re${direction === 'q' ? 's' : 'q'}-body`;
        },
      );
      const bytes = Buffer.from(swapped, 'latin1');
      return refusal((await context.exchange({ ...right, bytes })).final);
    },
  },
  {
    id: 'errors.parts-out-of-order',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses Encapsulated parts in the wrong order, and closes',
    clause: 'RFC 3507 §4.4.1',
    sends: '`Encapsulated: req-body=0, req-hdr=24` (or res-).',
    means: 'The server guesses where the body is; a scanner may look at the wrong bytes.',
    run(context) {
      const kind = context.facts.primary === 'REQMOD' ? 'req' : 'res';
      return withoutParts(context, `${kind}-body=0, ${kind}-hdr=24`, requestSection('REQMOD', null));
    },
  },
  {
    id: 'errors.unknown-part',
    group: 'errors',
    level: 'should',
    needs: 'message',
    title: 'refuses a part of an unknown name',
    clause: 'RFC 3507 §4.4.1',
    sends: '`Encapsulated: foo-hdr=0, null-body=0`.',
    means: 'The server guesses what it got.',
    run: (context) => withoutParts(context, 'foo-hdr=0, null-body=0', ''),
  },
  {
    id: 'errors.offset-behind-header',
    group: 'errors',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'refuses an offset that points behind the end of the header',
    clause: 'RFC 3507 §4.4.1, §4.4.2',
    sends: 'A message whose body offset is 7 too large.',
    means: 'The beginning of the body is taken for header and not scanned.',
    async run(context) {
      const body = Buffer.from('x'.repeat(64));
      return refusal((await context.exchange(shifted(context, 7, body))).final);
    },
  },
  {
    id: 'errors.offset-into-header',
    group: 'errors',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'refuses an offset that points into the header',
    clause: 'RFC 3507 §4.4.1, §4.4.2',
    sends: 'A message without body whose offset is 10 too small, then OPTIONS on the same connection.',
    means: 'What is left of the message is taken for the next request: requests can be smuggled in.',
    async run(context) {
      const { dialogue, final } = await context.exchange(shifted(context, -10, null));
      if (refused(final)) return right(told(final));
      const next = context.options();
      await dialogue.send(next.bytes);
      return wrong(`${told(final)}; the next request got: ${told(await dialogue.answer(next))}`);
    },
  },
  {
    id: 'errors.offset-never-reached',
    group: 'errors',
    level: 'info',
    needs: 'message',
    intrusive: true,
    title: 'what it does when fewer bytes come than the offset says',
    clause: 'RFC 3507 §4.4.1',
    sends: 'A message without body whose offset is 7 too large, and nothing more.',
    means: 'Nothing: the bytes might still come.',
    async run(context) {
      const { final } = await context.exchange(shifted(context, 7, null));
      return right(final.kind === 'silent' ? 'waits for the missing bytes' : told(final));
    },
  },
  {
    id: 'errors.chunk-size',
    group: 'errors',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'refuses a chunk size that is no hexadecimal number',
    clause: 'RFC 3507 §4.4; RFC 2616 §3.6.1',
    sends: 'A message whose body begins with the chunk line `zz`.',
    means: 'A broken client holds a handler until a timeout, or its body counts as empty and clean.',
    run: async (context) =>
      refusal((await context.exchange(context.message({ chunks: 'zz\r\nnothing\r\n0\r\n\r\n' }))).final),
  },
];

async function withoutParts(context: CheckContext, encapsulated: string | null, section: string) {
  const respond = context.facts.primary === 'RESPMOD';
  const outgoing = context.message({
    body: null,
    requestHead: respond ? null : section,
    responseHead: respond ? section : null,
    encapsulated,
    allow: '204',
  });
  return refusal((await context.exchange(outgoing)).final);
}

/** A message of one header whose body offset is wrong by so many bytes. */
function shifted(context: CheckContext, by: number, body: Buffer | null) {
  const respond = context.facts.primary === 'RESPMOD';
  const section = respond ? responseSection(body) : requestSection('REQMOD', body);
  const kind = respond ? 'res' : 'req';
  return context.message({
    body,
    allow: '204',
    requestHead: respond ? null : section,
    responseHead: respond ? section : null,
    encapsulated: `${kind}-hdr=0, ${body === null ? 'null' : kind}-body=${section.length + by}`,
  });
}

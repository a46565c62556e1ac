// Checks of the preview dialogue: who waits for whom, when 100 is due, and that nothing of the body is
// lost or doubled. RFC 3507 §4.5 with errata 1 and 9; C-40 … C-54, S-03, S-06.

import { fieldValue } from '../../codec/fields.ts';
import type { CheckContext, Exchanged } from '../context.ts';
import { accepted, acceptedWhole, problemOf, refused, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { MessageParts } from '../message.ts';
import { text } from '../samples.ts';
import type { Check, Finding, Level } from '../types.ts';

const CLAUSE = 'RFC 3507 §4.5';
const MAX_PREVIEW = 4096; // bytes that are really sent, however many are offered

export const previewChecks: readonly Check[] = [
  whole(
    'zero',
    'must',
    'handles a preview of 0 bytes',
    'A message with `Preview: 0`; the body follows 100 Continue.',
    'Clients that ask with the headers alone wait in vain, or lose the body.',
    () => ({ preview: 0 }),
  ),
  whole(
    'larger-body',
    'must',
    'joins preview and rest of a larger body',
    'A message of the offered preview (4 KiB at most) and 500 bytes more, which follow 100 Continue.',
    'Users get files that are cut off or doubled at the end of the preview.',
    (size) => ({ preview: size, body: text(size + 500) }),
  ),
  whole(
    'exact',
    'must',
    'handles a body that is exactly as long as the preview, with its end not yet known',
    'A message of the offered preview, ended with plain `0`; then only the last chunk.',
    'Messages of one special length hang.',
    (size) => ({ preview: size, body: text(size), endUnknown: true }),
  ),
  whole(
    'fewer-bytes',
    'must',
    'handles a preview that is shorter than announced',
    'A message with the offered Preview of which only half is sent, ended with plain `0`.',
    'Messages from slow origins hang or are cut off.',
    (size) => ({ preview: size, first: Math.ceil(size / 2), body: text(size + 100) }),
  ),
  {
    id: 'preview.ieof',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'answers a preview that holds the whole body at once, without 100',
    clause: CLAUSE,
    sends: 'A message of 40 bytes within its preview, ended with `0; ieof`.',
    means: 'Small messages hang: the client has nothing more to send.',
    run: (context) => complete(context, { body: text(40) }),
  },
  {
    id: 'preview.ieof-no-blank',
    group: 'preview',
    level: 'should',
    needs: 'message',
    title: 'takes `0;ieof` without blank',
    clause: `${CLAUSE}; RFC 2616 §3.6.1`,
    sends: 'A message of 40 bytes within its preview, ended with `0;ieof`.',
    means: 'Small messages of clients that save the blank hang.',
    run: (context) => complete(context, { body: text(40), ieof: '0;ieof' }),
  },
  {
    id: 'preview.ieof-case',
    group: 'preview',
    level: 'should',
    needs: 'message',
    title: 'takes `ieof` in any case',
    clause: `${CLAUSE}; RFC 2616 §2.1`,
    sends: 'A message of 40 bytes within its preview, ended with `0; IEOF`.',
    means: 'Small messages of clients that write it in capitals fail.',
    run: (context) => complete(context, { body: text(40), ieof: '0; IEOF' }),
  },
  {
    id: 'preview.empty-body',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'takes a complete preview of an empty body',
    clause: CLAUSE,
    sends: 'A message with a body part of 0 bytes, ended with `0; ieof`.',
    means: 'Empty files hang.',
    run: (context) => complete(context, { body: Buffer.alloc(0) }),
  },
  {
    id: 'preview.null-body',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'takes Preview on a message without body, and waits for nothing',
    clause: `${CLAUSE}, §4.4.1`,
    sends: 'A message with `Preview: 0` and null-body, as for a HEAD request.',
    means: 'Messages without body hang.',
    run: (context) => complete(context, { body: null, preview: 0 }),
  },
  {
    id: 'preview.no-204-after-100',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'does not answer 204 after 100 unless the client allows it',
    clause: `${CLAUSE}, §4.6`,
    sends: 'A message with `Preview: 0` and without `Allow: 204`.',
    means: 'The client has let go of the body by then: users get damaged or empty files.',
    async run(context) {
      const offered = unoffered(context);
      if (offered !== null) return offered;
      const { interims, final } = await context.zeroPreview();
      if (final.kind !== 'response') return wrong(final.what);
      if (interims.length === 0) return skip(`100 Continue was not needed: ${told(final)}`);
      return statusOf(final) === 204
        ? wrong('100 Continue, then 204')
        : right(`100 Continue, then ${told(final)}`);
    },
  },
  {
    id: 'preview.one-continue',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'says 100 Continue at most once',
    clause: CLAUSE,
    sends: 'A message with `Preview: 0`.',
    means: 'The client takes the second one for the answer.',
    async run(context) {
      const offered = unoffered(context);
      if (offered !== null) return offered;
      const { interims, final } = await context.zeroPreview();
      return interims.length > 1
        ? wrong(`${interims.length} times 100`)
        : right(answers({ interims, final }));
    },
  },
  {
    id: 'preview.bare-continue',
    group: 'preview',
    level: 'should',
    needs: 'message',
    title: 'sends 100 Continue without Encapsulated, or with null-body=0',
    clause: `${CLAUSE}; erratum 1`,
    sends: 'A message with `Preview: 0`.',
    means: 'Some clients look for a message in it.',
    async run(context) {
      const offered = unoffered(context);
      if (offered !== null) return offered;
      const [interim] = (await context.zeroPreview()).interims;
      if (interim === undefined) return skip('100 Continue was not needed');
      const value = fieldValue(interim.headers, 'encapsulated');
      return value === undefined || /^null-body\s*=\s*0$/i.test(value)
        ? right(value ?? 'absent')
        : wrong(value);
    },
  },
  {
    id: 'preview.several-chunks',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'takes a rest in several chunks',
    clause: `${CLAUSE}; erratum 9`,
    sends: 'A message with `Preview: 0`; after 100 Continue the body in chunks of 7 bytes.',
    means: 'Users get files that are cut off.',
    async run(context) {
      const offered = unoffered(context);
      if (offered !== null) return offered;
      const body = text(70);
      const pieces = Array.from(
        { length: 10 },
        (_, i) => `7\r\n${body.toString('latin1', i * 7, i * 7 + 7)}\r\n`,
      );
      const outgoing = context.message({ preview: 0, body, chunks: `${pieces.join('')}0\r\n\r\n` });
      return acceptedWhole(await context.exchange(outgoing), context.facts.plain);
    },
  },
  {
    id: 'preview.with-204',
    group: 'preview',
    level: 'must',
    needs: 'message',
    title: 'handles a preview together with Allow: 204',
    clause: `${CLAUSE}, §4.6`,
    sends: 'A message with `Preview: 0` and `Allow: 204`.',
    means: 'The usual way in which proxies ask does not work.',
    async run(context) {
      const offered = unoffered(context);
      if (offered !== null) return offered;
      const exchanged = await context.exchange(context.message({ preview: 0, allow: '204' }));
      const finding = acceptedWhole(exchanged, context.facts.plain);
      return finding.result === 'right' ? right(answers(exchanged)) : finding;
    },
  },
  {
    id: 'preview.too-long',
    group: 'preview',
    level: 'should',
    needs: 'message',
    intrusive: true,
    title: 'answers a preview that is longer than announced, if only with 400',
    clause: CLAUSE,
    sends: 'A message with `Preview: 4` and 200 bytes of preview.',
    means: 'A broken client holds a handler until a timeout.',
    async run(context) {
      const outgoing = context.message({ preview: 4, first: 200, body: text(300) });
      const { final } = await context.exchange(outgoing);
      const usable = problemOf(final) === null;
      return usable || refused(final) ? right(told(final)) : wrong(told(final));
    },
  },
];

/** A check that a body comes back whole behind this preview. `size`: bytes offered, 4 KiB at most. */
function whole(
  what: string,
  level: Level,
  title: string,
  sends: string,
  means: string,
  parts: (size: number) => MessageParts,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const offered = unoffered(context);
    if (offered !== null) return offered;
    const size = Math.min(context.facts.preview!, MAX_PREVIEW);
    if (size === 0 && what !== 'zero') return skip('the service wants previews of 0 bytes');
    const exchanged = await context.exchange(context.message(parts(size)));
    const finding = acceptedWhole(exchanged, context.facts.plain);
    return { ...finding, saw: finding.result === 'right' ? answers(exchanged) : finding.saw };
  };
  return {
    id: `preview.${what}`,
    group: 'preview',
    level,
    needs: 'message',
    title,
    clause: CLAUSE,
    sends,
    means,
    run,
  };
}

/** A preview that holds everything: a final answer is due, and 100 is not. */
async function complete(context: CheckContext, parts: MessageParts): Promise<Finding> {
  const offered = unoffered(context);
  if (offered !== null) return offered;
  const size = Math.max(context.facts.preview!, parts.body?.length ?? 0);
  const exchanged = await context.exchange(
    context.message({ preview: Math.min(size, MAX_PREVIEW), ...parts }),
  );
  if (exchanged.interims.length > 0) return wrong(`100 Continue where nothing is left to send`);
  return accepted(exchanged);
}

function unoffered(context: CheckContext): Finding | null {
  return context.facts.preview === null ? skip('no preview offered') : null;
}

function answers({ interims, final }: Pick<Exchanged, 'interims' | 'final'>): string {
  return [...interims.map(() => '100 Continue'), told(final)].join(', then ');
}

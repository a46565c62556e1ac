// Checks of 206, the answer that changes the beginning of a message and lets the client keep the rest.
// All but the first are for services that offer it. draft-icap-ext-partial-content-07; C-61 … C-68, C-82.

import { fieldValue } from '../../codec/fields.ts';
import type { CheckContext, Exchanged } from '../context.ts';
import { viewHttp } from '../http-view.ts';
import { accepted, inStep, right, skip, statusOf, told, useOriginalFrom, wrong } from '../judge.ts';
import type { MessageParts } from '../message.ts';
import { responseSection } from '../message.ts';
import { text } from '../samples.ts';
import type { Check, Finding } from '../types.ts';

const DRAFT = 'draft-icap-ext-partial-content-07';
const HTML = Buffer.concat([
  Buffer.from('<html><head></head><body><p>'),
  text(3000),
  Buffer.from('</p></body></html>'),
]);

export const partialChecks: readonly Check[] = [
  {
    id: 'partial.not-unasked',
    group: 'partial',
    level: 'must',
    needs: 'message',
    title: 'does not answer 206 to a client that does not offer it',
    clause: `${DRAFT} §5.1`,
    sends: 'Messages of HTML with `Allow: 204` and without Allow.',
    means: 'Clients that do not know 206 show an error, or half a page.',
    async run(context) {
      for (const parts of [{ allow: '204' }, {}]) {
        const { final } = await context.exchange(page(context, parts));
        if (statusOf(final) === 206) return wrong(told(final));
      }
      return right('never');
    },
  },
  offered('in-preview', 'must', 'gives a usable answer to a preview of a client that offers 206', {
    clause: `${DRAFT} §5.1, §5.2`,
    sends: 'A message of HTML with a preview and `Allow: 206`.',
    means: 'Users get damaged pages.',
    run: async (context) =>
      usable(await context.exchange(page(context, { allow: '206', preview: size(context) }))),
  }),
  offered(
    'not-outside-preview',
    'must',
    'answers without 206 outside a preview when 204 is not allowed too',
    {
      clause: `${DRAFT} §5.1`,
      sends: 'A message of HTML with `Allow: 206` and no preview.',
      means: 'Clients that can hold back only a preview get errors, or half a page.',
      async run(context) {
        const exchanged = await context.exchange(page(context, { allow: '206' }));
        return statusOf(exchanged.final) === 206 ? wrong(told(exchanged.final)) : accepted(exchanged);
      },
    },
  ),
  offered('outside-preview', 'must', 'gives a usable answer to a client that offers 204 and 206', {
    clause: `${DRAFT} §5.1, §5.2`,
    sends: 'A message of HTML with `Allow: 204, 206` and no preview.',
    means: 'Users get damaged pages.',
    run: async (context) => usable(await context.exchange(page(context, { allow: '204, 206' }))),
  }),
  offered('drained', 'must', 'reads the message to its end after an early 206', {
    clause: `${DRAFT} §5; erratum 7`,
    sends: 'A message of HTML with `Allow: 204, 206` in two halves, then OPTIONS on the same connection.',
    means: 'The rest of a body is taken for the next request; answers get mixed up.',
    async run(context) {
      const outgoing = page(context, { allow: '204, 206' });
      const dialogue = await context.open();
      const half = outgoing.bytes.length - 1500;
      await dialogue.send(outgoing.bytes.subarray(0, half));
      await new Promise((resolve) => setTimeout(resolve, context.momentMs));
      await dialogue.send(outgoing.bytes.subarray(half));
      const { final } = await dialogue.finalAnswer(outgoing);
      return inStep(dialogue, final, context.options());
    },
  }),
  offered('content-length', 'should', 'gives the length of the whole body in a 206', {
    clause: `${DRAFT} §6`,
    sends: 'A message of HTML with `Allow: 204, 206`.',
    means: 'Users get pages that are cut off, or wait for their end.',
    async run(context) {
      const exchanged = await context.exchange(page(context, { allow: '204, 206' }));
      const { final, outgoing } = exchanged;
      if (final.kind !== 'response' || final.response.status !== 206) return skip(`no 206: ${told(final)}`);
      const section = final.response.httpHeader;
      const length =
        section === null ? undefined : fieldValue(viewHttp(section.bytes).headers, 'content-length');
      if (length === undefined) return skip('no Content-Length');
      const from = useOriginalFrom(final.response);
      const whole = final.response.bodyBytes + (from === null ? 0 : outgoing.body!.length - from);
      return Number(length) === whole
        ? right(`${length} bytes`)
        : wrong(`Content-Length: ${length}, the body has ${whole}`);
    },
  }),
  offered('null-body', 'must', 'does not answer 206 to a message without body', {
    clause: `${DRAFT} §5`,
    sends: 'A message without body and with `Allow: 204, 206`.',
    means: 'Clients have no original to use, and show an error.',
    async run(context) {
      const exchanged = await context.exchange(context.message({ body: null, allow: '204, 206' }));
      return statusOf(exchanged.final) === 206 ? wrong(told(exchanged.final)) : accepted(exchanged);
    },
  }),
];

function offered(
  what: string,
  level: Check['level'],
  title: string,
  rest: Pick<Check, 'clause' | 'sends' | 'means' | 'run'>,
): Check {
  const run = (context: CheckContext): Promise<Finding> | Finding =>
    context.facts.allow.includes('206') ? rest.run(context) : skip('206 is not offered');
  return { ...rest, id: `partial.${what}`, group: 'partial', level, needs: 'message', title, run };
}

/** A message of HTML, which services that insert something change. */
function page(context: CheckContext, parts: MessageParts) {
  const responseHead =
    context.facts.primary === 'RESPMOD' ? { responseHead: responseSection(HTML, 'text/html') } : {};
  return context.message({ body: HTML, ...responseHead, ...parts });
}

function size(context: CheckContext): number {
  return Math.min(context.facts.preview ?? 0, 1024);
}

function usable(exchanged: Exchanged): Finding {
  const { final, outgoing } = exchanged;
  const finding = accepted(exchanged);
  if (final.kind !== 'response' || final.response.status !== 206) return finding;
  const from = useOriginalFrom(final.response);
  if (from === null) return right('206 with a body of its own');
  const total = outgoing.body!.length;
  return from <= total
    ? right(`206, then the original from byte ${from} on`)
    : wrong(`use-original-body=${from} of a body of ${total} bytes`);
}

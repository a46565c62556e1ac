// Checks of a connection over several requests: it stays open, in step, and every request gets exactly
// one final answer. RFC 3507 §4.1, §4.5, §6.2, errata 6 and 7; C-80 … C-85.

import type { CheckContext } from '../context.ts';
import { accepted, announcesClose, inStep, right, skip, statusOf, told, wrong } from '../judge.ts';
import { text } from '../samples.ts';
import type { Check, Finding } from '../types.ts';

const ROUNDS = 10;

export const persistenceChecks: readonly Check[] = [
  {
    id: 'persistence.options',
    group: 'persistence',
    level: 'should',
    needs: 'options',
    title: 'keeps a connection open after OPTIONS',
    clause: 'RFC 3507 §4.1',
    sends: 'OPTIONS twice on one connection.',
    means: 'Every request pays for a new connection.',
    async run(context) {
      const { dialogue, final } = await context.exchange(context.options());
      if (announcesClose(final)) return wrong('"Connection: close" after the first answer');
      return inStep(dialogue, final, context.options());
    },
  },
  {
    id: 'persistence.messages',
    group: 'persistence',
    level: 'should',
    needs: 'message',
    title: `serves ${ROUNDS} messages on one connection`,
    clause: 'RFC 3507 §4.1',
    sends: `${ROUNDS} messages with \`Allow: 204\`, one after the other.`,
    means: 'Connections wear out quickly, and messages pay for new ones.',
    async run(context) {
      const dialogue = await context.open();
      for (let round = 1; round <= ROUNDS; round++) {
        const exchanged = await context.exchange(context.message({ allow: '204' }), dialogue);
        const finding = accepted(exchanged);
        if (finding.result === 'wrong') return wrong(`message ${round}: ${finding.saw}`);
        if (announcesClose(exchanged.final) && round < ROUNDS) return wrong(`closes after message ${round}`);
      }
      return right(`${ROUNDS} answers`);
    },
  },
  {
    id: 'persistence.in-step',
    group: 'persistence',
    level: 'must',
    needs: 'message',
    title: 'is ready for the next request after a message that came back',
    clause: 'RFC 3507 §4.1, §6.2 (1004)',
    sends: 'A message without `Allow: 204`, then OPTIONS on the same connection.',
    means: 'The client reads an answer that belongs to another message.',
    async run(context) {
      const { dialogue, final } = await context.exchange(context.message());
      return inStep(dialogue, final, context.options());
    },
  },
  {
    id: 'persistence.one-answer',
    group: 'persistence',
    level: 'must',
    needs: 'message',
    title: 'gives one final answer to a message, and nothing behind it',
    clause: 'RFC 3507 §4.5',
    sends: 'A message with `Allow: 204`; listens for 0.3 s after the answer.',
    means: 'The client reads an answer that belongs to another message.',
    async run(context) {
      const { dialogue, final } = await context.exchange(context.message({ allow: '204' }));
      if (final.kind !== 'response') return wrong(final.what);
      const { bytes } = await dialogue.closesWithin(context.momentMs);
      return bytes === 0 ? right(told(final)) : wrong(`${told(final)}, then ${bytes} stray bytes`);
    },
  },
  {
    id: 'persistence.after-preview',
    group: 'persistence',
    level: 'must',
    needs: 'message',
    title: 'is ready for the next request after it has answered a preview',
    clause: 'RFC 3507 §4.5',
    sends: 'A message larger than its preview with `Allow: 204`, then OPTIONS on the same connection.',
    means: 'Client and server disagree whether the rest of the body follows; both wait, or read nonsense.',
    async run(context) {
      const { preview } = context.facts;
      if (preview === null) return skip('no preview offered');
      const size = Math.min(preview, 4096);
      const outgoing = context.message({ preview: size, body: text(size + 300), allow: '204' });
      const { dialogue, final } = await context.exchange(outgoing);
      return inStep(dialogue, final, context.options());
    },
  },
  {
    id: 'persistence.early-answer',
    group: 'persistence',
    level: 'must',
    needs: 'message',
    title: 'reads on when it has answered before the end of the message',
    clause: 'RFC 3507 erratum 7',
    sends: 'A message of 8 KiB with `Allow: 204`, the second half 0.3 s after the first; then OPTIONS.',
    means: 'The rest of a body is taken for the next request; answers get mixed up.',
    async run(context) {
      const outgoing = context.message({ body: text(8 * 1024), allow: '204' });
      const dialogue = await context.open();
      const half = outgoing.bytes.length - 4096;
      await dialogue.send(outgoing.bytes.subarray(0, half));
      await new Promise((resolve) => setTimeout(resolve, context.momentMs));
      const early = dialogue.unreadBytes > 0;
      await dialogue.send(outgoing.bytes.subarray(half));
      const { final } = await dialogue.finalAnswer(outgoing);
      const finding = await inStep(dialogue, final, context.options());
      return { ...finding, saw: `${early ? 'answered early' : 'answered at the end'}: ${finding.saw}` };
    },
  },
  {
    id: 'persistence.pipelined',
    group: 'persistence',
    level: 'should',
    needs: 'options',
    title: 'answers two requests that were sent at once, in order',
    clause: 'RFC 3507 §4.1',
    sends: 'OPTIONS twice in one packet.',
    means: 'A client that does not wait for each answer loses requests; few clients do so.',
    run: pipelined,
  },
];

async function pipelined(context: CheckContext): Promise<Finding> {
  const outgoing = context.options();
  const dialogue = await context.open();
  await dialogue.send(Buffer.concat([outgoing.bytes, outgoing.bytes]));
  const first = await dialogue.answer(outgoing);
  if (statusOf(first) !== 200) return wrong(`the first request: ${told(first)}`);
  const second = await dialogue.answer(outgoing);
  return statusOf(second) === 200 ? right('both answered') : wrong(`the second request: ${told(second)}`);
}

// Checks of 204, the answer that lets a message pass without sending it back: only to clients that allow
// it, and then whenever possible. RFC 3507 §4.6; C-20, C-50, C-60, C-63.

import type { CheckContext } from '../context.ts';
import { accepted, inStep, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { MessageParts } from '../message.ts';
import type { Check, Finding } from '../types.ts';

const CLAUSE = 'RFC 3507 §4.6';
const MAX_TRIES = 3;

export const noContentChecks: readonly Check[] = [
  {
    id: 'no-content.not-unasked',
    group: 'no-content',
    level: 'must',
    needs: 'options',
    title: 'does not answer 204 to a client that does not allow it',
    clause: CLAUSE,
    sends: 'A harmless message without Preview and without `Allow: 204`.',
    means: 'The client has let go of the message by then: users get errors or empty files.',
    async run(context) {
      const { final } = await context.plainMessage();
      if (final.kind !== 'response') return skip(final.what);
      return statusOf(final) === 204 ? wrong(told(final)) : right(told(final));
    },
  },
  {
    id: 'no-content.when-allowed',
    group: 'no-content',
    level: 'should',
    needs: 'message',
    title: 'answers 204 for a harmless message when the client allows it',
    clause: CLAUSE,
    sends: 'A harmless message with `Allow: 204`.',
    means: 'Every message travels back whole: twice the traffic, and slower.',
    run: (context) => gives204(context, { allow: '204' }),
  },
  {
    id: 'no-content.null-body',
    group: 'no-content',
    level: 'should',
    needs: 'message',
    title: 'answers 204 for a harmless message without body',
    clause: CLAUSE,
    sends: 'A message without body (a GET request, or the response to HEAD) with `Allow: 204`.',
    means: 'Headers travel back that nobody has changed.',
    run: (context) => gives204(context, { allow: '204', body: null }),
  },
  {
    id: 'no-content.bare',
    group: 'no-content',
    level: 'must',
    needs: 'message',
    title: 'sends 204 without any message in it, and stays in step',
    clause: `${CLAUSE}; erratum 1`,
    sends: 'A harmless message with `Allow: 204`, then OPTIONS on the same connection.',
    means: 'Clients wait for a message that never comes, or choke on one that does.',
    async run(context) {
      const { dialogue, final } = await context.exchange(context.message({ allow: '204' }));
      if (final.kind !== 'response') return wrong(final.what);
      if (final.response.status !== 204) return skip(`no 204: ${told(final)}`);
      const odd = final.response.notes.find((note) => note.startsWith('C-20'));
      return odd === undefined ? inStep(dialogue, final, context.options()) : wrong(odd);
    },
  },
  tokens(
    'in-list',
    'must',
    'finds 204 among other words in Allow, known or not',
    'A message with `Allow: trailers, 206, x-doctor, 204`.',
    'Clients that offer more than 204 are refused or get everything back.',
    { allow: 'trailers, 206, x-doctor, 204' },
  ),
  tokens(
    'two-fields',
    'should',
    'finds 204 in the second of two Allow fields',
    'A message with `Allow: x-doctor` and `Allow: 204`.',
    'Legal and rare: such clients get everything back.',
    { fields: ['Allow: x-doctor', 'Allow: 204'] },
  ),
  {
    id: 'no-content.whole-word',
    group: 'no-content',
    level: 'should',
    needs: 'message',
    title: 'takes only the whole word 204 in Allow for leave',
    clause: `${CLAUSE}; draft-icap-ext-partial-content-07 §3`,
    sends: 'A message with `Allow: 12040`.',
    means: 'Harmless with today’s clients: nobody sends such a word.',
    async run(context) {
      const { final, finding } = await untilUnmodified(context, { allow: '12040' });
      return statusOf(final) === 204 ? wrong(told(final)) : finding;
    },
  },
];

/** Sends a message until it is answered 204, three times at most: some services answer 204 by turns. */
async function untilUnmodified(context: CheckContext, parts: MessageParts) {
  for (let tries = 1; ; tries++) {
    const exchanged = await context.exchange(context.message(parts));
    const finding = accepted(exchanged);
    if (statusOf(exchanged.final) !== 200 || tries >= MAX_TRIES) return { final: exchanged.final, finding };
  }
}

async function gives204(context: CheckContext, parts: MessageParts): Promise<Finding> {
  const { final } = await untilUnmodified(context, parts);
  if (final.kind !== 'response') return wrong(final.what);
  if (statusOf(final) === 204) return right(told(final));
  const { plain, allow } = context.facts;
  if (plain.kind === 'changed' || plain.kind === 'replaced') return skip('this service changes what it gets');
  return wrong(`${told(final)}${allow.includes('204') ? ', although OPTIONS offers 204' : ''}`);
}

/** A check that a spelling of Allow is understood: 204 wherever plain `Allow: 204` leads to it. */
function tokens(
  what: string,
  level: Check['level'],
  title: string,
  sends: string,
  means: string,
  parts: MessageParts,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const { final, finding } = await untilUnmodified(context, parts);
    if (statusOf(final) !== 200) return finding;
    const usual = statusOf((await untilUnmodified(context, { allow: '204' })).final);
    return usual === 204 ? wrong('200, where plain "Allow: 204" gets 204') : finding;
  };
  const clause = `${CLAUSE}; draft-icap-ext-partial-content-07 §3`;
  return {
    id: `no-content.${what}`,
    group: 'no-content',
    level,
    needs: 'message',
    title,
    clause,
    sends,
    means,
    run,
  };
}

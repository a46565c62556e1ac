// Checks of ISTag, the field by which clients know whether what they have cached still holds.
// RFC 3507 §4.7; C-110 … C-113.

import { fieldValue } from '../../codec/fields.ts';
import type { Reply } from '../dialogue.ts';
import { field, right, skip, statusOf, told, wrong } from '../judge.ts';
import type { Check, Finding } from '../types.ts';

const MAX_ISTAG = 32; // bytes
const CLAUSE = 'RFC 3507 §4.7';

export const istagChecks: readonly Check[] = [
  {
    id: 'istag.options',
    group: 'istag',
    level: 'must',
    needs: 'options',
    title: 'has ISTag in the OPTIONS answer',
    clause: `${CLAUSE}, §4.10.2`,
    sends: 'OPTIONS.',
    means: 'Clients cannot tell when the service has changed; some refuse it.',
    run: async (context) => present((await context.bareOptions()).final),
  },
  {
    id: 'istag.quoted',
    group: 'istag',
    level: 'should',
    needs: 'options',
    title: 'writes ISTag as a quoted string of at most 32 bytes',
    clause: CLAUSE,
    sends: 'OPTIONS.',
    means: 'Strict clients cut the tag or refuse the answer.',
    async run(context) {
      const tag = field((await context.bareOptions()).final, 'istag');
      if (tag === undefined) return skip('no ISTag');
      if (!/^"[^"]*"$/.test(tag)) return wrong(`not quoted: ${tag}`);
      return tag.length - 2 > MAX_ISTAG ? wrong(`${tag.length - 2} bytes: ${tag}`) : right(tag);
    },
  },
  {
    id: 'istag.stable',
    group: 'istag',
    level: 'should',
    needs: 'options',
    title: 'keeps its ISTag from one answer to the next',
    clause: CLAUSE,
    sends: 'OPTIONS three times, on three connections.',
    means: 'A new tag each time makes clients throw away what they have cached, with every answer.',
    async run(context) {
      const tags: string[] = [];
      for (let i = 0; i < 3; i++) {
        const { final } = await context.exchange(context.options());
        if (final.kind !== 'response') return wrong(final.what);
        tags.push(fieldValue(final.response.headers, 'istag') ?? '');
      }
      if (tags.includes('')) return skip('no ISTag');
      return new Set(tags).size === 1 ? right(`three times ${tags[0]!}`) : wrong(tags.join(', '));
    },
  },
  {
    id: 'istag.message',
    group: 'istag',
    level: 'must',
    needs: 'message',
    title: 'has ISTag in the answer to a message',
    clause: CLAUSE,
    sends: 'A message with `Allow: 204`.',
    means: 'Clients keep results that the server has made invalid.',
    run: async (context) => present((await context.allowedMessage()).final),
  },
  {
    id: 'istag.same',
    group: 'istag',
    level: 'should',
    needs: 'message',
    title: 'has the same ISTag in messages as in OPTIONS',
    clause: CLAUSE,
    sends: 'A message with `Allow: 204`; compares with the OPTIONS answer.',
    means: 'Clients fetch OPTIONS again after every message.',
    async run(context) {
      const ofOptions = field((await context.bareOptions()).final, 'istag');
      const ofMessage = field((await context.allowedMessage()).final, 'istag');
      if (ofOptions === undefined || ofMessage === undefined) return skip('no ISTag');
      return unquoted(ofOptions) === unquoted(ofMessage)
        ? right(ofMessage)
        : wrong(`${ofMessage}, in OPTIONS ${ofOptions}`);
    },
  },
  {
    id: 'istag.error',
    group: 'istag',
    level: 'must',
    needs: 'options',
    title: 'has ISTag in error answers',
    clause: CLAUSE,
    sends: 'OPTIONS for a path that does not exist.',
    means: 'Against the letter of the RFC; clients in the field do without it.',
    async run(context) {
      const { final } = await context.unknownPath();
      return (statusOf(final) ?? 0) >= 400 ? present(final) : skip(`no error to look at: ${told(final)}`);
    },
  },
  {
    id: 'istag.continue',
    group: 'istag',
    level: 'must',
    needs: 'message',
    title: 'has ISTag in 100 Continue',
    clause: CLAUSE,
    sends: 'A message with `Preview: 0`.',
    means: 'Against the letter of the RFC; clients in the field do without it.',
    async run(context) {
      if (context.facts.preview === null) return skip('no preview offered');
      const [interim] = (await context.zeroPreview()).interims;
      if (interim === undefined) return skip('100 Continue was not needed');
      return present({ kind: 'response', response: interim });
    },
  },
];

function present(reply: Reply): Finding {
  if (reply.kind !== 'response') return wrong(reply.what);
  const tag = field(reply, 'istag');
  return tag === undefined || tag === ''
    ? wrong(`${told(reply)} without ISTag`)
    : right(`${told(reply)}, ${tag}`);
}

/** Clients compare what is within the quotes (C-112). */
function unquoted(tag: string): string {
  return tag.replace(/^"([^"]*)"$/, '$1');
}

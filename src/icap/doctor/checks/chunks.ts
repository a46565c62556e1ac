// Checks of how the server reads chunked bodies in all their legal forms. RFC 3507 §4.4 with RFC 2616
// §3.6.1; C-30 … C-34.

import type { CheckContext } from '../context.ts';
import { acceptedWhole, accepted } from '../judge.ts';
import { chunked, LAST_CHUNK } from '../message.ts';
import { text } from '../samples.ts';
import type { Check, Finding, Level } from '../types.ts';

const BODY = Buffer.from('0123456789abcdef0123456789');
const [FIRST, SECOND] = [BODY.subarray(0, 10).toString(), BODY.subarray(10).toString()];

export const chunkChecks: readonly Check[] = [
  reads(
    'upper-case',
    'must',
    'reads chunk sizes in upper case',
    'A body with the chunk sizes `A` and `10`.',
    'Bodies of some clients are refused.',
    () => `A\r\n${FIRST}\r\n10\r\n${SECOND}\r\n${LAST_CHUNK}`,
  ),
  reads(
    'leading-zeros',
    'must',
    'reads chunk sizes with leading zeros',
    'A body with the chunk sizes `000A` and `0010`, and `0000` at the end.',
    'Bodies of clients that write sizes in a fixed width are refused.',
    () => `000A\r\n${FIRST}\r\n0010\r\n${SECOND}\r\n0000\r\n\r\n`,
  ),
  reads(
    'extension',
    'must',
    'ignores a chunk extension that it does not know',
    'A body with the chunk line `a;doctor=1`.',
    'Messages that came with an extension from elsewhere are dropped: strip extensions before the server.',
    () => `a;doctor=1\r\n${FIRST}\r\n10\r\n${SECOND}\r\n${LAST_CHUNK}`,
  ),
  reads(
    'extension-quoted',
    'must',
    'ignores a chunk extension with a quoted value',
    'A body with the chunk line `a; doctor="x;y"`.',
    'Messages that came with an extension from elsewhere are dropped: strip extensions before the server.',
    () => `a; doctor="x;y"\r\n${FIRST}\r\n10\r\n${SECOND}\r\n${LAST_CHUNK}`,
  ),
  reads(
    'last-extension',
    'must',
    'ignores an extension of the last chunk that it does not know',
    'A body that ends with `0;doctor=1`.',
    'Messages that came with an extension from elsewhere are dropped: strip extensions before the server.',
    () => `1a\r\n${FIRST}${SECOND}\r\n0;doctor=1\r\n\r\n`,
  ),
  reads(
    'many-small',
    'must',
    'reads a body in chunks of one byte',
    'A body of 26 chunks.',
    'Bodies from slow origins are refused or damaged.',
    () => chunked(BODY, LAST_CHUNK, 1),
  ),
  {
    id: 'chunks.one-large',
    group: 'chunks',
    level: 'must',
    needs: 'message',
    title: 'reads a body in one chunk of 48 KiB',
    clause: 'RFC 3507 §4.4, §6.3',
    sends: 'A body of 48 KiB in one chunk.',
    means: 'Clients that send large chunks are refused.',
    async run(context) {
      const body = text(48 * 1024);
      const outgoing = context.message({ body, chunks: chunked(body, LAST_CHUNK, body.length) });
      return acceptedWhole(await context.exchange(outgoing), context.facts.plain);
    },
  },
  {
    id: 'chunks.empty-body',
    group: 'chunks',
    level: 'must',
    needs: 'message',
    title: 'takes a body that turns out to be empty',
    clause: 'RFC 3507 §4.4; RFC 2616 §3.6.1',
    sends: 'A message with a body part that consists of the last chunk only.',
    means: 'Messages of unknown length that turn out to be empty are refused.',
    run: async (context) => accepted(await context.exchange(context.message({ body: Buffer.alloc(0) }))),
  },
];

/** A check that a body in this form is taken, and comes back whole where the service gives it back. */
function reads(
  what: string,
  level: Level,
  title: string,
  sends: string,
  means: string,
  wire: () => string | Buffer,
): Check {
  const run = async (context: CheckContext): Promise<Finding> => {
    const exchanged = await context.exchange(context.message({ body: BODY, chunks: wire() }));
    return acceptedWhole(exchanged, context.facts.plain);
  };
  const clause = 'RFC 3507 §4.4; RFC 2616 §3.6.1';
  return { id: `chunks.${what}`, group: 'chunks', level, needs: 'message', title, clause, sends, means, run };
}

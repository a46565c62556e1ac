// How V8's heap is kept in a process that passes bodies on. V8 counts the external memory of buffers against
// a limit that it draws around the live heap; bodies that pass through fill it many times a second, and each
// time the whole heap is marked. And it may decide to allocate what one message needs among the old objects,
// where it holds everything that belongs to the message until the next major collection. For a process that
// is Weir's own (docs/decisions/0010).

import { setFlagsFromString } from 'node:v8';

const GROWTH = '--heap-growing-percent';
const PERCENT = 300; // collected when heap and buffers are four times what the last collection left
const PRETENURING = 'allocation-site-pretenuring';

/**
 * Lets heap and buffers grow to four times their live size between two major collections, and keeps new
 * objects young. For processes that Weir starts, before they serve; a host that embeds Weir decides for
 * itself. A flag that the user gave to Node stays in force.
 */
export function tuneHeap(): void {
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  if (!given.some((option) => option.startsWith(GROWTH))) setFlagsFromString(`${GROWTH}=${PERCENT}`);
  if (!given.some((option) => option.includes(PRETENURING))) setFlagsFromString(`--no-${PRETENURING}`);
}

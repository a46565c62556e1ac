// How far V8's old generation may grow before it is collected. V8 counts the external memory of buffers
// against a limit that it draws around the live heap; bodies that pass through fill it many times a second,
// and each time the whole heap is marked. For a process that is Weir's own (docs/decisions/0010).

import { setFlagsFromString } from 'node:v8';

const FLAG = '--heap-growing-percent';
const PERCENT = 300; // collected when heap and buffers are four times what the last collection left

/**
 * Lets heap and buffers grow to four times their live size between two major collections. For processes
 * that Weir starts, before they serve; a host that embeds Weir decides for itself. A flag that the user gave
 * to Node stays in force.
 */
export function allowHeapGrowth(): void {
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  if (given.some((option) => option.startsWith(FLAG))) return;
  setFlagsFromString(`${FLAG}=${PERCENT}`);
}

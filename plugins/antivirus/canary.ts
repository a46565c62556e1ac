// What every set of rules must find before it may judge: the EICAR test file. Rules that hide others (global
// ones do) would otherwise take over silently. Kept in halves, so that no scanner takes this file for it.

const FIRST_HALF = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}';
const SECOND_HALF = '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';

/** The 68 bytes, as a new buffer. */
export function canary(): Buffer {
  return Buffer.from(FIRST_HALF + SECOND_HALF, 'latin1');
}

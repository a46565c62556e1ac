// Huffman coding of HPACK strings: decodes only, since a string may be sent as it is. The code is canonical,
// so the length of each symbol's code is all there is to know. RFC 7541 §5.2, appendix B.

import { COMPRESSION_ERROR, Http2CodecError } from './codec-error.ts';

/** Length in bits of each symbol's code, as a digit of base 36; the last symbol is the end of the string. */
const LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad6777777777777777777777787' +
  '8djde6f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllml' +
  'nmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu';
const SYMBOLS = 257;
const END = 256;
const STEP = 8; // bits that a table decides
const TABLE = 1 << STEP;

/**
 * Tables of 256 entries, one behind the other. An entry says what the next eight bits mean: a symbol and how
 * many of the bits are its, as `symbol << 4 | bits`; or that more bits are needed, as `-table`.
 */
const TABLES: Int32Array = buildTables();

function buildTables(): Int32Array {
  const lengths = Array.from({ length: SYMBOLS }, (_, symbol) => Number.parseInt(LENGTHS[symbol]!, 36));
  const tables: number[][] = [new Array<number>(TABLE).fill(0)];
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    for (let symbol = 0; symbol < SYMBOLS; symbol++) {
      if (lengths[symbol] === length) place(tables, symbol, code++, length);
    }
    code *= 2;
  }
  return Int32Array.from(tables.flat());
}

function place(tables: number[][], symbol: number, code: number, length: number): void {
  let table = 0;
  let left = length;
  for (; left > STEP; left -= STEP) {
    const bits = (code >>> (left - STEP)) & (TABLE - 1);
    if (tables[table]![bits] === 0) {
      tables[table]![bits] = -tables.length;
      tables.push(new Array<number>(TABLE).fill(0));
    }
    table = -tables[table]![bits]!;
  }
  const from = (code << (STEP - left)) & (TABLE - 1);
  tables[table]!.fill((symbol << 4) | left, from, from + (1 << (STEP - left)));
}

/** Bytes that `length` bytes of Huffman code can become at most: no code is shorter than five bits. */
export function decodedAtMost(length: number): number {
  return Math.floor((length * 8) / 5);
}

/**
 * Decodes `source[from, to)` into `target`, which has {@link decodedAtMost} bytes of room.
 *
 * @returns how many bytes were written
 * @throws {Http2CodecError} `COMPRESSION_ERROR`: the end symbol, or padding that is none (RFC 7541 §5.2)
 */
export function decodeHuffman(source: Buffer, from: number, to: number, target: Buffer): number {
  let written = 0;
  let bits = 0; // those that were read and are no symbol yet, at the low end
  let count = 0;
  let table = 0;
  let pending = 0; // bits of the symbol that is under way
  for (let at = from; at < to; at++) {
    bits = ((bits << 8) | source[at]!) & 0xffff;
    count += 8;
    pending += 8;
    while (count >= STEP) {
      const entry = TABLES[table * TABLE + ((bits >>> (count - STEP)) & (TABLE - 1))]!;
      if (entry < 0) {
        table = -entry;
        count -= STEP;
        continue;
      }
      if (entry >>> 4 === END) throw malformed('the end symbol inside a string');
      target[written++] = entry >>> 4;
      count -= entry & 15;
      pending = count;
      table = 0;
    }
  }
  // Fewer than eight bits are left: symbols that are that short, and then padding.
  while (count > 0) {
    const entry = TABLES[table * TABLE + ((bits << (STEP - count)) & (TABLE - 1))]!;
    if (entry < 0 || (entry & 15) > count) break;
    if (entry >>> 4 === END) throw malformed('the end symbol inside a string');
    target[written++] = entry >>> 4;
    count -= entry & 15;
    pending = count;
    table = 0;
  }
  const padding = (1 << count) - 1;
  if (pending > 7 || (bits & padding) !== padding) throw malformed('wrong padding of a string');
  return written;
}

function malformed(what: string): Http2CodecError {
  return new Http2CodecError(COMPRESSION_ERROR, what);
}

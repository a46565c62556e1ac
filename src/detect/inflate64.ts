// Deflate64, which Windows writes into zip archives above some size: Deflate (RFC 1951) with a window of 64 KiB,
// two more distance codes and a length code of 16 bits. zlib does not have it.

/** How it ended; `complete` where the format says. */
export type Inflate64End = 'complete' | 'truncated' | 'corrupt';

/** Output, and how many bytes of input it took so far. */
export interface Inflated {
  readonly bytes: Buffer;
  readonly read: number;
}

const WINDOW = 65_536;
const END_OF_BLOCK = 256;
const MAX_CODE = 15; // bits
const FAST_BITS = 9;
const LITERALS = 286;
const DISTANCES = 32;

const LENGTH_BASE = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163],
  ...[195, 227, 3],
];
const LENGTH_BITS = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 16],
];
const DISTANCE_BITS = Array.from({ length: DISTANCES }, (_, code) => Math.max(0, (code >> 1) - 1));
const DISTANCE_BASE = DISTANCE_BITS.map((bits, code) => (code < 2 ? code : 2 + (code & 1)) * 2 ** bits + 1);
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/** Yields the output in pieces of 64 KiB. Never throws. */
export function* inflate64(packed: Buffer): Generator<Inflated, Inflate64End> {
  const input = new BitReader(packed);
  const window = Buffer.alloc(WINDOW);
  let at = 0; // in the window
  let total = 0;
  const rest = (): Inflated => ({ bytes: Buffer.from(window.subarray(0, at)), read: input.read });
  for (;;) {
    const isLast = input.bits(1) === 1;
    const kind = input.bits(2);
    let end: Inflate64End | null = input.isOver ? 'truncated' : kind === 3 ? 'corrupt' : null;
    if (end === null && kind === 0) {
      input.alignToByte();
      const length = input.bits(16);
      if ((length ^ 0xffff) !== input.bits(16)) end = input.isOver ? 'truncated' : 'corrupt';
      for (let left = end === null ? length : 0; left > 0; left -= 1) {
        const byte = input.bits(8);
        if (input.isOver) {
          end = 'truncated';
          break;
        }
        window[at++] = byte;
        total += 1;
        if (at === WINDOW) {
          yield rest();
          at = 0;
        }
      }
    } else if (end === null) {
      const codes = kind === 1 ? FIXED : readCodes(input);
      if (codes === null) end = input.isOver ? 'truncated' : 'corrupt';
      while (end === null && codes !== null) {
        const symbol = codes.literals.next(input);
        if (input.isOver) end = 'truncated';
        else if (symbol < 0 || symbol >= LITERALS) end = 'corrupt';
        else if (symbol === END_OF_BLOCK) break;
        else if (symbol < END_OF_BLOCK) {
          window[at++] = symbol;
          total += 1;
          if (at === WINDOW) {
            yield rest();
            at = 0;
          }
        } else {
          const code = symbol - END_OF_BLOCK - 1;
          const length = LENGTH_BASE[code]! + input.bits(LENGTH_BITS[code]!);
          const far = codes.distances.next(input);
          const distance = far < 0 ? Infinity : DISTANCE_BASE[far]! + input.bits(DISTANCE_BITS[far]!);
          if (input.isOver) end = 'truncated';
          else if (distance > total) end = 'corrupt';
          for (let left = end === null ? length : 0; left > 0; left -= 1) {
            window[at] = window[(at - distance + WINDOW) & (WINDOW - 1)]!;
            at += 1;
            if (at === WINDOW) {
              yield rest();
              at = 0;
            }
          }
          if (end === null) total += length;
        }
      }
    }
    if (end !== null || isLast) {
      if (at > 0) yield rest();
      return end ?? 'complete';
    }
  }
}

interface Codes {
  readonly literals: Huffman;
  readonly distances: Huffman;
}

/** The codes of a dynamic block; null where they are none. RFC 1951 §3.2.7. */
function readCodes(input: BitReader): Codes | null {
  const literals = input.bits(5) + 257;
  const distances = input.bits(5) + 1;
  const given = input.bits(4) + 4;
  const lengths = new Uint8Array(ORDER.length);
  for (let i = 0; i < given; i += 1) lengths[ORDER[i]!] = input.bits(3);
  const outer = Huffman.of(lengths);
  if (outer === null || literals > LITERALS) return null;
  const all = new Uint8Array(literals + distances);
  for (let i = 0; i < all.length;) {
    const symbol = outer.next(input);
    if (symbol < 0 || input.isOver) return null;
    if (symbol < 16) {
      all[i++] = symbol;
      continue;
    }
    if (symbol === 16 && i === 0) return null;
    const value = symbol === 16 ? all[i - 1]! : 0;
    const times = symbol === 16 ? 3 + input.bits(2) : symbol === 17 ? 3 + input.bits(3) : 11 + input.bits(7);
    if (i + times > all.length) return null;
    all.fill(value, i, i + times);
    i += times;
  }
  const made = {
    literals: Huffman.of(all.subarray(0, literals)),
    distances: Huffman.of(all.subarray(literals)),
  };
  return made.literals === null || made.distances === null ? null : (made as Codes);
}

/** Bits from the lowest of a byte to the highest. Past the end they are 0, and `isOver` says so. */
class BitReader {
  readonly #bytes: Buffer;
  #at = 0;
  #held = 0;
  #count = 0;
  #lacking = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#lacking * 8 > this.#count;
  }

  /** Bytes taken so far. */
  get read(): number {
    return Math.min(this.#at, this.#bytes.length);
  }

  /** @param count at most 16 */
  bits(count: number): number {
    this.#fill(count);
    const value = this.#held & ((1 << count) - 1);
    this.drop(count);
    return value;
  }

  /** The next bits without taking them. */
  peek(count: number): number {
    this.#fill(count);
    return this.#held & ((1 << count) - 1);
  }

  drop(count: number): void {
    this.#held >>>= count;
    this.#count -= count;
  }

  alignToByte(): void {
    this.drop(this.#count & 7);
  }

  #fill(count: number): void {
    while (this.#count < count) {
      if (this.#at >= this.#bytes.length) this.#lacking += 1;
      this.#held |= (this.#bytes[this.#at] ?? 0) << this.#count;
      this.#at += 1;
      this.#count += 8;
    }
  }
}

/** A canonical prefix code: short codes by table, long ones bit by bit. */
class Huffman {
  readonly #counts = new Uint16Array(MAX_CODE + 1);
  readonly #symbols: Uint16Array;
  /** Symbol and length by the next bits; 0: longer than that. */
  readonly #fast = new Uint16Array(1 << FAST_BITS);

  private constructor(lengths: Uint8Array) {
    for (const length of lengths) this.#counts[length]! += 1;
    this.#counts[0] = 0;
    const offsets = new Uint16Array(MAX_CODE + 2);
    for (let bits = 1; bits <= MAX_CODE; bits += 1) offsets[bits + 1] = offsets[bits]! + this.#counts[bits]!;
    this.#symbols = new Uint16Array(lengths.length);
    const places = offsets.slice();
    for (const [symbol, length] of lengths.entries()) {
      if (length > 0) this.#symbols[places[length]!++] = symbol;
    }
    let code = 0;
    for (let bits = 1; bits <= FAST_BITS; bits += 1) {
      code <<= 1;
      for (let i = offsets[bits]!; i < offsets[bits + 1]!; i += 1, code += 1) {
        const entry = (this.#symbols[i]! << 4) | bits;
        for (let slot = reversed(code, bits); slot < 1 << FAST_BITS; slot += 1 << bits)
          this.#fast[slot] = entry;
      }
    }
  }

  /** Null for lengths that promise more codes than there are. */
  static of(lengths: Uint8Array): Huffman | null {
    let left = 1;
    const counts = new Uint16Array(MAX_CODE + 1);
    for (const length of lengths) if (length > 0) counts[length]! += 1;
    for (let bits = 1; bits <= MAX_CODE; bits += 1) {
      left = left * 2 - counts[bits]!;
      if (left < 0) return null;
    }
    return new Huffman(lengths);
  }

  /** -1 for bits that are no code. */
  next(input: BitReader): number {
    const entry = this.#fast[input.peek(FAST_BITS)]!;
    if (entry !== 0) {
      input.drop(entry & 15);
      return entry >> 4;
    }
    let code = 0;
    let first = 0;
    let index = 0;
    const bits = input.peek(MAX_CODE);
    for (let length = 1; length <= MAX_CODE; length += 1) {
      code |= (bits >> (length - 1)) & 1;
      const count = this.#counts[length]!;
      if (code - count < first) {
        input.drop(length);
        return this.#symbols[index + (code - first)]!;
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    return -1;
  }
}

function reversed(code: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i += 1) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}

const FIXED: Codes = {
  literals: Huffman.of(
    Uint8Array.from({ length: 288 }, (_, i) => (i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)),
  )!,
  distances: Huffman.of(new Uint8Array(DISTANCES).fill(5))!,
};

// The compression methods of ARJ: 1 to 3 are Lempel-Ziv with Huffman codes in blocks, 4 has fixed codes. Works on
// the whole of a member's stored bytes, and gives output in pieces.

/** How it ended. */
export type ArjEnd = 'complete' | 'truncated' | 'corrupt';

const WINDOW = 32_768; // above the 26,624 bytes that a match reaches back
const PIECE = WINDOW;
const SHORTEST_MATCH = 3;
const LITERALS = 256;
const CODES = 510;
const LENGTH_CODES = 19;
const DISTANCE_CODES = 17;
const MAX_LENGTH = 16; // bits of a code

/**
 * Yields `size` bytes, or as many as there are. Never throws.
 * @param method 1 to 4
 */
export function* arjDecode(packed: Buffer, method: number, size: number): Generator<Buffer, ArjEnd> {
  const input = new BitReader(packed);
  const next = method === 4 ? fastSteps(input) : blockSteps(input);
  const window = Buffer.alloc(WINDOW);
  let at = 0;
  let total = 0;
  let end: ArjEnd = 'complete';
  while (total < size) {
    const step = next();
    if (input.isOver) end = 'truncated';
    else if (step === null || (step.length > 0 && step.value > total)) end = 'corrupt';
    if (end !== 'complete') break;
    const { value, length } = step!;
    for (let left = Math.min(Math.max(length, 1), size - total); left > 0; left -= 1) {
      window[at] = length === 0 ? value : window[(at - value + WINDOW) & (WINDOW - 1)]!;
      at += 1;
      total += 1;
      if (at === PIECE) {
        yield Buffer.from(window);
        at = 0;
      }
    }
  }
  if (at > 0) yield Buffer.from(window.subarray(0, at));
  return end;
}

/** A byte where `length` is 0, else a match: `value` bytes back. One object is used for all. */
interface Step {
  value: number;
  length: number;
}

type Steps = () => Step | null;

function fastSteps(input: BitReader): Steps {
  const step: Step = { value: 0, length: 0 };
  const number = (from: number, to: number): number => {
    let width = from;
    let plus = 0;
    for (; width < to && input.bits(1) === 1; width += 1) plus += 1 << width;
    return plus + input.bits(width);
  };
  return () => {
    const code = number(0, 7);
    step.length = code === 0 ? 0 : code - 1 + SHORTEST_MATCH;
    step.value = code === 0 ? input.bits(8) : number(9, 13) + 1;
    return step;
  };
}

function blockSteps(input: BitReader): Steps {
  const step: Step = { value: 0, length: 0 };
  let left = 0;
  let codes: Huffman | null = null;
  let distances: Huffman | null = null;
  return () => {
    if (left === 0) {
      left = input.bits(16);
      const lengths = readLengths(input, LENGTH_CODES, 5, 3);
      codes = lengths === null ? null : readCodes(input, lengths);
      distances = codes === null ? null : readLengths(input, DISTANCE_CODES, 5, -1);
      if (left === 0 || distances === null) return null;
    }
    left -= 1;
    const code = codes!.next(input);
    if (code < 0) return null;
    if (code < LITERALS) {
      step.length = 0;
      step.value = code;
      return step;
    }
    const bits = distances!.next(input) - 1;
    if (bits < -1) return null;
    step.length = code - LITERALS + SHORTEST_MATCH;
    step.value = 1 + (bits < 0 ? 0 : (1 << bits) + input.bits(bits));
    return step;
  };
}

/** @param gapAt position behind which two bits tell of zeros; -1: nowhere */
function readLengths(input: BitReader, most: number, width: number, gapAt: number): Huffman | null {
  const count = input.bits(width);
  if (count === 0) return Huffman.always(input.bits(width), most);
  if (count > most) return null;
  const lengths = new Uint8Array(most);
  for (let i = 0; i < count;) {
    let length = input.bits(3);
    while (length >= 7 && length <= MAX_LENGTH && input.bits(1) === 1) length += 1;
    if (length > MAX_LENGTH) return null;
    lengths[i++] = length;
    if (i === gapAt) i += input.bits(2);
  }
  return Huffman.of(lengths);
}

function readCodes(input: BitReader, outer: Huffman): Huffman | null {
  const count = input.bits(9);
  if (count === 0) return Huffman.always(input.bits(9), CODES);
  if (count > CODES) return null;
  const lengths = new Uint8Array(CODES);
  for (let i = 0; i < count;) {
    const code = outer.next(input);
    if (code < 0 || input.isOver) return null;
    if (code > 2) lengths[i++] = code - 2;
    else i += code === 0 ? 1 : code === 1 ? input.bits(4) + 3 : input.bits(9) + 20;
  }
  return Huffman.of(lengths);
}

/** Bits from the highest of a byte to the lowest. Past the end they are 0, and `isOver` says so. */
class BitReader {
  readonly #bytes: Buffer;
  #at = 0; // bits

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isOver(): boolean {
    return this.#at > this.#bytes.length * 8;
  }

  /** @param count at most 16 */
  bits(count: number): number {
    const value = this.peek(count);
    this.#at += count;
    return value;
  }

  peek(count: number): number {
    const byte = this.#at >> 3;
    const bytes = this.#bytes;
    const held = ((bytes[byte] ?? 0) << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
    return (held >> (24 - (this.#at & 7) - count)) & ((1 << count) - 1);
  }

  drop(count: number): void {
    this.#at += count;
  }
}

/** A canonical prefix code. */
class Huffman {
  readonly #counts = new Uint16Array(MAX_LENGTH + 1);
  readonly #symbols: number[] = [];
  /** The one symbol of a code without bits. */
  #only = -1;

  /** Null for lengths that are no code. */
  static of(lengths: Uint8Array): Huffman | null {
    const code = new Huffman();
    let left = 1;
    for (const length of lengths) if (length > 0) code.#counts[length]! += 1;
    for (let bits = 1; bits <= MAX_LENGTH; bits += 1) {
      left = left * 2 - code.#counts[bits]!;
      if (left < 0) return null;
      for (const [symbol, length] of lengths.entries()) if (length === bits) code.#symbols.push(symbol);
    }
    return code;
  }

  static always(symbol: number, most: number): Huffman | null {
    const code = new Huffman();
    code.#only = symbol;
    return symbol < most ? code : null;
  }

  /** -1 for bits that are no code. */
  next(input: BitReader): number {
    if (this.#only >= 0) return this.#only;
    const bits = input.peek(MAX_LENGTH);
    let first = 0;
    let index = 0;
    for (let length = 1; length <= MAX_LENGTH; length += 1) {
      const code = bits >> (MAX_LENGTH - length);
      const count = this.#counts[length]!;
      if (code - first < count) {
        input.drop(length);
        return this.#symbols[index + code - first]!;
      }
      index += count;
      first = (first + count) << 1;
    }
    return -1;
  }
}

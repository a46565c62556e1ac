// Collects bytes that arrive in pieces until a head or a section is complete. The usual case, all of it
// in one piece, is answered with a slice and no copy; otherwise a buffer grows by doubling, so that a
// head sent byte by byte costs linear time.

const INITIAL = 1024; // bytes

export class ByteCollector {
  #buffer: Buffer | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds a copy of `bytes[from, to)`. */
  append(bytes: Buffer, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (this.#buffer === null || needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(INITIAL, needed * 2));
      this.#buffer?.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    bytes.copy(this.#buffer, this.#length, from, to);
    this.#length = needed;
  }

  /** What was collected so far; valid until the next `append`. */
  peek(): Buffer {
    return this.#buffer === null ? EMPTY : this.#buffer.subarray(0, this.#length);
  }

  /** Hands over what was collected and starts anew. */
  take(): Buffer {
    const taken = this.peek();
    this.#buffer = null;
    this.#length = 0;
    return taken;
  }
}

const EMPTY = Buffer.alloc(0);
const CR = 0x0d;
const LF = 0x0a;

export interface HeadEnd {
  /** Offset in `bytes` just behind the closing blank line, or -1 if it is not there yet. */
  readonly end: number;
  /** A line ended in LF without CR before the blank line was found. */
  readonly bareLf: boolean;
}

const BLANK_LINE = Buffer.from('\r\n\r\n', 'latin1');

/**
 * Looks for CR LF CR LF in `bytes` from `from` on, with `before` collected earlier. Bare LFs are noted
 * only while the blank line is missing: a peer that ends lines in LF would otherwise wait for ever.
 */
export function findHeadEnd(before: ByteCollector, bytes: Buffer, from: number): HeadEnd {
  if (before.length === 0) {
    const at = bytes.indexOf(BLANK_LINE, from);
    if (at >= 0) return { end: at + 4, bareLf: false };
  }
  const tail = before.peek();
  let last1 = tail.at(-1) ?? 0;
  let last2 = tail.at(-2) ?? 0;
  let last3 = tail.at(-3) ?? 0;
  let bareLf = false;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === LF) {
      if (last1 !== CR) bareLf = true;
      else if (last2 === LF && last3 === CR) return { end: at + 1, bareLf };
    }
    last3 = last2;
    last2 = last1;
    last1 = byte;
  }
  return { end: -1, bareLf };
}

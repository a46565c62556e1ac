// The text and run-length filters of PDF and its LZW, as streams: each takes what it can and ends at the
// end mark, the end of input or at nonsense. ISO 32000-1 §7.4.2 to §7.4.5.

import type { Chunks } from './chunk-reader.ts';

/** Hexadecimal digits up to `>`; white space and anything else between is passed over. */
export async function* asciiHex(input: Chunks): AsyncGenerator<Buffer> {
  let odd = '';
  for await (const chunk of input) {
    const text = chunk.toString('latin1');
    const end = text.indexOf('>');
    const digits = odd + (end < 0 ? text : text.slice(0, end)).replace(/[^0-9a-f]+/gi, '');
    const whole = digits.length & ~1;
    odd = digits.slice(whole);
    if (whole > 0) yield Buffer.from(digits.slice(0, whole), 'hex');
    if (end >= 0) break;
  }
  if (odd !== '') yield Buffer.from(`${odd}0`, 'hex');
}

const Z = 0x7a;
const TILDE = 0x7e;

/** Groups of five digits to base 85 for four bytes, `z` for four zeros, up to `~>`. */
export async function* ascii85(input: Chunks): AsyncGenerator<Buffer> {
  let value = 0;
  let digits = 0;
  let ended = false;
  for await (const chunk of input) {
    const output = Buffer.alloc(chunk.length * 4 + 4);
    let length = 0;
    for (const byte of chunk) {
      if (byte === TILDE) {
        ended = true;
        break;
      }
      if (byte === Z && digits === 0) {
        length += 4;
      } else if (byte >= 0x21 && byte <= 0x75) {
        value = value * 85 + (byte - 0x21);
        digits += 1;
        if (digits === 5) {
          length = output.writeUInt32BE(value % 2 ** 32, length);
          value = digits = 0;
        }
      }
    }
    if (length > 0) yield output.subarray(0, length);
    if (ended) break;
  }
  if (digits < 2) return;
  for (let missing = digits; missing < 5; missing += 1) value = value * 85 + 84;
  const last = Buffer.alloc(4);
  last.writeUInt32BE(value % 2 ** 32);
  yield last.subarray(0, digits - 1);
}

const RUN_END = 128;

/** A length below 128: so many bytes and one follow; above: the next byte, 257 minus length times. */
export async function* runLength(input: Chunks): AsyncGenerator<Buffer> {
  let literal = 0; // bytes still to copy
  let repeat = 0; // times to repeat the next byte
  for await (const chunk of input) {
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length;) {
      if (literal > 0) {
        const part = chunk.subarray(at, at + literal);
        parts.push(part);
        literal -= part.length;
        at += part.length;
        continue;
      }
      const byte = chunk[at]!;
      at += 1;
      if (repeat > 0) {
        parts.push(Buffer.alloc(repeat, byte));
        repeat = 0;
      } else if (byte === RUN_END) {
        return yield Buffer.concat(parts);
      } else if (byte < RUN_END) literal = byte + 1;
      else repeat = 257 - byte;
    }
    if (parts.length > 0) yield Buffer.concat(parts);
  }
}

const CLEAR = 256;
const END = 257;
const MAX_CODES = 4096;
const OUTPUT_BYTES = 64 * 1024;

/** LZW with codes of 9 to 12 bits that grow one code early, which is PDF's default. */
export async function* lzw(input: Chunks): AsyncGenerator<Buffer> {
  // Each code is an earlier one and a byte; `lengths` tells how far back the chain goes.
  const prefixes = new Uint16Array(MAX_CODES);
  const suffixes = new Uint8Array(MAX_CODES).map((_, code) => code);
  const lengths = new Uint16Array(MAX_CODES).fill(1);
  let next = END + 1;
  let width = 9;
  let previous = -1;
  let bits = 0;
  let held = 0;
  const output = Buffer.alloc(OUTPUT_BYTES);
  let filled = 0;

  const put = (code: number): number => {
    let at = filled + lengths[code]!;
    filled = at;
    let first = code;
    for (let left = code; ; left = prefixes[left]!) {
      at -= 1;
      output[at] = suffixes[left]!;
      first = left;
      if (lengths[left] === 1) break;
    }
    return suffixes[first]!;
  };

  for await (const chunk of input) {
    for (const byte of chunk) {
      held = ((held << 8) | byte) & 0xfffff;
      bits += 8;
      if (bits < width) continue;
      bits -= width;
      const code = (held >> bits) & ((1 << width) - 1);
      if (code === END || code > next || (code === next && previous < 0)) {
        return yield Buffer.from(output.subarray(0, filled));
      }
      if (code === CLEAR) {
        next = END + 1;
        width = 9;
        previous = -1;
        continue;
      }
      if (filled + MAX_CODES + 1 > OUTPUT_BYTES) {
        yield Buffer.from(output.subarray(0, filled));
        filled = 0;
      }
      if (previous < 0) {
        put(code);
      } else {
        const unknown = code === next;
        const first = put(unknown ? previous : code);
        if (unknown) output[filled++] = first;
        if (next < MAX_CODES) {
          prefixes[next] = previous;
          suffixes[next] = first;
          lengths[next] = lengths[previous]! + 1;
          next += 1;
          if (next + 1 >= 1 << width && width < 12) width += 1;
        }
      }
      previous = code;
    }
  }
  if (filled > 0) yield Buffer.from(output.subarray(0, filled));
}

// Reads DER that nobody has vouched for: OCSP responses, revocation lists, extensions of strangers'
// certificates. Every length is checked against what is there, so a lie ends in an error and never in a
// read past the end. What the elements mean, the callers know. X.690 §8, §10.

export interface DerElement {
  /** Identifier octet: class, constructed bit and number below 31. */
  readonly tag: number;
  /** Content octets. */
  readonly content: Buffer;
  /** The whole element, header included. */
  readonly raw: Buffer;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
} as const;

const MAX_LENGTH_OCTETS = 4; // 4 GiB: more than any Buffer that comes here

/** One after the other. Throws a RangeError where the bytes are no DER. */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Tag of the next element; -1 at the end. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1;
  }

  /** @param tag  what it must be; without it anything is taken */
  next(tag?: number): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const found = bytes[start];
    if (found === undefined) throw new RangeError('DER ends early');
    if ((found & 0x1f) === 0x1f) throw new RangeError('DER tag over 30');
    if (tag !== undefined && found !== tag) {
      throw new RangeError(`DER tag 0x${found.toString(16)} where 0x${tag.toString(16)} belongs`);
    }
    let at = start + 2;
    let length = bytes[start + 1] ?? -1;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > MAX_LENGTH_OCTETS || at + octets > bytes.length) {
        throw new RangeError('DER length');
      }
      length = bytes.readUIntBE(at, octets);
      at += octets;
    }
    const end = at + length;
    if (length < 0 || end > bytes.length) throw new RangeError('DER length past the end');
    this.#at = end;
    return { tag: found, content: bytes.subarray(at, end), raw: bytes.subarray(start, end) };
  }

  /** The next element if it has this tag, else null. */
  optional(tag: number): DerElement | null {
    return this.tag === tag ? this.next() : null;
  }

  /** A reader of the content of the next element. */
  inside(tag: number = TAG.sequence): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** All that is left. */
  rest(): DerElement[] {
    const found: DerElement[] = [];
    while (!this.done) found.push(this.next());
    return found;
  }
}

/** `1.2.840…` of the content of an OBJECT IDENTIFIER. Arcs over 2^32 come out as `?`. */
export function dotted(content: Buffer): string {
  const arcs: (number | string)[] = [];
  let value = 0;
  for (const octet of content) {
    value = value * 128 + (octet & 0x7f);
    if ((octet & 0x80) !== 0) continue;
    if (arcs.length === 0)
      arcs.push(Math.min(2, Math.floor(value / 40)), value - 40 * Math.min(2, Math.floor(value / 40)));
    else arcs.push(value > 0xffff_ffff ? '?' : value);
    value = 0;
  }
  return arcs.join('.');
}

/** Milliseconds since the epoch of a UTCTime or GeneralizedTime; NaN for any other text (RFC 5280 §4.1.2.5). */
export function timeOf({ tag, content }: DerElement): number {
  const text = content.toString('latin1');
  const match = (
    tag === TAG.utcTime
      ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
      : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  ).exec(text);
  if (match === null) return NaN;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const full = tag === TAG.utcTime ? (year < 50 ? 2000 + year : 1900 + year) : year;
  return Date.UTC(full, month - 1, day, hour, minute, second);
}

/** Octets of a BIT STRING without its count of unused bits. */
export function bitsOf({ content }: DerElement): Buffer {
  return content.subarray(1);
}

// Names and values into header blocks of HPACK. What is seen a second time with the same value goes into the
// dynamic table and then costs a byte or two; secrets never do. Strings are sent as they are: our clients are
// near, and Huffman code would save bytes for time. RFC 7541.

import { STATIC_ENTRIES, STATIC_INDEX_OF_NAME, STATIC_INDEX_OF_STATUS } from './static-table.ts';

/** Bytes of table that we use, however many the peer allows. */
const MAX_TABLE = 4096;
const ENTRY_OVERHEAD = 32; // bytes, RFC 7541 §4.1
const MAX_INDEXED = 512; // bytes of a field that is worth a place in the table
const MAX_SEEN = 128; // names whose last value is remembered
const STATUS_NAME = 8; // index of `:status`
/** What a guess at a connection's table could give away (RFC 7541 §7.1.3). */
const SECRET = new Set(['set-cookie', 'cookie', 'authorization', 'proxy-authorization']);
/** Longest integer and the kind of a field, before each of its strings. */
const FIELD_OVERHEAD = 12; // bytes

interface Entry {
  readonly name: string;
  readonly value: string;
}

export class HpackEncoder {
  #tableSize = MAX_TABLE;
  /** Sizes to tell at the next block, smallest first. */
  #updates: number[] = [];
  #tableBytes = 0;
  /** The youngest last; `#added` counts all that there ever were. */
  #entries: Entry[] = [];
  #oldest = 0;
  #added = 0;
  /** Name → value → number of its entry, from 1 on in the order in which they were added. */
  readonly #numbers = new Map<string, Map<string, number>>();
  /** Last value that was sent of each name and not put into the table. */
  readonly #seen = new Map<string, string>();

  /** The peer's SETTINGS_HEADER_TABLE_SIZE, in bytes. */
  setMaxTableSize(size: number): void {
    const wanted = Math.min(size, MAX_TABLE);
    if (wanted === this.#tableSize) return;
    this.#tableSize = wanted;
    this.#evict();
    // A smaller size on the way has to be told as well, since the peer has evicted by it (RFC 7541 §4.2).
    if (wanted <= (this.#updates[0] ?? MAX_TABLE)) this.#updates = [wanted];
    else this.#updates = [this.#updates[0]!, wanted];
  }

  /** Bytes that a block of these fields can have at most. */
  static roomFor(fields: readonly string[]): number {
    let bytes = FIELD_OVERHEAD * 2;
    for (const text of fields) bytes += text.length + FIELD_OVERHEAD;
    return bytes;
  }

  /**
   * Writes a block.
   *
   * @param status  of a response; null: trailers
   * @param fields  name, value, name, value, … in latin-1, names in lower case
   * @param into  with at least {@link roomFor} bytes behind `at`
   * @returns where the block ends
   */
  encode(status: number | null, fields: readonly string[], into: Buffer, at: number): number {
    let end = at;
    for (const size of this.#updates) end = integer(into, end, 0x20, 5, size);
    this.#updates.length = 0;
    if (status !== null) end = this.#status(status, into, end);
    for (let i = 0; i < fields.length; i += 2) end = this.#field(fields[i]!, fields[i + 1]!, into, end);
    return end;
  }

  #status(status: number, into: Buffer, at: number): number {
    const index = STATIC_INDEX_OF_STATUS.get(status);
    if (index !== undefined) return integer(into, at, 0x80, 7, index);
    const end = integer(into, at, 0x00, 4, STATUS_NAME);
    return text(into, end, String(status));
  }

  #field(name: string, value: string, into: Buffer, at: number): number {
    if (SECRET.has(name)) return this.#literal(0x10, 4, name, value, into, at);
    const number = this.#numbers.get(name)?.get(value);
    if (number !== undefined) {
      return integer(into, at, 0x80, 7, STATIC_ENTRIES + 1 + this.#added - number);
    }
    const size = name.length + value.length;
    if (size > MAX_INDEXED) return this.#literal(0x00, 4, name, value, into, at);
    if (this.#seen.get(name) !== value) {
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear();
      this.#seen.set(name, value);
      return this.#literal(0x00, 4, name, value, into, at);
    }
    const end = this.#literal(0x40, 6, name, value, into, at);
    this.#add(name, value);
    return end;
  }

  /** A field with its value in full, and its name where no table has it. */
  #literal(kind: number, prefix: number, name: string, value: string, into: Buffer, at: number): number {
    const index = STATIC_INDEX_OF_NAME.get(name) ?? this.#indexOfName(name);
    let end = integer(into, at, kind, prefix, index);
    if (index === 0) end = text(into, end, name);
    return text(into, end, value);
  }

  #indexOfName(name: string): number {
    const values = this.#numbers.get(name);
    if (values === undefined) return 0;
    for (const number of values.values()) return STATIC_ENTRIES + 1 + this.#added - number;
    return 0;
  }

  #add(name: string, value: string): void {
    this.#tableBytes += name.length + value.length + ENTRY_OVERHEAD;
    this.#entries.push({ name, value });
    const values = this.#numbers.get(name);
    if (values === undefined) this.#numbers.set(name, new Map([[value, ++this.#added]]));
    else values.set(value, ++this.#added);
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableSize) {
      const { name, value } = this.#entries[this.#oldest++]!;
      this.#tableBytes -= name.length + value.length + ENTRY_OVERHEAD;
      const values = this.#numbers.get(name)!;
      values.delete(value);
      if (values.size === 0) this.#numbers.delete(name);
    }
    if (this.#oldest <= 256) return;
    this.#entries = this.#entries.slice(this.#oldest);
    this.#oldest = 0;
  }
}

/** An integer behind a prefix (RFC 7541 §5.1). @returns where it ends */
function integer(into: Buffer, at: number, kind: number, prefix: number, value: number): number {
  const mask = (1 << prefix) - 1;
  if (value < mask) {
    into[at] = kind | value;
    return at + 1;
  }
  into[at++] = kind | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) into[at++] = (rest & 0x7f) | 0x80;
  into[at++] = rest;
  return at;
}

function text(into: Buffer, at: number, value: string): number {
  const from = integer(into, at, 0x00, 7, value.length);
  return from + into.write(value, from, 'latin1');
}

// Header blocks of HPACK into names and values. The table is kept right whatever the limits say, since a block
// that was skipped would spoil all that follow; what is past the limits is counted and not kept. RFC 7541.

import { COMPRESSION_ERROR, Http2CodecError } from './codec-error.ts';
import { decodedAtMost, decodeHuffman } from './huffman.ts';
import { STATIC_ENTRIES, STATIC_NAMES, STATIC_VALUES } from './static-table.ts';

export interface HpackLimits {
  /** Bytes of names and values, with 32 for each field (RFC 9113 §6.5.2). */
  readonly listBytes: number;
  readonly fields: number;
}

export interface DecodedBlock {
  /** Name, value, name, value, … in latin-1. Cut short where it is too large. */
  readonly fields: string[];
  readonly tooLarge: boolean;
}

const ENTRY_OVERHEAD = 32; // bytes, RFC 7541 §4.1
const MAX_SHIFT = 21; // bits of an integer behind its prefix: 2 MiB are longer than any block

export class HpackDecoder {
  readonly #maxTableSize: number;
  readonly #limits: HpackLimits;
  /** The dynamic table, the youngest entry last; what is before `#oldest` was evicted. */
  #names: string[] = [];
  #values: string[] = [];
  #oldest = 0;
  #tableBytes = 0;
  #tableSize: number;
  #scratch = Buffer.allocUnsafeSlow(1024);
  #at = 0;

  /** @param maxTableSize  bytes; what our SETTINGS_HEADER_TABLE_SIZE says */
  constructor(maxTableSize: number, limits: HpackLimits) {
    this.#maxTableSize = maxTableSize;
    this.#tableSize = maxTableSize;
    this.#limits = limits;
  }

  /**
   * Decodes one whole block.
   * @throws {Http2CodecError} `COMPRESSION_ERROR`: the connection is lost, as the tables no longer agree
   */
  decode(block: Buffer): DecodedBlock {
    const { listBytes, fields: maxFields } = this.#limits;
    const fields: string[] = [];
    let bytes = 0;
    let count = 0;
    this.#at = 0;
    while (this.#at < block.length) {
      const first = block[this.#at]!;
      let name: string;
      let value: string;
      if (first >= 0x80) {
        const index = this.#integer(block, 7);
        name = this.#nameOf(index);
        value = this.#valueOf(index);
      } else if (first >= 0x40) {
        const index = this.#integer(block, 6);
        name = index === 0 ? this.#string(block) : this.#nameOf(index);
        value = this.#string(block);
        this.#add(name, value);
      } else if (first >= 0x20) {
        if (count > 0) throw malformed('a table size update behind a field');
        this.#resize(this.#integer(block, 5));
        continue;
      } else {
        const index = this.#integer(block, 4);
        name = index === 0 ? this.#string(block) : this.#nameOf(index);
        value = this.#string(block);
      }
      bytes += name.length + value.length + ENTRY_OVERHEAD;
      if (++count <= maxFields && bytes <= listBytes) fields.push(name, value);
    }
    return { fields, tooLarge: count > maxFields || bytes > listBytes };
  }

  /** An integer with a prefix of so many bits (RFC 7541 §5.1). */
  #integer(block: Buffer, prefix: number): number {
    const mask = (1 << prefix) - 1;
    let value = block[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_SHIFT; shift += 7) {
      if (this.#at >= block.length) throw malformed('a header block that ends inside an integer');
      const byte = block[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed('an integer that is too long');
  }

  #string(block: Buffer): string {
    if (this.#at >= block.length) throw malformed('a header block that ends before a string');
    const coded = block[this.#at]! >= 0x80;
    const length = this.#integer(block, 7);
    const from = this.#at;
    const to = from + length;
    if (to > block.length) throw malformed('a string that is longer than its header block');
    this.#at = to;
    if (!coded) return block.toString('latin1', from, to);
    const room = decodedAtMost(length);
    if (room > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(room);
    return this.#scratch.toString('latin1', 0, decodeHuffman(block, from, to, this.#scratch));
  }

  #nameOf(index: number): string {
    return index <= STATIC_ENTRIES && index > 0 ? STATIC_NAMES[index]! : this.#names[this.#place(index)]!;
  }

  #valueOf(index: number): string {
    return index <= STATIC_ENTRIES && index > 0 ? STATIC_VALUES[index]! : this.#values[this.#place(index)]!;
  }

  /** Where an index of the dynamic table is. */
  #place(index: number): number {
    const place = this.#names.length - (index - STATIC_ENTRIES);
    if (index === 0 || place < this.#oldest) throw malformed(`an index that does not exist: ${index}`);
    return place;
  }

  #add(name: string, value: string): void {
    this.#tableBytes += name.length + value.length + ENTRY_OVERHEAD;
    this.#names.push(name);
    this.#values.push(value);
    this.#evict();
  }

  #resize(size: number): void {
    if (size > this.#maxTableSize) throw malformed(`a table of ${size} bytes, past ${this.#maxTableSize}`);
    this.#tableSize = size;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableSize) {
      const at = this.#oldest++;
      this.#tableBytes -= this.#names[at]!.length + this.#values[at]!.length + ENTRY_OVERHEAD;
      this.#names[at] = '';
      this.#values[at] = '';
    }
    // Now and then the evicted ones are cut off, which is cheaper than to move all at each eviction.
    if (this.#oldest <= 256) return;
    this.#names = this.#names.slice(this.#oldest);
    this.#values = this.#values.slice(this.#oldest);
    this.#oldest = 0;
  }
}

function malformed(what: string): Http2CodecError {
  return new Http2CodecError(COMPRESSION_ERROR, what);
}

// Millions of domains in few bytes: a sorted array of 64-bit words, each a 56-bit hash with the number of
// its list in the low 8 bits, and a small index by the first bits. 8 bytes an entry and half a byte of
// index; a look-up reads one bucket of some eight words for each domain that the host is under.

import { endianness } from 'node:os';
import {
  KIND,
  addCode,
  addHost,
  addText,
  highBits,
  lowBits,
  startHash,
  type HashState,
} from './host-hash.ts';

/** Lists that a table can tell apart. */
export const MAX_LISTS = 256;

const LITTLE = endianness() === 'LE';
const HIGH = LITTLE ? 1 : 0;
const LOW = LITTLE ? 0 : 1;
const BUCKET_ENTRIES = 8;
const MAX_HOST = 253; // characters; longer names do not exist
const MAX_PATH = 1024; // characters that are compared with entries

/** A finished table as it travels from the thread that made it. */
export interface TableData {
  readonly seed: number;
  readonly hasPaths: boolean;
  /** Two 32-bit words an entry, sorted as 64-bit numbers. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Entry at which each bucket begins, and the number of entries. */
  readonly index: Uint32Array<ArrayBuffer>;
  /** The index is by so many first bits. */
  readonly bits: number;
}

/** Collects entries; `finish` sorts them, which takes a second for millions: not for an event loop. */
export class TableBuilder {
  readonly #seed: number;
  #words = new Uint32Array(2 * 1024);
  #size = 0;
  #hasPaths = false;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Entries so far, those that came twice included. */
  get size(): number {
    return this.#size;
  }

  /**
   * @param host lower case, ASCII
   * @param path with its first slash, of KIND.path alone
   */
  add(list: number, kind: number, host: string, path = ''): void {
    const state = startHash(this.#seed);
    addHost(state, host);
    if (kind !== KIND.domain) addCode(state, kind);
    if (kind === KIND.path) {
      addText(state, path);
      this.#hasPaths = true;
    }
    if (2 * this.#size === this.#words.length) {
      const larger = new Uint32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[2 * this.#size + HIGH] = highBits(state);
    this.#words[2 * this.#size + LOW] = ((lowBits(state) << 8) | list) >>> 0;
    this.#size += 1;
  }

  finish(): TableData {
    const used = this.#words.slice(0, 2 * this.#size);
    const sorted = new BigUint64Array(used.buffer).sort();
    let kept = 0;
    for (let i = 0; i < sorted.length; i += 1) {
      if (i > 0 && sorted[i] === sorted[i - 1]) continue;
      sorted[kept] = sorted[i]!;
      kept += 1;
    }
    const words = kept === sorted.length ? used : used.slice(0, 2 * kept);
    const bits = Math.min(24, Math.max(0, Math.ceil(Math.log2(kept / BUCKET_ENTRIES || 1))));
    const index = new Uint32Array(2 ** bits + 1);
    for (let entry = 0; entry < kept; entry += 1) index[bucketOf(words[2 * entry + HIGH]!, bits) + 1]! += 1;
    for (let bucket = 1; bucket < index.length; bucket += 1) index[bucket]! += index[bucket - 1]!;
    return { seed: this.#seed, hasPaths: this.#hasPaths, words, index, bits };
  }
}

export class HostTable {
  readonly #data: TableData;

  constructor(data: TableData) {
    this.#data = data;
  }

  get size(): number {
    return this.#data.words.length / 2;
  }

  /** Memory of the table, in bytes. */
  get bytes(): number {
    return this.#data.words.byteLength + this.#data.index.byteLength;
  }

  /**
   * Adds the numbers of the lists that have the host, a domain above it or, where `path` is given, a path
   * that the URL is under.
   *
   * @param path with its first slash and without query; null where only the host is known
   */
  find(host: string, path: string | null, found: Set<number>): void {
    const { seed, hasPaths, words } = this.#data;
    if (words.length === 0 || host.length > MAX_HOST) return;
    const state = startHash(seed);
    const paths = hasPaths && path !== null ? path.slice(0, MAX_PATH) : null;
    for (let i = host.length - 1; i >= 0; i -= 1) {
      const code = host.charCodeAt(i);
      if (code === 0x2e) this.#findDomain(state, paths, found); // the dot in front of it ends a domain
      addCode(state, code);
    }
    this.#findDomain(state, paths, found);
    addCode(state, KIND.host);
    this.#look(state, found);
  }

  #findDomain(state: HashState, path: string | null, found: Set<number>): void {
    this.#look(state, found);
    if (path === null) return;
    const below: HashState = { a: state.a, b: state.b };
    addCode(below, KIND.path);
    for (let i = 0; i < path.length; i += 1) {
      // An entry `/a` is for `/a`, `/a/b` and, as written, `/a/`.
      if (i > 0 && path.charCodeAt(i) === 0x2f) this.#look(below, found);
      addCode(below, path.charCodeAt(i));
      if (path.charCodeAt(i) === 0x2f) this.#look(below, found);
    }
    this.#look(below, found);
  }

  #look(state: HashState, found: Set<number>): void {
    const { words, index, bits } = this.#data;
    const high = highBits(state);
    const low = lowBits(state);
    const bucket = bucketOf(high, bits);
    const end = index[bucket + 1]!;
    for (let entry = index[bucket]!; entry < end; entry += 1) {
      if (words[2 * entry + HIGH] !== high) continue;
      const word = words[2 * entry + LOW]!;
      if (word >>> 8 === low) found.add(word & 0xff);
    }
  }
}

function bucketOf(high: number, bits: number): number {
  return bits === 0 ? 0 : high >>> (32 - bits);
}

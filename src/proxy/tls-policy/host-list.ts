// Lists of hosts from files, for a million entries and more: the names lie one behind the other in one buffer,
// found by an open hash table of their places. Names are compared whole, so no host is taken for another.
// Reading yields to others between pieces. What a list is used for, a rule says.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { domainToASCII } from 'node:url';
import { ConfigError, isWeirError, messageOf, printable } from '../../errors.ts';
import { parseHost } from '../../util/authority.ts';

const PIECE = 16 * 1024; // bytes read at a time: a millisecond or two of work
const MAX_FILE = 512 * 1024 * 1024; // bytes
const MAX_ENTRIES = 20_000_000;
const MAX_LINE = 1024; // bytes; a comment may be long
const MAX_NAME = 255; // bytes, `*.` included: its length is one byte
const NEW_LINE = 0x0a;
const PLAIN_NAME = /^(?:\*?\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** An unknown number, so that nobody can choose names that fall on one place. */
const SEED = randomBytes(4).readUInt32LE();

export class HostList {
  #table: Uint32Array;
  readonly #mask: number;
  #names: Buffer;
  #end = 1; // 0 in the table means that nothing is there
  #count = 0;

  /** @param entries  how many may be added @param bytes  of their names, about */
  constructor(entries: number, bytes: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(8, entries * 1.5)));
    this.#mask = slots - 1;
    this.#table = new Uint32Array(slots);
    this.#names = Buffer.allocUnsafeSlow(bytes + entries + 1);
  }

  /** Entries, without repetition. */
  get size(): number {
    return this.#count;
  }

  /** What it takes, in bytes. */
  get bytes(): number {
    return this.#table.byteLength + this.#names.length;
  }

  /**
   * Adds `name`, `.name` (it and all below) or `*.name` (all below), in lower case and of ASCII.
   * @returns false where there is no room for more
   */
  add(entry: string): boolean {
    const slot = this.#slotOf(entry);
    if (this.#table[slot] !== 0) return true;
    const end = this.#end + 1 + entry.length;
    if (this.#count >= this.#mask) return false;
    if (end > this.#names.length) this.#grow();
    this.#table[slot] = this.#end;
    this.#names[this.#end] = entry.length;
    this.#names.write(entry, this.#end + 1, 'latin1');
    this.#end = end;
    this.#count++;
    return true;
  }

  /** @param host  in lower case, or an address */
  has(host: string): boolean {
    if (host.length > MAX_NAME - 2) return false;
    if (this.#holds(host) || this.#holds(`.${host}`)) return true;
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const above = host.slice(dot);
      if (this.#holds(above) || this.#holds(`*${above}`)) return true;
    }
    return false;
  }

  /** Gives back room that was not needed, where it is much. */
  trim(): this {
    if (this.#names.length - this.#end > this.#end / 4) {
      const exact = Buffer.allocUnsafeSlow(this.#end);
      this.#names.copy(exact, 0, 0, this.#end);
      this.#names = exact;
    }
    return this;
  }

  /** International names are longer in ASCII. */
  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(Math.ceil(this.#names.length * 1.5) + MAX_NAME + 1);
    this.#names.copy(larger, 0, 0, this.#end);
    this.#names = larger;
  }

  #holds(entry: string): boolean {
    return this.#table[this.#slotOf(entry)] !== 0;
  }

  /** Where an entry is, or would be. */
  #slotOf(entry: string): number {
    let slot = hashOf(entry) & this.#mask;
    for (let at = this.#table[slot]!; at !== 0; at = this.#table[slot]!) {
      if (this.#isAt(entry, at)) break;
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #isAt(entry: string, at: number): boolean {
    const names = this.#names;
    if (names[at] !== entry.length) return false;
    for (let index = 0; index < entry.length; index++) {
      if (names[at + 1 + index] !== entry.charCodeAt(index)) return false;
    }
    return true;
  }
}

/** FNV-1a with a seed, and its bits mixed, since the lower ones choose the place. */
function hashOf(text: string): number {
  let hash = SEED;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/**
 * Reads a file: a host, `.domain` (it and all below) or `*.domain` (all below) a line; empty lines and those
 * that begin with `#` mean nothing.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`; `ERR_CONFIG_VALUE` with the line
 */
export async function readHostList(path: string): Promise<HostList> {
  let file: FileHandle | null = null;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe without a writer would wait
    const facts = await file.stat();
    const { size } = facts;
    if (!facts.isFile()) throw new Error(`${path} is no file`);
    if (size > MAX_FILE) throw invalid(path, `is larger than ${MAX_FILE} bytes`);
    const lines = await countLines(file);
    if (lines > MAX_ENTRIES) throw invalid(path, `has more than ${MAX_ENTRIES} lines`);
    const list = new HostList(lines, size);
    await readLines(file, path, (line, number) => {
      const entry = entryOf(line);
      if (entry === undefined) {
        const expected = 'expected a host, .domain, *.domain or a # comment';
        throw invalid(`${path}:${number}`, `${expected}, got "${printable(line.slice(0, 80))}"`);
      }
      if (entry !== null && !list.add(entry)) throw invalid(path, 'has grown while it was being read');
    });
    return list.trim();
  } catch (error) {
    if (isWeirError(error)) throw error;
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `cannot read the list of hosts: ${messageOf(error)}`,
      { path },
      error,
    );
  } finally {
    await file?.close();
  }
}

/** The entry of a line; null for a line without one; undefined for what is none. */
export function entryOf(line: string): string | null | undefined {
  const text = line.trim().toLowerCase();
  if (text === '' || text.startsWith('#')) return null;
  if (text.length <= MAX_NAME && PLAIN_NAME.test(text) && !/^[\d.]+$/.test(text)) return text;
  const [, dots = '', name = ''] = /^((?:\*?\.)?)(.*?)\.?$/.exec(text) ?? [];
  const ascii = /^[\x21-\x7e]+$/.test(name) ? name : domainToASCII(name);
  const host = parseHost(ascii);
  if (host === null || (dots !== '' && host.kind !== 'dns')) return undefined;
  const entry = `${dots}${host.host}`;
  return entry.length <= MAX_NAME ? entry : undefined;
}

function invalid(place: string, what: string): ConfigError {
  return new ConfigError(
    'ERR_CONFIG_VALUE',
    `list of hosts: ${place}${/:\d+$/.test(place) ? ':' : ''} ${what}`,
    {
      path: place,
    },
  );
}

async function countLines(file: FileHandle): Promise<number> {
  const piece = Buffer.allocUnsafe(PIECE);
  let lines = 1;
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(piece, 0, PIECE, position);
    if (bytesRead === 0) return lines;
    position += bytesRead;
    const read = piece.subarray(0, bytesRead);
    for (let at = read.indexOf(NEW_LINE); at >= 0; at = read.indexOf(NEW_LINE, at + 1)) lines++;
  }
}

async function readLines(
  file: FileHandle,
  path: string,
  onLine: (line: string, number: number) => void,
): Promise<void> {
  const piece = Buffer.allocUnsafe(PIECE);
  let rest = '';
  let number = 0;
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(piece, 0, PIECE, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const end = piece.subarray(0, bytesRead).lastIndexOf(NEW_LINE);
    if (end < 0 && rest.length + bytesRead > PIECE)
      throw invalid(path, `has a line of over ${MAX_LINE} bytes`);
    // Cut at line ends, no character of UTF-8 is cut in two.
    if (end < 0) {
      rest += piece.toString('utf8', 0, bytesRead);
      continue;
    }
    for (const line of (rest + piece.toString('utf8', 0, end)).split('\n')) {
      if (line.length > MAX_LINE) throw invalid(`${path}:${number + 1}`, `is longer than ${MAX_LINE}`);
      onLine(line, ++number);
    }
    position -= bytesRead - end - 1;
    rest = '';
  }
  if (rest !== '') onLine(rest, ++number);
}

// Keeps minted leafs in a file, so that clients meet the same certificate after a restart, and so that a
// second process of the same folder finds what the first one has minted before it started. It is a memory
// and no authority: a line counts only if its leaf proves to be one of the CA and key in use. One line a
// leaf, appended; an unreadable file is given up with a warning.

import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

import { messageOf } from '../errors.ts';
import { errnoOf, replaceFile } from './files.ts';
import type { LeafKind } from './leaf-keys.ts';

const MAX_BYTES = 16 * 1024 * 1024; // of the file; 5,000 leafs have 4 MiB
const MAX_LINE = 32 * 1024; // characters
const FLUSH_MS = 1_000;
const LINE = /^(ec|rsa) (\S+) ([A-Za-z0-9+/]+=*)$/;

export interface LeafStoreOptions {
  readonly folder: string;
  /** SHA-256 fingerprint of the CA: leafs of another one are of no use. */
  readonly caFingerprint: string;
  /** Leafs that are kept. */
  readonly max: number;
  warn(message: string): void;
}

export class LeafStore {
  readonly #options: LeafStoreOptions;
  readonly #path: string;
  /** By kind and name; the DER in base64. Emptied as they are used. */
  readonly #found: Map<string, string>;
  #pending: string[] = [];
  #lines: number;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #broken = false;

  private constructor(options: LeafStoreOptions, found: Map<string, string>, rewrite: boolean) {
    this.#options = options;
    this.#path = join(options.folder, 'leafs');
    this.#found = found;
    this.#lines = found.size;
    if (!rewrite) return;
    const lines = [...found].map(([key, der]) => `${key} ${der}\n`);
    this.#writing = this.#write(() => this.#replace(lines));
  }

  /** Reads what is there. Never rejects. */
  static async open(options: LeafStoreOptions): Promise<LeafStore> {
    const path = join(options.folder, 'leafs');
    try {
      const { found, lines } = await readLeafs(path, options.caFingerprint, options.max);
      return new LeafStore(options, found, lines !== found.size || found.size === 0);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') options.warn(`${path} is not used: ${messageOf(error)}`);
      return new LeafStore(options, new Map(), true);
    }
  }

  /** Leafs that were found and not asked for yet. */
  get size(): number {
    return this.#found.size;
  }

  /**
   * The leaf for a name that was stored earlier; each is given out once.
   * @returns null where there is none that `ca` has signed for `publicKey` and this very name
   */
  take(kind: LeafKind, name: string, ca: X509Certificate, key: KeyObject): X509Certificate | null {
    const entry = `${kind} ${name}`;
    const text = this.#found.get(entry);
    if (text === undefined) return null;
    this.#found.delete(entry);
    try {
      const leaf = new X509Certificate(Buffer.from(text, 'base64'));
      const own = leaf.checkIssued(ca) && leaf.checkPrivateKey(key) && leaf.verify(ca.publicKey);
      return own && bears(leaf, name) ? leaf : null;
    } catch {
      return null; // a line that somebody has changed
    }
  }

  /** Stores a leaf, within a second. */
  add(kind: LeafKind, name: string, der: Buffer): void {
    if (this.#broken) return;
    this.#pending.push(`${kind} ${name} ${der.toString('base64')}\n`);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS).unref();
  }

  /** Writes out what is pending. Never rejects. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const lines = this.#pending;
    this.#pending = [];
    if (lines.length > 0) {
      this.#writing = this.#writing.then(() => this.#write(() => this.#append(lines)));
    }
    await this.#writing;
  }

  async #append(lines: string[]): Promise<void> {
    // Renewals add lines too: once there are twice as many as names, only the latest go on.
    if (this.#lines + lines.length > 2 * this.#options.max) return this.#replace(lines);
    await appendFile(this.#path, lines.join(''), { mode: 0o600 });
    this.#lines += lines.length;
  }

  async #replace(lines: string[]): Promise<void> {
    await replaceFile(this.#path, header(this.#options.caFingerprint) + lines.join(''), 0o600);
    this.#lines = lines.length;
  }

  async #write(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!this.#broken) this.#options.warn(`${this.#path} cannot be written: ${messageOf(error)}`);
      this.#broken = true;
    }
  }
}

const header = (caFingerprint: string): string => `weir-leafs 1 ${caFingerprint}\n`;

/** A leaf of a parent bears its wildcard too, so that one name is enough to look at. */
function bears(leaf: X509Certificate, name: string): boolean {
  const host = name.replace(/^\*\./, 'www.');
  return leaf.checkHost(host) !== undefined || leaf.checkIP(name) !== undefined;
}

/** @throws {Error} too large, or not such a file */
async function readLeafs(
  path: string,
  caFingerprint: string,
  max: number,
): Promise<{ found: Map<string, string>; lines: number }> {
  const found = new Map<string, string>();
  let rest = '';
  let bytes = 0;
  let lines = -1; // the first one is the header
  for await (const chunk of createReadStream(path, 'latin1')) {
    bytes += (chunk as string).length;
    if (bytes > MAX_BYTES) throw new Error(`it has more than ${MAX_BYTES} bytes`);
    const parts = (rest + (chunk as string)).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE) throw new Error('it has a line that is too long');
    for (const line of parts) {
      if (++lines === 0) {
        if (`${line}\n` === header(caFingerprint)) continue;
        if (line.startsWith('weir-leafs 1 ')) return { found, lines: -1 }; // of a former CA
        throw new Error('it does not begin as a list of leafs does');
      }
      const [, kind, name, der] = LINE.exec(line) ?? [];
      if (kind === undefined || name === undefined || der === undefined) continue;
      const key = `${kind} ${name}`;
      found.delete(key); // the latest line of a name counts, and stands last
      found.set(key, der);
      if (found.size > max) found.delete(found.keys().next().value!);
    }
  }
  return { found, lines: rest === '' ? lines : -1 };
}

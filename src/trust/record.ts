// The record of what was put into stores: a file that only its user can read and write, so that what is taken
// out again is exactly that. Kept for root apart from what a user has changed.

import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../ca/files.ts';
import { messageOf, TlsError } from '../errors.ts';
import { type Machine, STORE_KINDS } from './store.ts';

const MAX_ENTRIES = 1000;

const ENTRY = z.object({
  kind: z.enum(STORE_KINDS),
  place: z.string(),
  name: z.string().regex(/^weir-ca-[0-9a-f]{16}$/),
  fingerprint: z.string().regex(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
  sha1: z.string().regex(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/),
  addedAt: z.string(),
});
const RECORD = z.object({ version: z.literal(1), added: z.array(ENTRY).max(MAX_ENTRIES) });

/** One certificate in one store. */
export type Added = z.infer<typeof ENTRY>;

/** Where what this user has changed is kept. */
export function stateFolder({ platform, home, isRoot, env }: Machine): string {
  const configured = env['XDG_STATE_HOME'];
  if (configured !== undefined && path.isAbsolute(configured)) return path.join(configured, 'weir');
  if (platform === 'win32')
    return path.join(env['LOCALAPPDATA'] ?? path.join(home, 'AppData', 'Local'), 'weir');
  if (platform === 'darwin') {
    return path.join(isRoot ? '/' : home, 'Library/Application Support/weir');
  }
  return isRoot ? '/var/lib/weir' : path.join(home, '.local/state/weir');
}

export class TrustRecord {
  readonly file: string;
  readonly added: Added[];

  private constructor(file: string, added: Added[]) {
    this.file = file;
    this.added = added;
  }

  /** @throws {TlsError} `ERR_TRUST_RECORD`: it is there, and cannot be read */
  static async open(machine: Machine): Promise<TrustRecord> {
    const file = path.join(stateFolder(machine), 'trust.json');
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new TrustRecord(file, []);
      throw unusable(file, messageOf(error), error);
    }
    try {
      return new TrustRecord(file, RECORD.parse(JSON.parse(text)).added);
    } catch (error) {
      throw unusable(file, 'is no record of ours', error);
    }
  }

  /** Noted before anything is changed: what is cut off in between can still be taken back. */
  async add(entry: Added): Promise<void> {
    if (this.added.length >= MAX_ENTRIES) throw unusable(this.file, `has ${MAX_ENTRIES} entries already`);
    this.added.push(entry);
    await this.#write();
  }

  async drop(entry: Added): Promise<void> {
    const at = this.added.indexOf(entry);
    if (at < 0) return;
    this.added.splice(at, 1);
    await this.#write();
  }

  async #write(): Promise<void> {
    try {
      await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
      const text = JSON.stringify({ version: 1, added: this.added }, null, 2);
      await replaceFile(this.file, `${text}\n`, 0o600);
    } catch (error) {
      throw unusable(this.file, `cannot be written: ${messageOf(error)}`, error);
    }
  }
}

function unusable(file: string, problem: string, cause?: unknown): TlsError {
  return new TlsError('ERR_TRUST_RECORD', `${file} ${problem}`, { path: file }, cause);
}

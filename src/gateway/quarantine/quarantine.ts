// Bodies that were blocked, kept for whoever has to look into it: a masked body and a description of it,
// named after the incident, in a folder that all processes and `weir quarantine` share. Bounded by age and
// size; what is kept at all, the profile says. See docs/quarantine.md.

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HttpError } from '../../errors.ts';
import type { Incident } from '../../telemetry/incidents.ts';
import { INCIDENT_ID } from '../../util/incident-id.ts';
import { masking, unmasking } from './mask.ts';

export interface QuarantineLimits {
  readonly folder: string;
  /** Bytes of all bodies; the oldest go first. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Bytes of the largest body that is kept; of larger ones only the description is. */
  readonly maxFile: number;
}

/** What is known of a quarantined body; `id` names the files, `bytes` are those of the body. */
export interface QuarantineEntry extends Pick<
  Incident,
  | 'id'
  | 'time'
  | 'service'
  | 'profile'
  | 'direction'
  | 'url'
  | 'client'
  | 'user'
  | 'threat'
  | 'severity'
  | 'reason'
  | 'blade'
  | 'bytes'
> {
  /** Hexadecimal, of the body as it was transferred. */
  readonly sha256: string;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
  /** False where the body was above `maxFile`. */
  readonly stored: boolean;
  /** Milliseconds since 1970 until which the same content passes; null: not released. */
  readonly releasedUntil: number | null;
}

const MAX_ENTRIES = 10_000;
const MAX_WAITING = 16; // bodies that wait to be written
const MAX_DESCRIPTION = 64 * 1024; // bytes
const BODY = '.body.q';
const DESCRIPTION = '.json';

export class Quarantine {
  readonly limits: QuarantineLimits;
  #keeping: Promise<unknown> = Promise.resolve(); // one at a time: bodies come from bursts of the same malware
  #waiting = 0;

  constructor(limits: QuarantineLimits) {
    this.limits = limits;
  }

  /**
   * Keeps a body with its description.
   * @param content  opened once; called in its turn, not at once
   * @returns false where it is not kept: too many wait, or it is empty
   * @throws whatever the disk says; nothing is left of it then
   */
  keep(entry: Omit<QuarantineEntry, 'stored' | 'releasedUntil'>, content: () => Readable): Promise<boolean> {
    if (this.#waiting >= MAX_WAITING || entry.bytes === 0) return Promise.resolve(false);
    this.#waiting++;
    const turn = this.#keeping.then(() => this.#keep(entry, content));
    this.#keeping = turn.catch(() => {}).then(() => void this.#waiting--);
    return turn.then(() => true);
  }

  /** Descriptions, the newest first; damaged ones are left out. Empty where there is no folder. */
  async list(limit = MAX_ENTRIES): Promise<QuarantineEntry[]> {
    const entries: QuarantineEntry[] = [];
    for (const id of await this.#ids()) {
      if (entries.length >= limit) break;
      const entry = await this.#read(id);
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }

  /** Null where there is none of that id. */
  async get(id: string): Promise<QuarantineEntry | null> {
    return INCIDENT_ID.test(id) ? this.#read(id) : null;
  }

  /**
   * The body as it was transferred. It is what was blocked: hand it to nobody who has not asked for it.
   * @throws {HttpError} `ERR_QUARANTINE` where there is no such body
   */
  async open(id: string): Promise<Readable> {
    const entry = await this.get(id);
    if (entry === null) throw noEntry(id);
    if (!entry.stored) {
      const text = `the body of ${id} was not kept: its ${entry.bytes} bytes are above gateway.quarantine.maxFile`;
      throw new HttpError('ERR_QUARANTINE', text, { id });
    }
    const file = this.#file(id, BODY);
    try {
      await stat(file);
    } catch (error) {
      throw new HttpError('ERR_QUARANTINE', `the body of ${id} is gone`, { id }, error);
    }
    const plain = unmasking();
    pipeline(createReadStream(file), plain).catch(() => {}); // the reader of `plain` learns of it
    return plain;
  }

  /** Removes body and description. @returns false where there is none of that id */
  async delete(id: string): Promise<boolean> {
    if ((await this.get(id)) === null) return false;
    await rm(this.#file(id, BODY), { force: true });
    await rm(this.#file(id, DESCRIPTION), { force: true });
    return true;
  }

  /**
   * Notes in the description that the content passes until then; `VerdictStore.release` makes it so.
   * @throws {HttpError} `ERR_QUARANTINE` where there is none of that id
   */
  async markReleased(id: string, until: number | null): Promise<QuarantineEntry> {
    const entry = await this.get(id);
    if (entry === null) throw noEntry(id);
    const changed = { ...entry, releasedUntil: until };
    await this.#write(changed);
    return changed;
  }

  /** Removes what is too old, and the oldest beyond the size. Done before each body that is kept. */
  async purge(room = 0): Promise<void> {
    const { maxBytes, maxAgeMs } = this.limits;
    const oldest = Date.now() - maxAgeMs;
    let bytes = room;
    let count = 0;
    for (const id of await this.#ids()) {
      const info = await stat(this.#file(id, DESCRIPTION)).catch(() => null);
      const body = await stat(this.#file(id, BODY)).catch(() => null);
      if (info === null) continue;
      bytes += body?.size ?? 0;
      count++;
      if (bytes > maxBytes || count > MAX_ENTRIES || (body ?? info).mtimeMs < oldest) {
        await rm(this.#file(id, BODY), { force: true });
        await rm(this.#file(id, DESCRIPTION), { force: true });
      }
    }
  }

  async #keep(
    entry: Omit<QuarantineEntry, 'stored' | 'releasedUntil'>,
    content: () => Readable,
  ): Promise<void> {
    const { folder, maxFile, maxBytes } = this.limits;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const stored = entry.bytes <= maxFile && entry.bytes <= maxBytes;
    await this.purge(stored ? entry.bytes : 0);
    if (stored) {
      const part = `${this.#file(entry.id, BODY)}.part`;
      try {
        await pipeline(content(), masking(), createWriteStream(part, { flags: 'wx', mode: 0o600 }));
        await rename(part, this.#file(entry.id, BODY));
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    }
    await this.#write({ ...entry, stored, releasedUntil: null });
  }

  async #write(entry: QuarantineEntry): Promise<void> {
    const file = this.#file(entry.id, DESCRIPTION);
    await writeFile(`${file}.part`, `${JSON.stringify(entry, null, 2)}\n`, { mode: 0o600 });
    await rename(`${file}.part`, file);
  }

  async #read(id: string): Promise<QuarantineEntry | null> {
    try {
      const file = this.#file(id, DESCRIPTION);
      if ((await stat(file)).size > MAX_DESCRIPTION) return null;
      const entry = JSON.parse(await readFile(file, 'utf8')) as QuarantineEntry;
      return entry.id === id ? entry : null;
    } catch {
      return null;
    }
  }

  /** The newest first: ids sort by time. */
  async #ids(): Promise<string[]> {
    const names = await readdir(this.limits.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const ids = names.flatMap((name) => (name.endsWith(DESCRIPTION) ? [name.slice(0, -5)] : []));
    return ids
      .filter((id) => INCIDENT_ID.test(id))
      .sort()
      .reverse();
  }

  #file(id: string, ending: string): string {
    return path.join(this.limits.folder, `${id}${ending}`);
  }
}

function noEntry(id: string): HttpError {
  const text = `nothing of ${id.slice(0, 80)} is in the quarantine`;
  return new HttpError('ERR_QUARANTINE', text, { id: id.slice(0, 80) });
}

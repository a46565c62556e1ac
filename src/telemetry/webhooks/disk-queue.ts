// Messages that wait on disk, the oldest first, each in a file of its own: they survive a restart, and take no
// memory while their receiver is away. Bounded in number, bytes and age; the oldest go first.

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

export interface DiskQueueLimits {
  readonly entries: number;
  readonly bytes: number;
  readonly ageMs: number;
}

export interface QueuedEntry {
  /** Name of its file; also names the delivery. */
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly queuedAt: number;
}

const NAME = /^([0-9a-z]{9})-[0-9a-z]{6}-[0-9a-f]{8}\.json$/;

export class DiskQueue {
  readonly #folder: string;
  readonly #limits: DiskQueueLimits;
  #entries: QueuedEntry[] = [];
  #bytes = 0;
  #sequence = 0;
  #lastAt = 0;
  /** Lost because the queue was full, or they were too old. */
  dropped = 0;

  constructor(folder: string, limits: DiskQueueLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Finds what is left of before. Call it once, before anything else. */
  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of (await readdir(this.#folder)).sort()) {
      const time = NAME.exec(name)?.[1];
      if (time === undefined) {
        if (name.endsWith('.draft')) await rm(path.join(this.#folder, name), { force: true });
        continue;
      }
      const { size } = await stat(path.join(this.#folder, name));
      this.#entries.push({ name, bytes: size, queuedAt: Number.parseInt(time, 36) });
      this.#bytes += size;
    }
  }

  /** Appends a message; it is on disk when this resolves. */
  async add(message: Buffer, now: number = Date.now()): Promise<void> {
    this.#lastAt = Math.max(now, this.#lastAt); // names rise also when the clock is set back
    const sequence = (this.#sequence++ % 36 ** 6).toString(36).padStart(6, '0');
    const unique = randomBytes(4).toString('hex');
    const name = `${this.#lastAt.toString(36).padStart(9, '0')}-${sequence}-${unique}.json`;
    const file = path.join(this.#folder, name);
    await writeFile(`${file}.draft`, message, { mode: 0o600 });
    await rename(`${file}.draft`, file);
    this.#entries.push({ name, bytes: message.length, queuedAt: this.#lastAt });
    this.#bytes += message.length;
    await this.#trim(now);
  }

  /** The oldest that is not too old; null: there is none. */
  async first(now: number = Date.now()): Promise<{ entry: QueuedEntry; message: Buffer } | null> {
    await this.#trim(now);
    for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
      try {
        return { entry, message: await readFile(path.join(this.#folder, entry.name)) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        await this.remove(entry); // somebody has removed it
      }
    }
    return null;
  }

  async remove(entry: QueuedEntry): Promise<void> {
    const at = this.#entries.indexOf(entry);
    if (at === -1) return;
    this.#entries.splice(at, 1);
    this.#bytes -= entry.bytes;
    await rm(path.join(this.#folder, entry.name), { force: true });
  }

  async #trim(now: number): Promise<void> {
    const { entries, bytes, ageMs } = this.#limits;
    for (let oldest = this.#entries[0]; oldest !== undefined; oldest = this.#entries[0]) {
      const isTooMuch = this.#entries.length > entries || this.#bytes > bytes;
      if (!isTooMuch && now - oldest.queuedAt <= ageMs) return;
      this.dropped++;
      await this.remove(oldest);
    }
  }
}

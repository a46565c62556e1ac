// Lines of JSON that several processes of one machine share: each appends to segments of its own in one
// folder and reads those of the others as they grow, so that nobody ever writes into another's file and a
// crash costs no more than the line that was being written. What the lines mean, the owner decides.

import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';

export interface JournalOptions {
  readonly folder: string;
  /** Begins the names of its segments, e.g. `found`. */
  readonly name: string;
  /** Bytes that all segments may have together, those that other living processes write to excepted. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** Takes a line of another process, or of one before this. Lines that are no JSON objects are left out. */
  readonly onLine: (line: Readonly<Record<string, unknown>>) => void;
  /** Told when the folder cannot be read or written; may be called often. */
  readonly onTrouble: (error: unknown) => void;
}

const PIECE = 64 * 1024; // bytes that are read and parsed without a pause
const MAX_UNWRITTEN = 4 * 1024 * 1024; // bytes; with a disk that does not keep up further lines are lost
const MAX_DEAD_SEGMENTS = 64; // of processes that have ended; the oldest beyond are removed

interface Segment {
  /** Bytes up to the end of the last whole line that was read. */
  offset: number;
}

export class Journal {
  readonly #options: JournalOptions;
  readonly #others = new Map<string, Segment>();
  readonly #own: string[] = [];
  #ownBytes = 0; // of the last of #own
  #unwritten = '';
  #appended = 0; // lines
  #settled = 0; // of these, written or lost
  readonly #flushing: { readonly lines: number; resolve(): void }[] = [];
  #writing: Promise<void> | null = null;
  #reading: Promise<void> | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Appends a line soon; `flush` waits for it. Without room for it, it is lost. */
  append(line: object): void {
    if (this.#unwritten.length > MAX_UNWRITTEN) return;
    this.#unwritten += `${JSON.stringify(line)}\n`;
    this.#appended++;
    this.#writing ??= Promise.resolve().then(() => this.#write());
  }

  /** Resolves when everything that was appended before is in the file, or cannot be. */
  flush(): Promise<void> {
    if (this.#settled === this.#appended) return Promise.resolve();
    return new Promise((resolve) => this.#flushing.push({ lines: this.#appended, resolve }));
  }

  /** Reads what other processes have appended since the last call; the first call reads all there is. */
  refresh(): Promise<void> {
    this.#reading ??= this.#readOthers()
      .catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#options.onTrouble(error);
      })
      .finally(() => (this.#reading = null));
    return this.#reading;
  }

  async #write(): Promise<void> {
    while (this.#unwritten !== '') {
      const text = this.#unwritten;
      const lines = this.#appended;
      this.#unwritten = '';
      try {
        if (this.#own.length === 0 || this.#ownBytes > this.#options.maxBytes / 4) await this.#newSegment();
        await appendFile(path.join(this.#options.folder, this.#own.at(-1)!), text, { mode: 0o600 });
        this.#ownBytes += Buffer.byteLength(text);
      } catch (error) {
        this.#own.length = 0; // somebody may have removed the folder: the next line begins a new one
        this.#options.onTrouble(error);
      }
      this.#settled = lines;
      while (this.#flushing[0] !== undefined && this.#flushing[0].lines <= lines) {
        this.#flushing.shift()!.resolve();
      }
    }
    this.#writing = null;
  }

  /** Names sort by time: `found-lx2k7q0d-4711-9f3a.jsonl`. */
  async #newSegment(): Promise<void> {
    const { folder, name } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const unique = randomBytes(2).toString('hex');
    this.#own.push(`${name}-${Date.now().toString(36)}-${process.pid}-${unique}.jsonl`);
    this.#ownBytes = 0;
    await this.#trim();
  }

  /** Removes the oldest segments that nobody writes to, down to the limits. */
  async #trim(): Promise<void> {
    const { folder, maxBytes, maxAgeMs } = this.#options;
    const now = Date.now();
    let bytes = 0;
    let kept = 0;
    for (const segment of (await this.#names()).reverse()) {
      const info = await stat(path.join(folder, segment)).catch(() => null);
      if (info === null) continue;
      bytes += info.size;
      const isOld = bytes > maxBytes || now - info.mtimeMs > maxAgeMs || kept >= MAX_DEAD_SEGMENTS;
      kept++;
      if (!isOld || !this.#isAbandoned(segment)) continue;
      await rm(path.join(folder, segment), { force: true });
      this.#others.delete(segment);
    }
  }

  #isAbandoned(segment: string): boolean {
    if (this.#own.includes(segment)) return segment !== this.#own.at(-1);
    const pid = Number(segment.split('-').at(-2));
    return pid !== process.pid && !isAlive(pid);
  }

  async #names(): Promise<string[]> {
    const { folder, name } = this.#options;
    const all = await readdir(folder);
    return all.filter((file) => file.startsWith(`${name}-`) && file.endsWith('.jsonl')).sort();
  }

  async #readOthers(): Promise<void> {
    const { folder } = this.#options;
    const names = await this.#names();
    for (const name of this.#others.keys()) if (!names.includes(name)) this.#others.delete(name);
    for (const name of names) {
      if (this.#own.includes(name)) continue;
      let segment = this.#others.get(name);
      if (segment === undefined) this.#others.set(name, (segment = { offset: 0 }));
      await this.#readOn(path.join(folder, name), segment).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // trimmed meanwhile
      });
    }
  }

  async #readOn(file: string, segment: Segment): Promise<void> {
    const { size } = await stat(file);
    if (size <= segment.offset) return;
    await using handle = await open(file, 'r');
    const buffer = Buffer.allocUnsafe(PIECE);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, PIECE, segment.offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (end < 0) {
        if (bytesRead === PIECE)
          segment.offset += PIECE; // no line of ours is that long
        else return;
      } else {
        segment.offset += end + 1;
        this.#parse(buffer.toString('utf8', 0, end));
      }
    }
  }

  #parse(lines: string): void {
    for (const line of lines.split('\n')) {
      try {
        const parsed: unknown = JSON.parse(line);
        if (typeof parsed === 'object' && parsed !== null) {
          this.#options.onLine(parsed as Readonly<Record<string, unknown>>);
        }
      } catch {
        // cut off by a crash, or not ours
      }
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM';
  }
}

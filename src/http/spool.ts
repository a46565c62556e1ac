// Keeps bytes that must outlive their passing: in memory up to a bound, beyond it in a temporary file of
// mode 0600 inside a folder of this process. Written in batches off the main thread; `append` returns
// false while the disk is behind, so that a fast sender is slowed instead of buffered.

import {
  close,
  existsSync,
  mkdirSync,
  mkdtempSync,
  open,
  read,
  readdirSync,
  rm,
  rmSync,
  unlink,
  writev,
} from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { HttpError } from '../errors.ts';
import type { BodySource } from './body.ts';
import { Body } from './body.ts';

export interface SpoolOptions {
  /** Bytes kept in memory before a file is used. */
  readonly memoryBytes: number;
  /** Bytes that all spools of this process may keep together; absent: no limit. */
  readonly totalBytes?: number;
  /** Folder for the files; null: a folder of this process inside the system's temporary folder. */
  readonly folder: string | null;
}

export const DEFAULT_SPOOL: SpoolOptions = { memoryBytes: 256 * 1024, folder: null };

const MAX_PENDING = 1024 * 1024; // bytes that may wait for the disk
const READ_SIZE = 64 * 1024; // bytes read back at a time
const FOLDER_PREFIX = 'weir-spool-';
const STALE_FOLDER = new RegExp(`^${FOLDER_PREFIX}(\\d+)-`);

let keptByAll = 0; // bytes
let openFiles = 0;

/** What all spools of this process keep now. */
export function spoolUsage(): { readonly bytes: number; readonly files: number } {
  return { bytes: keptByAll, files: openFiles };
}

export class Spool {
  readonly #options: SpoolOptions;
  #size = 0;
  #counted = 0; // of keptByAll
  #memory: Buffer[] = [];
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #path: string | null = null;
  #fd = -1;
  #hasFile = false;
  #busy = false;
  #disposed = false;
  #error: Error | null = null;
  #onDrain: (() => void) | null = null;
  readonly #idle: (() => void)[] = [];

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Bytes appended. */
  get size(): number {
    return this.#size;
  }

  /** Chunks in memory; null once a file is used. */
  get memory(): readonly Buffer[] | null {
    return this.#path === null ? this.#memory : null;
  }

  /** Path of the file, or null while everything is in memory. Complete after `flush`. */
  get path(): string | null {
    return this.#path;
  }

  get error(): Error | null {
    return this.#error;
  }

  /** Adds a chunk, which must not change afterwards. `false`: wait for `onDrain`. */
  append(chunk: Buffer, onDrain: () => void): boolean {
    this.#size += chunk.length;
    if (this.#error !== null) return true;
    this.#counted += chunk.length;
    keptByAll += chunk.length;
    if (keptByAll > (this.#options.totalBytes ?? Infinity)) {
      this.#fail(new Error(`all messages together keep more than ${this.#options.totalBytes} bytes`));
      return true;
    }
    if (this.#path === null && this.#size <= this.#options.memoryBytes) {
      this.#memory.push(chunk);
      return true;
    }
    if (this.#path === null && !this.#openFile()) return true;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    this.#writeNext();
    if (this.#pendingBytes < MAX_PENDING) return true;
    this.#onDrain = onDrain;
    return false;
  }

  /** Resolves when all bytes are on disk (at once while in memory). Rejects with `ERR_SPOOL`. */
  flush(): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        if (this.#error !== null) reject(this.#error);
        else resolve();
      };
      if (!this.#busy && this.#pending.length === 0) done();
      else this.#idle.push(done);
    });
  }

  /** The kept bytes as a new body; may be called again. The spool must stay until it is consumed. */
  read(): Body {
    if (this.#path === null) return Body.of(...this.#memory);
    return readFileBody(this.#path, this.#size);
  }

  /**
   * Copies up to `length` bytes from `from` on, of what is here by now; fewer, or none, where less is kept or
   * the spool has been disposed of or has failed. Nothing is used up.
   */
  async peek(from: number, length: number): Promise<Buffer> {
    if (this.#path === null) return copiedFrom(this.#memory, from, length);
    try {
      await this.flush();
      return await readPart(this.#path, from, Math.min(length, Math.max(0, this.#size - from)));
    } catch {
      return NOTHING; // whoever reads the whole learns why
    }
  }

  /** Frees memory and removes the file. */
  dispose(): void {
    this.#disposed = true;
    this.#uncount();
    this.#memory = [];
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#drained(); // whoever waits for room waits for nothing
    if (!this.#busy) this.#closeFile();
  }

  /** False when the folder cannot be had; `error` says why. */
  #openFile(): boolean {
    try {
      this.#path = join(spoolFolder(this.#options.folder), `${process.pid}-${nextNumber++}.body`);
    } catch (error) {
      this.#fail(error as Error);
      return false;
    }
    this.#pending = this.#memory;
    for (const chunk of this.#memory) this.#pendingBytes += chunk.length;
    this.#memory = [];
    this.#busy = true;
    open(this.#path, 'wx', 0o600, (error, fd) => {
      this.#busy = false;
      if (error?.code === 'ENOENT') forgetFolder(this.#options.folder);
      if (error !== null) return this.#fail(error);
      this.#fd = fd;
      this.#hasFile = true;
      openFiles++;
      this.#writeNext();
    });
    return true;
  }

  #writeNext(): void {
    if (this.#busy || this.#error !== null) return;
    if (this.#disposed) return this.#closeFile();
    if (this.#pending.length === 0) return this.#settle();
    const batch = this.#pending;
    const bytes = this.#pendingBytes;
    this.#pending = [];
    this.#busy = true;
    this.#writeBatch(batch, bytes);
  }

  #writeBatch(batch: Buffer[], bytes: number): void {
    writev(this.#fd, batch, (error, written) => {
      if (error === null && written < bytes && written > 0 && !this.#disposed) {
        this.#pendingBytes -= written;
        return this.#writeBatch(withoutFirst(batch, written), bytes - written);
      }
      this.#busy = false;
      if (error !== null) return this.#fail(error);
      this.#pendingBytes = Math.max(0, this.#pendingBytes - bytes);
      if (this.#pendingBytes < MAX_PENDING / 2) this.#drained();
      this.#writeNext();
    });
  }

  #drained(): void {
    const onDrain = this.#onDrain;
    this.#onDrain = null;
    onDrain?.();
  }

  #settle(): void {
    for (const done of this.#idle.splice(0)) done();
  }

  #uncount(): void {
    keptByAll -= this.#counted;
    this.#counted = 0;
  }

  #fail(error: Error): void {
    this.#uncount();
    this.#error = new HttpError('ERR_SPOOL', `cannot spool a body: ${error.message}`, {}, error);
    this.#memory = [];
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#drained();
    this.#closeFile(); // a part is of no use, and the disk may be full of it
  }

  #closeFile(): void {
    if (this.#fd >= 0) close(this.#fd, () => {});
    this.#fd = -1;
    if (this.#hasFile) openFiles--;
    this.#hasFile = false;
    if (this.#path !== null) unlink(this.#path, () => {});
    this.#settle();
  }
}

/** A copy of a part of several chunks. */
export function copiedFrom(chunks: readonly Buffer[], from: number, length: number): Buffer {
  const parts: Buffer[] = [];
  let skip = from;
  let left = length;
  for (const chunk of chunks) {
    if (left === 0) break;
    if (skip < chunk.length) {
      const part = chunk.subarray(skip, skip + left);
      parts.push(part);
      left -= part.length;
    }
    skip = Math.max(0, skip - chunk.length);
  }
  return Buffer.concat(parts);
}

/** With a descriptor of its own: the spool may close its while this one reads. */
async function readPart(path: string, from: number, length: number): Promise<Buffer> {
  if (length === 0) return NOTHING;
  const file = await openFile(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, from);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

const NOTHING = Buffer.alloc(0);

function withoutFirst(batch: Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  let i = 0;
  while (left >= batch[i]!.length) left -= batch[i++]!.length;
  return [batch[i]!.subarray(left), ...batch.slice(i + 1)];
}

/** A body that reads `size` bytes of a file, one piece ahead of its consumer. */
export function readFileBody(path: string, size: number): Body {
  return readFilePart(path, 0, size, () => {});
}

/**
 * The same with a part of a file.
 * @param from  first byte
 * @param to  the byte behind the last one
 * @param onDone  called once, when the file is not needed any more
 */
export function readFilePart(path: string, from: number, to: number, onDone: () => void): Body {
  let fd = -1;
  let offset = from;
  let reading = true;
  let cancelled = false;
  const source: BodySource = {
    resume: () => readMore(),
    cancel: () => {
      cancelled = true;
      if (!reading) shut();
    },
  };
  const body = new Body(source, to - from);
  let done = false;
  const shut = (): void => {
    if (fd >= 0) close(fd, () => {});
    fd = -1;
    if (!done) onDone();
    done = true;
  };
  const fail = (error: Error | null): void => {
    shut();
    body.fail(
      new HttpError(
        'ERR_SPOOL',
        `cannot read a spooled body: ${error?.message ?? 'file is shorter'}`,
        {},
        error,
      ),
    );
  };
  const readMore = (): void => {
    if (reading) return;
    if (cancelled) return shut();
    reading = true;
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, to - offset));
    read(fd, buffer, 0, buffer.length, offset, (error, bytes) => {
      reading = false;
      if (error !== null || bytes === 0) return fail(error);
      offset += bytes;
      if (cancelled) return shut();
      const more = body.push(bytes === buffer.length ? buffer : buffer.subarray(0, bytes));
      if (offset >= to) {
        shut();
        body.end();
      } else if (more) readMore();
    });
  };
  open(path, 'r', (error, opened) => {
    reading = false;
    if (error !== null) return fail(error);
    fd = opened;
    readMore();
  });
  return body;
}

let nextNumber = 1;
const folders = new Map<string, string>();
let removesAtExit = false;

/** This process's own folder inside `base`, made on first use; folders of dead processes are removed. */
function spoolFolder(base: string | null): string {
  const parent = base ?? tmpdir();
  let folder = folders.get(parent);
  if (folder !== undefined) return folder;
  makeFolder(parent);
  removeStaleFolders(parent);
  folder = mkdtempSync(join(parent, `${FOLDER_PREFIX}${process.pid}-`));
  if (!removesAtExit) process.once('exit', removeOwnFolders);
  removesAtExit = true;
  folders.set(parent, folder);
  return folder;
}

/** Not `recursive`: that never returns where the file system answers ENOENT to mkdir, as below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

/** Something that cleans temporary folders has removed ours: the next body gets a new one. */
function forgetFolder(base: string | null): void {
  folders.delete(base ?? tmpdir());
}

function removeOwnFolders(): void {
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
}

/** Called before this process makes its own: a folder with its number is of a process before it. */
function removeStaleFolders(parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = Number(STALE_FOLDER.exec(name)?.[1] ?? NaN);
    if (Number.isNaN(pid) || (pid !== process.pid && isAlive(pid))) continue;
    rm(join(parent, name), { recursive: true, force: true }, () => {}); // another user's stays
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

// Notices that files have changed, however that is done: written in place, renamed over, behind symbolic
// links that are switched (as Kubernetes mounts do), or on a file system that tells nothing. Folders are
// watched, not files; an event only says when to look. What to do about a change is the caller's.

import { type FSWatcher, type Stats, watch } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import path from 'node:path';

export interface WatchOptions {
  /** Quiet that must follow an event, so that a file is whole when it is read. Default 250 ms. */
  readonly quietMs?: number;
  /** How often to look where no event comes. Default 5 s; null: never. */
  readonly pollMs?: number | null;
}

export interface FileWatch {
  /** Watches these from now on; what is watched already is compared with how it was before. */
  setPaths(paths: readonly string[]): Promise<void>;
  /** What there is now counts as seen: for whoever is about to read it anyway. */
  sync(): Promise<void>;
  close(): void;
}

const QUIET_MS = 250;
const LONGEST_QUIET = 8; // quiets after which a change is told although events go on
const POLL_MS = 5000;
const MAX_LINKS = 40; // symbolic links on one path
const MAX_ENTRIES = 10_000; // of a watched folder

/**
 * Watches files, and folders with the files directly in them. Does not keep the process alive.
 *
 * @param paths  absolute; what does not exist yet is a change when it appears
 * @param onChange  is given the paths that differ from when they were last looked at
 */
export async function watchFiles(
  paths: readonly string[],
  onChange: (changed: string[]) => void,
  options: WatchOptions = {},
): Promise<FileWatch> {
  const watched = new Watch(onChange, options);
  await watched.setPaths(paths);
  return watched;
}

class Watch implements FileWatch {
  readonly #onChange: (changed: string[]) => void;
  readonly #quietMs: number;
  readonly #poll: NodeJS.Timeout | null;
  #paths: readonly string[] = [];
  #seen = new Map<string, string>();
  #watchers: FSWatcher[] = [];
  #timer: NodeJS.Timeout | null = null;
  #firstEventAt = 0;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(onChange: (changed: string[]) => void, { quietMs, pollMs }: WatchOptions) {
    this.#onChange = onChange;
    this.#quietMs = quietMs ?? QUIET_MS;
    const every = pollMs === undefined ? POLL_MS : pollMs;
    this.#poll = every === null ? null : setInterval(() => this.#look(), every).unref();
  }

  setPaths(paths: readonly string[]): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      this.#paths = [...new Set(paths)];
      await this.#arm();
      const seen = await this.#signatures();
      // What was watched before may have changed since it was last looked at.
      for (const [file, signature] of this.#seen) if (seen.has(file)) seen.set(file, signature);
      this.#seen = seen;
    });
    return this.#looking;
  }

  sync(): Promise<void> {
    this.#looking = this.#looking.then(async () => {
      this.#seen = await this.#signatures();
    });
    return this.#looking;
  }

  close(): void {
    this.#closed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#disarm();
  }

  #onEvent(): void {
    if (this.#closed) return;
    const now = performance.now();
    if (this.#timer === null) this.#firstEventAt = now;
    else if (now - this.#firstEventAt > LONGEST_QUIET * this.#quietMs)
      return; // it fires soon enough
    else clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, this.#quietMs).unref();
  }

  /** Compares everything with how it was. Folders are watched anew first: links may lead elsewhere now. */
  #look(): void {
    this.#looking = this.#looking.then(async () => {
      if (this.#closed) return;
      await this.#arm();
      const seen = await this.#signatures();
      const changed = this.#paths.filter((file) => seen.get(file) !== this.#seen.get(file));
      this.#seen = seen;
      if (changed.length > 0 && !this.#closed) this.#onChange(changed);
    });
  }

  async #signatures(): Promise<Map<string, string>> {
    const list = await Promise.all(this.#paths.map(async (file) => [file, await signatureOf(file)] as const));
    return new Map(list);
  }

  async #arm(): Promise<void> {
    const folders = new Set<string>();
    for (const file of this.#paths) for (const folder of await foldersOf(file)) folders.add(folder);
    if (this.#closed) return;
    this.#disarm();
    for (const folder of folders) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#onEvent());
        watcher.on('error', () => watcher.close()); // what it would have told is found by looking
        this.#watchers.push(watcher);
      } catch {
        // No more watches to be had, or the folder has just gone: as above.
      }
    }
  }

  #disarm(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }
}

/**
 * Folders in which something happens when what a path leads to changes: of each symbolic link on the way,
 * and of the file. Where the path breaks off it is the last folder that exists.
 */
async function foldersOf(file: string): Promise<Set<string>> {
  const folders = new Set<string>();
  let rest = path.resolve(file).split(path.sep).filter(Boolean);
  let at: string = path.parse(path.resolve(file)).root;
  let links = 0;
  while (rest.length > 0) {
    const [name = '', ...further] = rest;
    const next = path.join(at, name);
    const facts = await lstat(next).catch(() => null);
    if (facts === null) {
      folders.add(at);
      return folders;
    }
    rest = further;
    if (!facts.isSymbolicLink()) {
      if (further.length === 0) folders.add(at);
      if (further.length === 0 && facts.isDirectory()) folders.add(next);
      at = next;
      continue;
    }
    folders.add(at);
    if (++links > MAX_LINKS) return folders;
    const target = path.resolve(at, await readlink(next).catch(() => ''));
    rest = [...target.split(path.sep).filter(Boolean), ...further];
    at = path.parse(target).root;
  }
  return folders;
}

/** Differs when the file has changed, or a file directly in the folder. */
async function signatureOf(file: string): Promise<string> {
  const facts = await stat(file).catch(() => null);
  if (facts === null) return 'missing';
  if (!facts.isDirectory()) return ofStats(facts);
  const names = (await readdir(file).catch(() => [])).sort().slice(0, MAX_ENTRIES);
  const list = await Promise.all(
    names.map(async (name) => {
      const inner = await stat(path.join(file, name)).catch(() => null);
      return inner?.isFile() === true ? `${name} ${ofStats(inner)}` : '';
    }),
  );
  return list.join('\n');
}

/** With the inode, because files that were written at the same time may have equal times and sizes. */
function ofStats({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

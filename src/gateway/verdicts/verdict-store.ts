// What the gateway remembers of content: verdicts of blades by content and by everything else that they
// depend on, and content that somebody has released. An index in memory answers; two journals (journal.ts)
// let it survive a restart and reach the other processes. Nothing here judges: remembered.ts asks.

import { LRUCache } from 'lru-cache';
import type { BlockVerdict, Severity } from '../../plugin/api.ts';
import { Journal } from './journal.ts';

export interface VerdictStoreOptions {
  readonly folder: string;
  /** Clean verdicts that are remembered, the least used go first; of blocks a fifth of that, at least 1000. */
  readonly entries: number;
  readonly maxAgeMs: number;
  /** Age of what is known of other processes at which they are looked at again. Default 250 ms. */
  readonly refreshMs?: number;
  readonly onTrouble?: (error: unknown) => void;
}

/** A block that is remembered. */
export interface FoundVerdict extends BlockVerdict {
  /** Of the message that was judged. */
  readonly incident: string;
}

/** Content that passes whatever the blade that has blocked it would say. */
export interface Release {
  /** Hexadecimal. */
  readonly sha256: string;
  /** Milliseconds since 1970. */
  readonly until: number;
  /** The blade whose verdict is lifted beside those of all blades for content; null: only these. */
  readonly blade: string | null;
}

const REFRESH_MS = 250;
const WORTH_KEEPING_MS = 2;
const CLEAN_LINE = 110; // bytes, about
const FOUND_BYTES = 16 * 1024 * 1024;
const MIN_FOUND = 1000;
const MAX_RELEASES = 10_000;
const SEVERITIES: readonly unknown[] = ['low', 'medium', 'high', 'critical'] satisfies Severity[];

export class VerdictStore {
  readonly options: VerdictStoreOptions;
  readonly #clean: LRUCache<string, number>; // to the time of the verdict
  readonly #found: LRUCache<string, FoundVerdict>;
  readonly #releases = new Map<string, Release>();
  readonly #cleanJournal: Journal;
  readonly #foundJournal: Journal;
  readonly #refreshMs: number;
  #freshUntil = -Infinity;
  #refreshing: Promise<void> | null = null;

  constructor(options: VerdictStoreOptions) {
    this.options = options;
    const { folder, entries, maxAgeMs, refreshMs = REFRESH_MS, onTrouble = () => {} } = options;
    this.#refreshMs = refreshMs;
    this.#clean = new LRUCache({ max: entries });
    this.#found = new LRUCache({ max: Math.max(MIN_FOUND, Math.round(entries / 5)) });
    const common = { folder, maxAgeMs, onTrouble };
    this.#cleanJournal = new Journal({
      ...common,
      name: 'clean',
      maxBytes: Math.max(1024 * 1024, entries * CLEAN_LINE),
      onLine: (line) => this.#onClean(line),
    });
    this.#foundJournal = new Journal({
      ...common,
      name: 'found',
      maxBytes: FOUND_BYTES,
      onLine: (line) => this.#onFound(line),
    });
  }

  /** Null when the index is recent enough; else resolves when it is. Never rejects. */
  fresh(): Promise<void> | null {
    if (performance.now() < this.#freshUntil) return null;
    this.#refreshing ??= Promise.all([this.#foundJournal.refresh(), this.#cleanJournal.refresh()]).then(
      () => {
        this.#refreshing = null;
        this.#freshUntil = performance.now() + this.#refreshMs;
      },
    );
    return this.#refreshing;
  }

  /** What is known by that key: a block, or that it is clean. */
  get(key: string): FoundVerdict | 'clean' | null {
    const found = this.#found.get(key);
    if (found !== undefined) return found;
    const since = this.#clean.get(key);
    if (since === undefined) return null;
    return Date.now() - since <= this.options.maxAgeMs ? 'clean' : null;
  }

  /** @param ms  time that the verdict took: what was quick is not worth the disk, and known to this process only */
  addClean(key: string, ms: number): void {
    const time = Date.now();
    this.#clean.set(key, time);
    if (ms >= WORTH_KEEPING_MS) this.#cleanJournal.append({ time, key });
  }

  addFound(key: string, verdict: FoundVerdict): void {
    const { threat, severity, reason, incident, report } = verdict;
    this.#setFound(key, verdict, Date.now());
    this.#foundJournal.append({ time: Date.now(), key, threat, severity, reason, incident, report });
  }

  /** True when there is any release: without one nobody has to know the hash for it. */
  get hasReleases(): boolean {
    return this.#releases.size > 0;
  }

  /** The release of that content that is in force now. */
  releaseOf(sha256: string): Release | null {
    const release = this.#releases.get(sha256);
    if (release === undefined) return null;
    if (release.until > Date.now()) return release;
    this.#releases.delete(sha256);
    return null;
  }

  /** All releases in force. */
  get releases(): Release[] {
    return [...this.#releases.keys()].flatMap((sha256) => this.releaseOf(sha256) ?? []);
  }

  /** Lets that content pass from now on; a time that is over takes an earlier release back. */
  release(release: Release): void {
    this.#setRelease(release);
    this.#foundJournal.append({ time: Date.now(), ...release });
  }

  /** Resolves when all blocks and releases so far are on disk, where the other processes see them, or cannot be. */
  flushFound(): Promise<void> {
    return this.#foundJournal.flush();
  }

  /** Resolves when everything so far is on disk, or cannot be. */
  async flush(): Promise<void> {
    await Promise.all([this.#cleanJournal.flush(), this.#foundJournal.flush()]);
  }

  #setFound(key: string, verdict: FoundVerdict, time: number): void {
    const left = time + this.options.maxAgeMs - Date.now();
    if (left > 0) this.#found.set(key, verdict, { ttl: left });
  }

  #setRelease(release: Release): void {
    this.#releases.delete(release.sha256); // the latest stands last
    if (release.until <= Date.now()) return;
    this.#releases.set(release.sha256, release);
    const oldest = this.#releases.keys().next().value;
    if (this.#releases.size > MAX_RELEASES && oldest !== undefined) this.#releases.delete(oldest);
  }

  #onClean({ time, key }: Readonly<Record<string, unknown>>): void {
    if (typeof time !== 'number' || typeof key !== 'string') return;
    if (Date.now() - time <= this.options.maxAgeMs && !this.#found.has(key)) this.#clean.set(key, time);
  }

  #onFound(line: Readonly<Record<string, unknown>>): void {
    const { time, key, threat, severity, reason, incident, report, sha256, until, blade } = line;
    if (typeof sha256 === 'string' && typeof until === 'number') {
      this.#setRelease({ sha256, until, blade: typeof blade === 'string' ? blade : null });
    }
    if (typeof time !== 'number' || typeof key !== 'string' || !SEVERITIES.includes(severity)) return;
    if (typeof threat !== 'string' || typeof reason !== 'string' || typeof incident !== 'string') return;
    const verdict = { kind: 'block', threat, severity: severity as Severity, reason, incident } as const;
    this.#setFound(key, typeof report === 'string' ? { ...verdict, report } : verdict, time);
  }
}

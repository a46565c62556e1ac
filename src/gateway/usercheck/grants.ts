// Who may have what although it is blocked, and until when; and which tokens were used. All processes of a
// gateway share it through a journal on disk, so that it outlives a restart too (decision 0017).

import { createHash } from 'node:crypto';
import { Journal } from '../verdicts/journal.ts';
import type { Who } from './token.ts';

/** What a grant is for. */
export interface Wanted extends Who {
  readonly profile: string;
  readonly blade: string;
  readonly threat: string;
  /** `sha256:…` of a body, or `host:…`. */
  readonly scope: string;
}

const MAX_KEPT = 50_000; // grants, and as many tokens; the oldest go first
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_AGE_MS = 31 * 24 * 3_600_000; // longer than any grant holds

export class Grants {
  /** By digest, to the end of each. */
  readonly #grants = new Map<string, number>();
  readonly #used = new Map<string, number>();
  readonly #journal: Journal;

  constructor(folder: string, onTrouble: (error: unknown) => void) {
    this.#journal = new Journal({
      folder,
      name: 'grants',
      maxBytes: MAX_BYTES,
      maxAgeMs: MAX_AGE_MS,
      onLine: (line) => this.#note(line),
      onTrouble,
    });
  }

  /** @returns when it ends, milliseconds since 1970; null where there is none */
  async endOf(wanted: Wanted, now: number): Promise<number | null> {
    await this.#journal.refresh();
    const until = this.#grants.get(digestOf(wanted)) ?? 0;
    return until > now ? until : null;
  }

  async isUsed(nonce: string): Promise<boolean> {
    await this.#journal.refresh();
    return this.#used.has(nonce);
  }

  /**
   * Grants it; other processes know when this resolves.
   * @param until, usedUntil  milliseconds since 1970; the token is worth nothing from `usedUntil` on
   */
  async add(wanted: Wanted, until: number, nonce: string, usedUntil: number): Promise<void> {
    const line = { k: digestOf(wanted), u: until, n: nonce, e: usedUntil };
    this.#note(line);
    this.#journal.append(line);
    await this.#journal.flush();
  }

  flush(): Promise<void> {
    return this.#journal.flush();
  }

  #note({ k, u, n, e }: Readonly<Record<string, unknown>>): void {
    const now = Date.now();
    if (typeof k === 'string' && typeof u === 'number' && u > now) keep(this.#grants, k, u, now);
    if (typeof n === 'string' && typeof e === 'number' && e > now) keep(this.#used, n, e, now);
  }
}

function keep(map: Map<string, number>, key: string, until: number, now: number): void {
  map.set(key, Math.max(until, map.get(key) ?? 0));
  if (map.size <= MAX_KEPT) return;
  for (const [old, end] of map) if (end <= now) map.delete(old);
  for (const old of map.keys()) {
    if (map.size <= MAX_KEPT) return;
    map.delete(old);
  }
}

function digestOf({ client, user, profile, blade, threat, scope }: Wanted): string {
  return createHash('sha256')
    .update(JSON.stringify([client, user, profile, blade, threat, scope]))
    .digest('base64url');
}

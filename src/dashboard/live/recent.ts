// The last transactions, newest last: what lists are made of. Bounded in number and in work: under load only
// some of the uneventful ones are taken, and the others counted.

import type { TransactionSummary, Verdict } from '../api/types.ts';
import type { Matches } from './filter.ts';

export const CAPACITY = 2000;
const WINDOW_MS = 250;
const PER_WINDOW = 50; // uneventful ones

export interface RecentPage {
  /** Newest first. */
  readonly items: readonly TransactionSummary[];
  readonly next: string | null;
}

export class RecentTransactions {
  readonly #ring: (TransactionSummary | undefined)[] = [];
  #count = 0; // ever taken
  #forgotten = 0;
  #windowAt = -Infinity;
  #inWindow = 0;

  /** Not taken since the start. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get size(): number {
    return Math.min(this.#count, CAPACITY);
  }

  /** What `wants` would say. */
  hasRoomFor(verdict: Verdict): boolean {
    if (verdict !== 'allowed' || this.#inWindow < PER_WINDOW) return true;
    return performance.now() - this.#windowAt >= WINDOW_MS;
  }

  /** Whether one is to be taken now; one that is not is counted. */
  wants(verdict: Verdict): boolean {
    if (verdict !== 'allowed') return true;
    const now = performance.now();
    if (now - this.#windowAt >= WINDOW_MS) {
      this.#windowAt = now;
      this.#inWindow = 0;
    }
    if (++this.#inWindow <= PER_WINDOW) return true;
    this.#forgotten++;
    return false;
  }

  add(summary: TransactionSummary): void {
    this.#ring[this.#count++ % CAPACITY] = summary;
  }

  /** By its id or that of its incident. */
  find(id: string): TransactionSummary | null {
    return this.newest().find((summary) => summary.id === id || summary.incident === id) ?? null;
  }

  /** @param before  `next` of the page before this one; null: from the newest on */
  page(matches: Matches | null, limit: number, before: string | null): RecentPage {
    const items: TransactionSummary[] = [];
    const oldest = Math.max(0, this.#count - CAPACITY);
    for (let at = startOf(before, this.#count) - 1; at >= oldest; at--) {
      const summary = this.#ring[at % CAPACITY]!;
      if (matches !== null && !matches(summary)) continue;
      if (items.length === limit) return { items, next: String(at + 1) };
      items.push(summary);
    }
    return { items, next: null };
  }

  /** All of them, newest first. */
  newest(): readonly TransactionSummary[] {
    return this.page(null, CAPACITY, null).items;
  }
}

function startOf(before: string | null, count: number): number {
  return before !== null && /^\d{1,15}$/.test(before) ? Math.min(Number(before), count) : count;
}

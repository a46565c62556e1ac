// What happened minute by minute, of the last day: the differences of what is counted anyway for metrics. The
// hot path does nothing for it; a timer looks at the counters every few seconds.

import { BUCKETS_MS, labelsOf } from '../../metrics/counters.ts';
import type { MeterSnapshot } from '../../metrics/meters.ts';
import type { Counts, OverviewBucket } from '../api/types.ts';

const MINUTE_MS = 60_000;
const MINUTES = 1440; // that are kept
const MAX_SHOWN = 120; // buckets of one answer
const LOOK_EVERY_MS = 5000;

/** Numbers that only grow; the difference of two of them is what happened between. */
interface Totals {
  readonly verdicts: Readonly<Record<string, number>>;
  readonly notScanned: Readonly<Record<string, number>>;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Durations by bucket of metrics. */
  readonly durations: readonly number[];
}

interface Minute {
  /** Since 1970. */
  readonly minute: number;
  /** At its begin. */
  readonly from: Totals;
}

export interface TimeLineReply {
  readonly bucketMs: number;
  readonly buckets: readonly OverviewBucket[];
  readonly totals: Counts;
}

export class TimeLine {
  readonly #snapshot: () => MeterSnapshot;
  readonly #now: () => number;
  readonly #timer: NodeJS.Timeout;
  readonly #minutes: Minute[] = [];

  /** @param now  milliseconds since 1970, for tests */
  constructor(snapshot: () => MeterSnapshot, now: () => number = Date.now) {
    this.#snapshot = snapshot;
    this.#now = now;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  /** Since the start. */
  counts(): Counts {
    return countsOf(totalsOf(this.#snapshot()), NOTHING);
  }

  /** @param minutes  1 to 1440; in at most 120 buckets */
  reply(minutes: number): TimeLineReply {
    this.#look();
    const perBucket = Math.ceil(minutes / MAX_SHOWN);
    const now = totalsOf(this.#snapshot());
    const last = Math.floor(this.#now() / MINUTE_MS);
    const first = last - minutes + 1;
    const buckets: OverviewBucket[] = [];
    for (let minute = first; minute <= last; minute += perBucket) {
      const from = this.#at(minute, now);
      const to = minute + perBucket > last ? now : this.#at(minute + perBucket, now);
      const at = new Date(minute * MINUTE_MS).toISOString();
      const durations = to.durations.map((count, index) => count - (from.durations[index] ?? 0));
      const latencyMs = { p50: quantile(durations, 0.5), p95: quantile(durations, 0.95) };
      buckets.push({ at, ...countsOf(to, from), latencyMs });
    }
    return { bucketMs: perBucket * MINUTE_MS, buckets, totals: countsOf(now, this.#at(first, now)) };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const minute = Math.floor(this.#now() / MINUTE_MS);
    if (this.#minutes.at(-1)?.minute === minute) return;
    this.#minutes.push({ minute, from: totalsOf(this.#snapshot()) });
    if (this.#minutes.length > MINUTES + 1) this.#minutes.shift();
  }

  /** What was counted when a minute began; nothing had been before the first one. */
  #at(minute: number, now: Totals): Totals {
    const known = this.#minutes.find((each) => each.minute >= minute);
    if (known === undefined) return now;
    return known === this.#minutes[0] && known.minute > minute ? NOTHING : known.from;
  }
}

const NOTHING: Totals = { verdicts: {}, notScanned: {}, bytesIn: 0, bytesOut: 0, durations: [] };

function totalsOf({ counters, histograms }: MeterSnapshot): Totals {
  const verdicts = Object.fromEntries(counters.weir_transactions_total ?? []);
  const notScanned: Record<string, number> = {};
  for (const [key, count] of counters.weir_messages_total ?? []) {
    const [, outcome, reason = ''] = labelsOf(key);
    if (outcome === 'not_scanned') notScanned[reason] = (notScanned[reason] ?? 0) + count;
  }
  const bytes = Object.fromEntries(counters.weir_transaction_bytes_total ?? []);
  const durations = histograms.weir_transaction_seconds?.[0]?.[1] ?? [];
  return { verdicts, notScanned, bytesIn: bytes['in'] ?? 0, bytesOut: bytes['out'] ?? 0, durations };
}

function countsOf(to: Totals, from: Totals): Counts {
  const of = (verdict: string): number => (to.verdicts[verdict] ?? 0) - (from.verdicts[verdict] ?? 0);
  const [allowed, blocked, modified] = [of('allowed'), of('blocked'), of('modified')];
  const [bypassed, errors] = [of('bypassed'), of('error')];
  const reasons = Object.entries(to.notScanned).flatMap(([reason, count]) => {
    const more = count - (from.notScanned[reason] ?? 0);
    return more === 0 ? [] : [[reason, more] as const];
  });
  return {
    transactions: allowed + blocked + modified + bypassed + errors,
    ...{ allowed, blocked, modified, bypassed, errors },
    notScanned: Object.fromEntries(reasons),
    bytesIn: to.bytesIn - from.bytesIn,
    bytesOut: to.bytesOut - from.bytesOut,
  };
}

/** The upper bound of the bucket that has it; null where nothing was measured. @param counts  by BUCKETS_MS */
export function quantile(counts: readonly number[], part: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let seen = 0;
  for (const [index, count] of counts.entries()) {
    seen += count;
    if (seen >= all * part) return BUCKETS_MS[index] ?? BUCKETS_MS.at(-1)!;
  }
  return BUCKETS_MS.at(-1)!;
}

// What one phase of a load run has counted, and the report made of it. Latencies go into a histogram of
// fixed size (three significant digits), so that a long run needs no more memory than a short one.

import { build, type Histogram } from 'hdr-histogram-js';
import type { Failure, FailureKind } from './judge.ts';

const HIGHEST_MICROS = 3_600_000_000; // one hour; longer latencies count as this
const MAX_STATUSES = 50; // a server may answer any of 100 to 599
const STEPS = 1000; // in which many waiting times are entered

/** In milliseconds. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export type Ending = 'duration' | 'requests' | 'stopped';

export interface LoadReport {
  readonly ending: Ending;
  /** From the first start to the last end. */
  readonly seconds: number;
  /** Exchanges that were answered rightly. */
  readonly exchanges: number;
  readonly perSecond: number;
  /** Exchanges that failed, by kind below. */
  readonly failed: number;
  readonly errors: readonly { readonly kind: FailureKind; readonly count: number; readonly first: string }[];
  /** Final answers by status, failed ones included. */
  readonly statuses: Readonly<Record<string, number>>;
  /** 100 Continue that were followed. */
  readonly continues: number;
  /** 200 and 206 whose body has another length than the one sent. */
  readonly changed: number;
  /** Exchanges for which a connection had to be opened anew: the server, or an error, had closed it. */
  readonly reopened: number;
  /** Exchanges due by the rate that found no free connection until the end; null in a closed loop. */
  readonly unsent: number | null;
  /** Of right answers, of those that did not come in time, and of unsent ones; null where there is none. */
  readonly latencyMs: Latency | null;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Share of one core that this process was busy, 0 to 1: near 1 it may itself be the limit. */
  readonly generatorShare: number;
}

export class Tally {
  exchanges = 0;
  failed = 0;
  continues = 0;
  changed = 0;
  reopened = 0;
  bytesSent = 0;
  bytesReceived = 0;
  readonly #statuses = new Map<number, number>();
  readonly #errors = new Map<FailureKind, { count: number; first: string }>();
  readonly #latencies: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_MICROS,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32,
  });

  countStatus(status: number): void {
    const count = this.#statuses.get(status);
    if (count !== undefined || this.#statuses.size < MAX_STATUSES)
      this.#statuses.set(status, (count ?? 0) + 1);
  }

  succeed(latencyMs: number): void {
    this.exchanges++;
    this.#enter(latencyMs, 1);
  }

  /** @param waitedMs  time that belongs into the latencies; null: none */
  fail({ kind, text }: Failure, waitedMs: number | null): void {
    this.failed++;
    const known = this.#errors.get(kind);
    if (known === undefined) this.#errors.set(kind, { count: 1, first: text });
    else known.count++;
    if (waitedMs !== null) this.#enter(waitedMs, 1);
  }

  /** Enters exchanges that were due one after another and never began: the first waited longest. */
  enterUnsent(count: number, longestMs: number): void {
    const steps = Math.min(count, STEPS);
    for (let step = 0; step < steps; step++) {
      const share = Math.floor((count * (step + 1)) / steps) - Math.floor((count * step) / steps);
      this.#enter(longestMs * (1 - step / steps), share);
    }
  }

  /** Milliseconds that this share of the exchanges did not exceed; null before the first. */
  percentile(percent: number): number | null {
    return this.#latencies.totalCount === 0 ? null : this.#latencies.getValueAtPercentile(percent) / 1000;
  }

  report(
    ending: Ending,
    times: { seconds: number; generatorShare: number; unsent: number | null },
  ): LoadReport {
    const { exchanges, failed, continues, changed, reopened, bytesSent, bytesReceived } = this;
    return {
      ending,
      seconds: times.seconds,
      exchanges,
      perSecond: times.seconds > 0 ? exchanges / times.seconds : 0,
      failed,
      errors: [...this.#errors].map(([kind, { count, first }]) => ({ kind, count, first })),
      statuses: Object.fromEntries([...this.#statuses].sort(([left], [right]) => left - right)),
      continues,
      changed,
      reopened,
      unsent: times.unsent,
      latencyMs: this.#latency(),
      bytesSent,
      bytesReceived,
      generatorShare: times.generatorShare,
    };
  }

  #enter(latencyMs: number, count: number): void {
    const micros = Math.min(Math.max(Math.round(latencyMs * 1000), 1), HIGHEST_MICROS);
    if (count === 1) this.#latencies.recordValue(micros);
    else this.#latencies.recordValueWithCount(micros, count);
  }

  #latency(): Latency | null {
    const latencies = this.#latencies;
    if (latencies.totalCount === 0) return null;
    const at = (percent: number): number => latencies.getValueAtPercentile(percent) / 1000;
    return {
      mean: latencies.mean / 1000,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: latencies.maxValue / 1000,
    };
  }
}

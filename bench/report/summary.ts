// Folds the rounds of a run into one row for each work: medians for every peer, and the median of the
// ratios against Squid + c-icap taken in the same round. Pure; spelled out by table.ts and page.ts.
import type { IdleMeasurement, Measurement } from '../measure.ts';
import { median, medianOfRatios } from '../stats.ts';
import { WORKS, type PeerId, type Work } from '../works.ts';

/** The peer that every ratio is taken against. */
export const REFERENCE: PeerId = 'squid';

/** Above this share of its core, load generator and origin bound the throughput, not the peer. */
export const LOAD_LIMIT = 0.93;

/** Above this share of the peer's core taken by others, a figure is not to be trusted. */
export const FOREIGN_LIMIT = 0.1;

export interface Failure {
  /** A work's id, `idle`, or `start`: the peer never came up. */
  readonly work: string;
  readonly peer: PeerId;
  readonly reason: string;
}

export interface RunResult {
  readonly peers: readonly PeerId[];
  readonly works: readonly string[];
  readonly measurements: readonly Measurement[];
  readonly idle: readonly IdleMeasurement[];
  readonly failures: readonly Failure[];
}

/** Share of measurements during which other processes took more of the peer's core than they should. */
export function disturbedShare(measurements: readonly Measurement[]): number {
  if (measurements.length === 0) return 0;
  return (
    measurements.filter((measured) => measured.foreignShare > FOREIGN_LIMIT).length / measurements.length
  );
}

export interface Cell {
  readonly cpuMicros: number;
  /** The external ICAP server's part of `cpuMicros`. */
  readonly icapMicros: number | undefined;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly peakRssBytes: number;
  readonly loadShare: number;
  readonly foreignShare: number;
  /** Reference's CPU time per exchange divided by this peer's; above 1 this peer is cheaper. */
  readonly cpuRatio: number | undefined;
  /** This peer's throughput divided by the reference's. */
  readonly rateRatio: number | undefined;
  /** Whether the CPU ratio reaches the target; `undefined` without target or ratio. */
  readonly met: boolean | undefined;
}

export interface Row {
  readonly work: Work;
  /** A peer that failed or was not run is missing. */
  readonly cells: ReadonlyMap<PeerId, Cell>;
}

function cellOf(work: Work, peer: PeerId, result: RunResult): Cell | undefined {
  const of = (id: PeerId): Measurement[] =>
    result.measurements.filter((measurement) => measurement.work === work.id && measurement.peer === id);
  const own = of(peer);
  if (own.length === 0) return undefined;
  const byRound = (list: readonly Measurement[], key: 'cpuMicros' | 'perSecond'): Map<number, number> =>
    new Map(list.map((measurement) => [measurement.round, measurement[key]]));
  const middle = (key: Exclude<keyof Cell, 'icapMicros' | 'cpuRatio' | 'rateRatio' | 'met'>): number =>
    median(own.map((measurement) => measurement[key]));
  const reference = peer === REFERENCE ? [] : of(REFERENCE);
  const cpuRatio = medianOfRatios(byRound(reference, 'cpuMicros'), byRound(own, 'cpuMicros'));
  const target = work.targets[peer];
  const icap = own.flatMap(({ icapMicros }) => (icapMicros === null ? [] : [icapMicros]));
  return {
    cpuMicros: middle('cpuMicros'),
    icapMicros: icap.length === 0 ? undefined : median(icap),
    perSecond: middle('perSecond'),
    bytesPerSecond: middle('bytesPerSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    peakRssBytes: middle('peakRssBytes'),
    loadShare: middle('loadShare'),
    foreignShare: middle('foreignShare'),
    cpuRatio,
    rateRatio: medianOfRatios(byRound(own, 'perSecond'), byRound(reference, 'perSecond')),
    met: target === undefined || cpuRatio === undefined ? undefined : cpuRatio >= target,
  };
}

/** One row for each work that was asked for, in table order. */
export function summarize(result: RunResult): Row[] {
  return WORKS.filter((work) => result.works.includes(work.id)).map((work) => {
    const cells = new Map<PeerId, Cell>();
    for (const peer of result.peers) {
      const cell = cellOf(work, peer, result);
      if (cell !== undefined) cells.set(peer, cell);
    }
    return { work, cells };
  });
}

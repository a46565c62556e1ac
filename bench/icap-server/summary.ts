// Folds the rounds of a run into one row for each work: medians, and the median of the ratios against
// c-icap taken in the same round. Pure; spelled out by report.ts.
import { FOREIGN_LIMIT } from '../report/summary.ts';
import { median, medianOfRatios } from '../stats.ts';
import type { ServerMeasurement } from './measure.ts';
import {
  SCALING_ID,
  SCALING_TARGET,
  SCALING_WORKS,
  SERVER_WORKS,
  type ServerId,
  type ServerWork,
} from './works.ts';

export interface ServerFailure {
  /** A work's id, or `start`: the server never came up. */
  readonly work: string;
  readonly peer: ServerId;
  readonly reason: string;
}

/** A work on Weir with so many worker processes on as many cores. */
export interface ScalingMeasurement extends ServerMeasurement {
  readonly workers: 1 | 2;
}

export interface ServerRunResult {
  readonly peers: readonly ServerId[];
  readonly works: readonly string[];
  readonly measurements: readonly ServerMeasurement[];
  readonly scaling: readonly ScalingMeasurement[];
  readonly failures: readonly ServerFailure[];
  /** The load generator had cores of its own while two workers were measured. */
  readonly loadApart: boolean;
}

export interface ServerCell {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly bytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly share204: number;
  readonly shareContinued: number;
  readonly rssBytes: number;
  readonly loadShare: number;
}

export interface ServerRow {
  readonly work: ServerWork;
  /** A server that failed or was not run is missing. */
  readonly cells: ReadonlyMap<ServerId, ServerCell>;
  /** c-icap's CPU time per exchange divided by Weir's; above 1 Weir is cheaper. */
  readonly cpuRatio: number | undefined;
  /** Weir's throughput divided by c-icap's. */
  readonly rateRatio: number | undefined;
  /** Weir's p99 divided by c-icap's; above 1 Weir is slower. */
  readonly p99Ratio: number | undefined;
  readonly met: boolean | undefined;
}

type Figure = 'cpuMicros' | 'perSecond' | 'p99Ms';

const byRound = (list: readonly ServerMeasurement[], key: Figure): Map<number, number> =>
  new Map(list.map((measured) => [measured.round, measured[key]]));

function cellOf(list: readonly ServerMeasurement[]): ServerCell | undefined {
  if (list.length === 0) return undefined;
  const middle = (key: keyof ServerCell): number => median(list.map((measured) => measured[key]));
  return {
    cpuMicros: middle('cpuMicros'),
    perSecond: middle('perSecond'),
    bytesPerSecond: middle('bytesPerSecond'),
    p50Ms: middle('p50Ms'),
    p99Ms: middle('p99Ms'),
    share204: middle('share204'),
    shareContinued: middle('shareContinued'),
    rssBytes: middle('rssBytes'),
    loadShare: middle('loadShare'),
  };
}

/** One row for each work that was asked for, in table order. */
export function summarizeServers(result: ServerRunResult): ServerRow[] {
  return SERVER_WORKS.filter((work) => result.works.includes(work.id)).map((work) => {
    const of = (peer: ServerId): ServerMeasurement[] =>
      result.measurements.filter((measured) => measured.work === work.id && measured.peer === peer);
    const [weir, reference] = [of('weir'), of('c-icap')];
    const ratio = (above: readonly ServerMeasurement[], below: readonly ServerMeasurement[], key: Figure) =>
      medianOfRatios(byRound(above, key), byRound(below, key));
    const cells = new Map<ServerId, ServerCell>();
    for (const peer of result.peers) {
      const cell = cellOf(of(peer));
      if (cell !== undefined) cells.set(peer, cell);
    }
    const cpuRatio = ratio(reference, weir, 'cpuMicros');
    return {
      work,
      cells,
      cpuRatio,
      rateRatio: ratio(weir, reference, 'perSecond'),
      p99Ratio: ratio(weir, reference, 'p99Ms'),
      met: cpuRatio === undefined ? undefined : cpuRatio >= work.target,
    };
  });
}

export interface ScalingRow {
  readonly work: ServerWork;
  readonly one: ServerCell;
  readonly two: ServerCell;
  /** What two cores' worth of CPU time would serve, divided by what one core's would. */
  readonly limitedRatio: number;
  /** Throughput as it was measured, divided. */
  readonly measuredRatio: number;
  /** Worker processes that worked, and how much the less busy one did of what the busier one did. */
  readonly processes: number;
  readonly balance: number;
  /** By the ratio that counts on this machine; undefined when only one process worked. */
  readonly met: boolean | undefined;
}

/** Rows of the comparison of two workers with one; empty without it. */
export function summarizeScaling(result: ServerRunResult): ScalingRow[] {
  if (!result.works.includes(SCALING_ID)) return [];
  return SERVER_WORKS.filter((work) => SCALING_WORKS.includes(work.id)).flatMap((work) => {
    const of = (workers: 1 | 2): ScalingMeasurement[] =>
      result.scaling.filter((measured) => measured.work === work.id && measured.workers === workers);
    const [one, two] = [cellOf(of(1)), cellOf(of(2))];
    const cpu = medianOfRatios(byRound(of(1), 'cpuMicros'), byRound(of(2), 'cpuMicros'));
    const rate = medianOfRatios(byRound(of(2), 'perSecond'), byRound(of(1), 'perSecond'));
    if (one === undefined || two === undefined || cpu === undefined || rate === undefined) return [];
    const processes = median(of(2).map(({ processMicros }) => processMicros.length));
    const balance = median(of(2).map(({ processMicros: [first = 0, second = 0] }) => second / first));
    const limitedRatio = 2 * cpu;
    const counting = result.loadApart ? rate : limitedRatio;
    const met = processes < 2 ? undefined : counting >= SCALING_TARGET;
    return [{ work, one, two, limitedRatio, measuredRatio: rate, processes, balance, met }];
  });
}

/** Share of measurements during which other processes took more of a core than they should. */
export function disturbedShareOf(measurements: readonly ServerMeasurement[]): number {
  if (measurements.length === 0) return 0;
  return measurements.filter(({ foreignShare }) => foreignShare > FOREIGN_LIMIT).length / measurements.length;
}

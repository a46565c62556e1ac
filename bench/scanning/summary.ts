// What the measurements come to: a row for each claim, with its figure, its target and whether it is met.
import { FOREIGN_LIMIT } from '../report/summary.ts';
import { median, medianOfRatios } from '../stats.ts';
import type { ArchivesMeasurement, ScanMeasurement } from './measure.ts';
import type { ScanServerId } from './works.ts';

export interface ScanResult {
  readonly measurements: readonly ScanMeasurement[];
  readonly archives: readonly ArchivesMeasurement[];
  /** SHA-256 of a body as the gateway computes it, in microseconds, by its bytes. */
  readonly hashMicros: Readonly<Record<'1k' | '64k', number>>;
  readonly failures: readonly {
    readonly work: string;
    readonly server: ScanServerId;
    readonly reason: string;
  }[];
}

export interface Claim {
  readonly title: string;
  /** What was measured, in `unit`. */
  readonly value: number;
  readonly unit: 'ratio' | 'µs' | 'ms';
  /** The value must not be above it. */
  readonly limit: number;
}

/** Largest ratio of CPU time against c-icap + clamd. */
export const RATIO_LIMIT = 2;
export const CACHED_LIMIT_MICROS = 50;
export const SMALL_LIMIT_MS = 1;
export const ECHO_LIMIT_MS = 20;

/** The claims that there are measurements for. */
export function claims(result: ScanResult): Claim[] {
  const found: (Claim | null)[] = [
    ratio(result, '1m-text', 'clean text of 1 MiB: CPU time against c-icap + clamd'),
    ratio(result, '1m-gzip', 'the same with Content-Encoding gzip, decoded and scanned'),
    cached(result, '1k', 'a cached verdict, 1 KiB: CPU time above `echo` and hashing'),
    cached(result, '64k', 'a cached verdict, 64 KiB: CPU time above `echo` and hashing'),
    small(result),
    archives(result),
  ];
  return found.filter((claim) => claim !== null);
}

/** Samples of one figure by round. */
function samples(
  { measurements }: ScanResult,
  work: string,
  server: ScanServerId,
  of: (measured: ScanMeasurement) => number,
): Map<number, number> {
  const those = measurements.filter((one) => one.work === work && one.server === server);
  return new Map(those.map((one) => [one.round, of(one)]));
}

const cpu = ({ cpuMicros }: ScanMeasurement): number => cpuMicros;

function ratio(result: ScanResult, work: string, title: string): Claim | null {
  const value = medianOfRatios(samples(result, work, 'weir', cpu), samples(result, work, 'c-icap', cpu));
  return value === undefined ? null : { title, value, unit: 'ratio', limit: RATIO_LIMIT };
}

/** Median over the rounds of the differences within each. */
function medianOfDifferences(left: Map<number, number>, right: Map<number, number>): number | null {
  const differences = [...left].flatMap(([round, value]) => {
    const other = right.get(round);
    return other === undefined ? [] : [value - other];
  });
  return differences.length === 0 ? null : median(differences);
}

function cached(result: ScanResult, size: '1k' | '64k', title: string): Claim | null {
  const known = samples(result, `${size}-cached`, 'weir', cpu);
  const above = medianOfDifferences(known, samples(result, `${size}-passed`, 'weir', cpu));
  if (above === null) return null;
  return { title, value: above - result.hashMicros[size], unit: 'µs', limit: CACHED_LIMIT_MICROS };
}

function small(result: ScanResult): Claim | null {
  const p50 = ({ p50Ms }: ScanMeasurement): number => p50Ms;
  const scanned = samples(result, '1k-text', 'weir', p50);
  const value = medianOfDifferences(scanned, samples(result, '1k-echo', 'weir', p50));
  if (value === null) return null;
  return { title: 'text of 1 KiB: p50 above `echo`', value, unit: 'ms', limit: SMALL_LIMIT_MS };
}

function archives({ archives: measured }: ScanResult): Claim | null {
  if (measured.length === 0) return null;
  const value = median(measured.map(({ p99Ms }) => p99Ms));
  const title = 'p99 of `echo` while eight archives of 50 MiB are scanned';
  return { title, value, unit: 'ms', limit: ECHO_LIMIT_MS };
}

/** Share of the measurements in which other processes took a noticeable part of the tested core, 0 to 1. */
export function disturbedShareOf({ measurements }: ScanResult): number {
  if (measurements.length === 0) return 0;
  return measurements.filter((one) => one.foreignShare > FOREIGN_LIMIT).length / measurements.length;
}

// The line that the terminal shows after each measurement.
import type { Measurement } from '../measure.ts';
import { formatBytes, formatMicros, formatRate } from '../stats.ts';
import { FOREIGN_LIMIT } from './summary.ts';

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

/** Everything of one measurement in a line; what casts doubt on it stands at the end. */
export function progressLine(measured: Measurement, rounds: number): string {
  const { round, work, peer, cpuMicros, icapMicros, perSecond, p50Ms, p99Ms, peakRssBytes } = measured;
  const { peerShare, loadShare, foreignShare, reopened } = measured;
  const split = icapMicros === null ? '' : ` (c-icap ${formatMicros(icapMicros)})`;
  return [
    `${round}/${rounds}`,
    work.padEnd(7),
    peer.padEnd(14),
    `CPU ${formatMicros(cpuMicros)}${split}`.padEnd(28),
    formatRate(perSecond).padEnd(9),
    `p50 ${formatMicros(p50Ms * 1000)}, p99 ${formatMicros(p99Ms * 1000)}`.padEnd(26),
    `RSS ${formatBytes(peakRssBytes)}, busy: peer ${percent(peerShare)}, load ${percent(loadShare)}`,
    ...(foreignShare > FOREIGN_LIMIT ? [`disturbed: others took ${percent(foreignShare)}`] : []),
    ...(reopened > 0 ? [`${reopened} reopened`] : []),
  ].join('  ');
}

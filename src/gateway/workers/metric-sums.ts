// Figures of all worker processes as one. What a process has counted stays counted when it has ended, so that
// no counter ever goes back while Weir runs.

import { Meters } from '../../metrics/meters.ts';
import type { Lag, WorkerFigures } from '../../metrics/process-figures.ts';
import { worseLag } from '../../metrics/process-figures.ts';
import type { WorkerMetrics } from './messages.ts';

const NONE: WorkerFigures = { cpuSeconds: 0, spoolBytes: 0, spoolFiles: 0, lag: [0, 0, 0] };

export class MetricSums {
  readonly #ended = new Meters();
  #endedCpuSeconds = 0;

  /** Keeps the last word of a process. */
  addEnded(metrics: WorkerMetrics | null): void {
    if (metrics === null) return;
    this.#ended.merge(metrics.meters);
    this.#endedCpuSeconds += metrics.figures.cpuSeconds;
  }

  /** @param running  of the processes there are; null for one that has not told any yet */
  with(running: readonly (WorkerMetrics | null)[]): WorkerMetrics {
    const meters = new Meters();
    meters.merge(this.#ended.snapshot());
    let figures: WorkerFigures = { ...NONE, cpuSeconds: this.#endedCpuSeconds };
    for (const metrics of running) {
      if (metrics === null) continue;
      meters.merge(metrics.meters);
      figures = sumOf(figures, metrics.figures);
    }
    return { meters: meters.snapshot(), figures };
  }
}

function sumOf(a: WorkerFigures, b: WorkerFigures): WorkerFigures {
  const lag: Lag = worseLag(a.lag, b.lag);
  return {
    cpuSeconds: a.cpuSeconds + b.cpuSeconds,
    spoolBytes: a.spoolBytes + b.spoolBytes,
    spoolFiles: a.spoolFiles + b.spoolFiles,
    lag,
  };
}

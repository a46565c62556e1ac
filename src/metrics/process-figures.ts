// Figures of a process itself: CPU, memory, descriptors, and how late its event loop is.

import { readdir } from 'node:fs/promises';
import type { IntervalHistogram } from 'node:perf_hooks';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { spoolUsage } from '../http/spool.ts';
import { WEIR_VERSION } from '../util/version.ts';
import type { MetricSheet } from './exposition.ts';

const RESOLUTION_MS = 10;
const WINDOW_MS = 15_000; // the one before counts as well: whoever scrapes that often misses nothing

/** Quantiles of `weir_event_loop_lag_seconds`, in this order. */
const QUANTILES = ['0.5', '0.99', '1'] as const;

/** Seconds for each of the quantiles. */
export type Lag = readonly [median: number, p99: number, max: number];

/** Watches how late timers are; costs a timer of node's own and nothing of the event loop's. */
export class EventLoopLag {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #resetAt = performance.now();
  #before: Lag = [0, 0, 0];

  constructor() {
    this.#delay.enable();
  }

  read(): Lag {
    const delay = this.#delay;
    const isEmpty = delay.max === 0;
    // What is measured is the time between two ticks, of which the interval itself is no delay.
    const late = (nanoseconds: number): number =>
      isEmpty ? 0 : Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS) / 1000;
    const lag: Lag = [late(delay.percentile(50)), late(delay.percentile(99)), late(delay.max)];
    const worst = worseLag(lag, this.#before);
    const now = performance.now();
    if (now - this.#resetAt > WINDOW_MS) {
      this.#resetAt = now;
      this.#before = lag;
      delay.reset();
    }
    return worst;
  }

  close(): void {
    this.#delay.disable();
  }
}

export function worseLag(a: Lag, b: Lag): Lag {
  return [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.max(a[2], b[2])];
}

export function putLag(sheet: MetricSheet, process: 'main' | 'worker', lag: Lag): void {
  QUANTILES.forEach((quantile, index) => {
    sheet.put('weir_event_loop_lag_seconds', lag[index]!, process, quantile);
  });
}

/** What a worker process tells of itself beside what it has counted. */
export interface WorkerFigures {
  readonly cpuSeconds: number;
  readonly spoolBytes: number;
  readonly spoolFiles: number;
  readonly lag: Lag;
}

export function workerFigures(lag: EventLoopLag): WorkerFigures {
  const { bytes: spoolBytes, files: spoolFiles } = spoolUsage();
  return { cpuSeconds: cpuSeconds(), spoolBytes, spoolFiles, lag: lag.read() };
}

/** The main process, without its spool. */
export async function putProcess(sheet: MetricSheet, lag: EventLoopLag): Promise<void> {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  sheet.put('weir_build_info', 1, WEIR_VERSION, process.versions.node);
  sheet.put('process_cpu_seconds_total', cpuSeconds());
  sheet.put('process_start_time_seconds', Math.round(performance.timeOrigin) / 1000);
  sheet.put('process_resident_memory_bytes', rss);
  sheet.put('nodejs_heap_size_total_bytes', heapTotal);
  sheet.put('nodejs_heap_size_used_bytes', heapUsed);
  sheet.put('nodejs_external_memory_bytes', external);
  putLag(sheet, 'main', lag.read());
  const descriptors = await openDescriptors();
  if (descriptors !== null) sheet.put('process_open_fds', descriptors);
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function openDescriptors(): Promise<number | null> {
  try {
    return (await readdir('/proc/self/fd')).length - 1; // without the one that reads the folder
  } catch {
    return null; // not Linux
  }
}

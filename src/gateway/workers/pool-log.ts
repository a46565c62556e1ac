// What the log says of the worker processes: each start and end, with its reason and what to do.

import { messageOf } from '../../errors.ts';
import type { Telemetry } from '../../telemetry/records.ts';

/** A process that ended by itself and has to be replaced. */
export interface LostWorker {
  readonly pid: number;
  /** As in `signal SIGKILL`. */
  readonly how: string;
  /** Moment of its end, by `performance.now()`. */
  readonly at: number;
}

export class PoolLog {
  readonly #telemetry: Telemetry;

  constructor(telemetry: Telemetry) {
    this.#telemetry = telemetry;
  }

  started(worker: number, because: string, startMs: number, replaced: LostWorker | undefined): void {
    const fields = { worker, because, startMs: Math.round(startMs) };
    if (replaced === undefined) {
      return this.#telemetry.event('info', `gateway worker ${worker} started: ${because}`, fields);
    }
    const afterMs = Math.round(performance.now() - replaced.at);
    const message = `gateway worker ${replaced.pid} (${replaced.how}) was replaced by ${worker}`;
    this.#telemetry.event('warn', message, { ...fields, replaced: replaced.pid, afterMs });
  }

  notStarted(worker: number, error: unknown): void {
    const { code } = error as { code?: unknown };
    this.#telemetry.event('error', `a gateway worker could not start: ${messageOf(error)}`, { worker, code });
  }

  startIsLate(worker: number): void {
    this.#telemetry.event('error', `gateway worker ${worker} did not start in time`, { worker });
  }

  stopped(worker: number, because: string): void {
    this.#telemetry.event('info', `gateway worker ${worker} stopped: ${because}`, { worker, because });
  }

  lost(worker: number, how: string, connections: number, busy: number): void {
    const fields = { worker, how, connections, busy };
    this.#telemetry.event('error', `gateway worker ${worker} ended unexpectedly: ${how}`, fields);
  }

  pausing(failures: number, pauseMs: number): void {
    const message = `${failures} gateway workers in a row ended soon after their start: the next one starts in ${pauseMs / 1000} s. See above what they logged; if a plugin or its rules are to blame, take them out of the configuration and send SIGHUP`;
    this.#telemetry.event('error', message, { failures, pauseMs });
  }

  turnedAway(count: number): void {
    this.#telemetry.event('error', `${count} ICAP connections closed: no gateway worker serves`, { count });
  }
}

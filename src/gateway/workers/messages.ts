// What supervisor and worker tell each other over the channel between them, and how the state of all
// processes is shown. Plain data only: it is structured-cloned on the way.

import type { ResolvedConfig } from '../../config/types.ts';
import type { ErrorCode, ErrorFields } from '../../errors.ts';
import type { Incident } from '../../telemetry/incidents.ts';
import type { MeterSnapshot } from '../../metrics/meters.ts';
import type { WorkerFigures } from '../../metrics/process-figures.ts';

/** Where the worker writes its log: a pipe that the supervisor reads (inherited descriptor). */
export const LOG_DESCRIPTOR = 3;

/** Requests that are served now, by path of the service. */
export type BusyByService = Readonly<Record<string, number>>;

/** What a worker reports whenever it changed, and every two seconds besides. */
export interface WorkerState {
  /** Connections that were handed to it so far; what is on its way is the difference to those sent. */
  readonly received: number;
  /** Open ICAP connections. */
  readonly connections: number;
  /** Requests that are served now. */
  readonly busy: number;
  readonly services: BusyByService;
  /** Finished transactions by verdict since its start. */
  readonly counters: Readonly<Record<string, number>>;
  /** Resident memory. */
  readonly memoryBytes: number;
  /** ISTag of each service by path. */
  readonly tags: Readonly<Record<string, string>>;
}

export type ToWorker =
  | { readonly kind: 'start'; readonly config: ResolvedConfig; readonly handlers: number }
  /** Comes with the socket. `listener` is the position in `gateway.listen`; `own`: our proxy has made it. */
  | {
      readonly kind: 'connection';
      readonly listener: number;
      readonly overloaded: boolean;
      readonly own: boolean;
    }
  /** Requests that the other processes serve. */
  | { readonly kind: 'elsewhere'; readonly busy: number; readonly services: BusyByService }
  /** Answer that many of the running requests with `Connection: close`, so that their clients spread. */
  | { readonly kind: 'shed'; readonly connections: number }
  /** One plugin is to be set up anew; asked as often as `plugin` is told, in order. */
  | { readonly kind: 'plugin-prepare'; readonly name: string }
  /** What was prepared is put in force, or dropped. */
  | { readonly kind: 'plugin-apply' }
  | { readonly kind: 'plugin-discard' }
  /** Finish what runs, within that time, and end. */
  | { readonly kind: 'drain'; readonly graceMs: number }
  | { readonly kind: 'status'; readonly id: number; readonly status: PoolStatus }
  | { readonly kind: 'metrics' };

export type ToSupervisor =
  /** Listening for messages: wants `start`. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'ready'; readonly facts: WorkerFacts }
  /** What it has made of its configuration, again: of other plugins. */
  | { readonly kind: 'facts'; readonly facts: WorkerFacts }
  /** The plugin is prepared, or why it is not; the one before serves. */
  | { readonly kind: 'plugin'; readonly error: ErrorMessage | null }
  /** Cannot start, or cannot go on: it ends now. */
  | { readonly kind: 'failed'; readonly error: ErrorMessage }
  | { readonly kind: 'state'; readonly state: WorkerState }
  | { readonly kind: 'status'; readonly id: number }
  | { readonly kind: 'incident'; readonly incident: Incident }
  /** When it is asked, now and then besides, and as its last word. */
  | { readonly kind: 'metrics'; readonly metrics: WorkerMetrics };

/** What a worker has counted since its start, and how it is. */
export interface WorkerMetrics {
  readonly meters: MeterSnapshot;
  readonly figures: WorkerFigures;
}

/** What a worker has made of its configuration: the same for all workers of one. */
export interface WorkerFacts {
  /** Paths of the services, in the order of the configuration. */
  readonly paths: readonly string[];
  /** Services that have no blade to scan with (G-07). */
  readonly idleServices: readonly string[];
  /** Paths that plugins want to be loaded anew for. */
  readonly watched: readonly string[];
}

export interface ErrorMessage {
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly fields: ErrorFields;
}

export type WorkerPhase = 'starting' | 'serving' | 'draining';

export interface WorkerStatus {
  readonly pid: number;
  readonly phase: WorkerPhase;
  /** Counts the configurations: 1 for the one at start, one more after each reload. */
  readonly generation: number;
  readonly startedAt: Date;
  readonly connections: number;
  readonly busy: number;
  /** Handlers without a request; 0 also while it serves more than `perProcess`. */
  readonly free: number;
  readonly memoryBytes: number;
}

/** State of all worker processes. */
export interface PoolStatus {
  readonly workers: readonly WorkerStatus[];
  /** Requests served now, handlers without one, and how many there may be at most. */
  readonly handlers: { readonly busy: number; readonly free: number; readonly most: number };
  readonly connections: number;
  /** Accepted connections that wait for a worker. */
  readonly waiting: number;
  /** Since the start of the supervisor: processes started, ended on purpose, ended by themselves. */
  readonly started: number;
  readonly stopped: number;
  readonly lost: number;
  /** Connections that a crowded process was asked to let go of, counted each time. */
  readonly shed: number;
  /** Finished transactions by verdict, also of processes that have ended. */
  readonly counters: Readonly<Record<string, number>>;
}

/** What happens in the pool, for metrics. The worker is shown as it was then. */
export interface PoolEvents {
  started: [worker: WorkerStatus, because: string];
  /** Ended as it was told. */
  stopped: [worker: WorkerStatus, because: string];
  /** Ended by itself; `how` as in `signal SIGKILL`. */
  lost: [worker: WorkerStatus, how: string];
}

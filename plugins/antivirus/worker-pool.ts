// A few worker threads or processes (both called threads here), one job each at a time, in order of
// arrival. Decides who runs when, when a job has taken too long, and what a lost thread means; what a job
// is, the worker knows. Threads start when needed and do not keep the process alive while idle.

import { setTimeout as sleep } from 'node:timers/promises';
import { ERRORS, PluginError, type ErrorCode } from 'weir';
import type { ScanHost } from './scan-host.ts';
import type { WorkerFailure, WorkerReply } from './scan-worker.ts';

export interface PoolOptions {
  readonly size: number;
  /** Longest run of one job, from when a thread works on it. */
  readonly timeoutMs: number;
  /** Jobs that may wait. */
  readonly maxQueue: number;
  /** Starts a thread or process that speaks `WorkerReply`. */
  readonly start: () => ScanHost;
}

/** A thread that takes longer to start is broken. */
const START_TIMEOUT_MS = 30_000;
const CLOSE_PATIENCE_MS = 1000;
const STUCK_PATIENCE_MS = 1000;

interface Task<Job, Result> {
  readonly job: Job;
  readonly transfer: ArrayBuffer[];
  readonly settle: (error: Error | null, result?: Result) => void;
}

interface Slot<Job, Result> {
  readonly host: ScanHost;
  task: Task<Job, Result> | null;
  ready: boolean;
  timer: NodeJS.Timeout | null;
}

export class WorkerPool<Job, Result> {
  readonly #options: PoolOptions;
  readonly #slots = new Set<Slot<Job, Result>>();
  readonly #queue: Task<Job, Result>[] = [];
  /** Threads told to stop that still run: native code cannot be interrupted, only waited for. */
  readonly #stopping = new Set<Promise<unknown>>();
  #stuckTimer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Threads that run or start; for tests and statistics. */
  get threads(): number {
    return this.#slots.size;
  }

  /**
   * Runs one job.
   *
   * @param transfer buffers that move to the thread with the job
   * @throws {PluginError} `ERR_SCAN_TIMEOUT`; `ERR_SCAN_UNAVAILABLE` when the queue is full or no thread
   *         can be had; `ERR_ABORTED` by the signal; `ERR_PLUGIN_FAILED` when the thread is lost; codes
   *         that the worker names
   */
  run(job: Job, signal?: AbortSignal, transfer: ArrayBuffer[] = []): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      if (this.#closed) return reject(unavailable('the scanner is closed'));
      if (signal?.aborted) return reject(aborted());
      if (this.#queue.length >= this.#options.maxQueue)
        return reject(unavailable('too many scans are waiting'));
      const task: Task<Job, Result> = {
        job,
        transfer,
        settle: (error, result) => {
          signal?.removeEventListener('abort', onAbort);
          if (error !== null) reject(error);
          else resolve(result as Result);
        },
      };
      const onAbort = (): void => this.#cancel(task, aborted());
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(task);
      this.#dispatch();
    });
  }

  /** Starts one thread, so that what is wrong with its set-up is known now. */
  async warmUp(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#start(null, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  /** Stops all threads; waiting and running jobs fail. Waits a second at most for native code that goes on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#stuckTimer ?? undefined);
    for (const task of this.#queue.splice(0)) task.settle(unavailable('the scanner was closed'));
    for (const slot of [...this.#slots]) this.#drop(slot, unavailable('the scanner was closed'));
    const patience = sleep(CLOSE_PATIENCE_MS, undefined, { ref: false });
    await Promise.race([Promise.all(this.#stopping), patience]);
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#slots].find((slot) => slot.task === null && slot.ready);
      if (idle !== undefined) {
        this.#assign(idle, this.#queue.shift()!);
      } else if (this.#mayStart()) {
        this.#start(this.#queue.shift()!);
      } else {
        if (this.#slots.size === 0) this.#stuckTimer ??= setTimeout(() => this.#giveUp(), STUCK_PATIENCE_MS);
        return;
      }
    }
  }

  /** Replacements of stopping threads may come to as many again, not more: stuck ones use up the cores. */
  #mayStart(): boolean {
    const { size } = this.#options;
    return this.#slots.size < size && this.#slots.size + this.#stopping.size < 2 * size;
  }

  /** Every thread is stuck in native code: an error now is better than one at the end of all patience. */
  #giveUp(): void {
    this.#stuckTimer = null;
    if (this.#slots.size > 0 || this.#mayStart()) return this.#dispatch();
    for (const task of this.#queue.splice(0)) task.settle(unavailable('all scanning threads are stuck'));
  }

  #start(task: Task<Job, Result> | null, started?: (error: Error | null) => void): void {
    const host = this.#options.start();
    const slot: Slot<Job, Result> = { host, task, ready: false, timer: null };
    this.#slots.add(slot);
    slot.timer = setTimeout(() => lost(unavailable('a scanning thread did not start')), START_TIMEOUT_MS);
    const lost = (error: Error): void => {
      started?.(error);
      this.#drop(slot, error);
    };
    host.onMessage((message) => {
      const reply = message as WorkerReply<Result>;
      if (reply.kind === 'ready') {
        slot.ready = true;
        clearTimeout(slot.timer!);
        started?.(null);
        if (slot.task === null) this.#release(slot);
        else this.#assign(slot, slot.task);
      } else if (reply.kind === 'unusable') {
        lost(revive(reply.error));
      } else {
        this.#finish(slot, reply);
      }
    });
    host.onLost((why) => lost(new PluginError('ERR_PLUGIN_FAILED', why)));
  }

  #assign(slot: Slot<Job, Result>, task: Task<Job, Result>): void {
    slot.task = task;
    slot.host.ref();
    slot.timer = setTimeout(() => {
      const error = new PluginError(
        'ERR_SCAN_TIMEOUT',
        `scan took longer than ${this.#options.timeoutMs} ms`,
      );
      this.#drop(slot, error);
    }, this.#options.timeoutMs);
    slot.host.post(task.job, task.transfer);
  }

  #finish(slot: Slot<Job, Result>, reply: Extract<WorkerReply<Result>, { kind: 'done' | 'failed' }>): void {
    const { task } = slot;
    this.#release(slot);
    if (reply.kind === 'done') task?.settle(null, reply.result);
    else task?.settle(revive(reply.error));
    this.#dispatch();
  }

  #release(slot: Slot<Job, Result>): void {
    clearTimeout(slot.timer!);
    slot.task = null;
    slot.host.unref();
    this.#dispatch();
  }

  #cancel(task: Task<Job, Result>, error: Error): void {
    const waiting = this.#queue.indexOf(task);
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      task.settle(error);
      return;
    }
    for (const slot of this.#slots) if (slot.task === task) this.#drop(slot, error);
  }

  /** Ends a thread; the next job that needs one starts another. */
  #drop(slot: Slot<Job, Result>, error: Error): void {
    if (!this.#slots.delete(slot)) return;
    clearTimeout(slot.timer!);
    slot.host.unref();
    const stopped = slot.host.stop().finally(() => {
      this.#stopping.delete(stopped);
      this.#dispatch();
    });
    this.#stopping.add(stopped);
    slot.task?.settle(error);
    slot.task = null;
    if (!this.#closed) this.#dispatch();
  }
}

function revive({ code, message }: WorkerFailure): PluginError {
  return new PluginError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'ERR_PLUGIN_FAILED', message);
}

function unavailable(message: string): PluginError {
  return new PluginError('ERR_SCAN_UNAVAILABLE', message);
}

function aborted(): PluginError {
  return new PluginError('ERR_ABORTED', 'scan aborted');
}

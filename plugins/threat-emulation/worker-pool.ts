// A few emulation threads, one job each at a time, in order of arrival. Decides who runs when, and ends a
// thread whose job is over its time: what hangs costs its own message only. Threads start when needed and
// do not keep the process alive while idle.

import { Worker } from 'node:worker_threads';
import { PluginError, workerOptions } from 'weir';
import type { Analysis, AnalysisJob } from './analysis-job.ts';
import type { WorkerReply } from './emulation-worker.ts';

export interface PoolOptions {
  readonly size: number;
  /** Longest run of one job, from when a thread works on it. */
  readonly timeoutMs: number;
  /** Jobs that may wait. */
  readonly maxQueue: number;
}

const START_TIMEOUT_MS = 30_000;
/** The engine's stack is on the thread's: it must be the smaller one. */
const RESOURCE_LIMITS = { stackSizeMb: 16, maxOldGenerationSizeMb: 512 };

interface Task {
  readonly job: AnalysisJob;
  readonly transfer: ArrayBuffer[];
  readonly settle: (error: Error | null, analysis?: Analysis) => void;
}

interface Slot {
  readonly worker: Worker;
  task: Task | null;
  ready: boolean;
  timer: NodeJS.Timeout | null;
}

export class EmulationPool {
  readonly #options: PoolOptions;
  readonly #slots = new Set<Slot>();
  readonly #queue: Task[] = [];
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Threads that run or start; for tests. */
  get threads(): number {
    return this.#slots.size;
  }

  /**
   * Runs one job.
   * @param transfer buffers that move to the thread with the job
   * @throws {PluginError} `ERR_SCAN_TIMEOUT`; `ERR_SCAN_UNAVAILABLE` when the queue is full; `ERR_ABORTED` by
   *         the signal; `ERR_PLUGIN_FAILED` when the thread is lost
   */
  run(job: AnalysisJob, signal: AbortSignal, transfer: ArrayBuffer[] = []): Promise<Analysis> {
    return new Promise<Analysis>((resolve, reject) => {
      if (this.#closed) return reject(unavailable('emulation is closed'));
      if (signal.aborted) return reject(aborted());
      if (this.#queue.length >= this.#options.maxQueue)
        return reject(unavailable('too many emulations are waiting'));
      const task: Task = {
        job,
        transfer,
        settle: (error, analysis) => {
          signal.removeEventListener('abort', onAbort);
          if (error !== null) reject(error);
          else resolve(analysis!);
        },
      };
      const onAbort = (): void => this.#cancel(task);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(task);
      this.#dispatch();
    });
  }

  /** Ends all threads; waiting and running jobs fail. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const task of this.#queue.splice(0)) task.settle(unavailable('emulation was closed'));
    await Promise.all([...this.#slots].map((slot) => this.#drop(slot, unavailable('emulation was closed'))));
  }

  #dispatch(): void {
    while (this.#queue.length > 0 && !this.#closed) {
      const idle = [...this.#slots].find((slot) => slot.task === null && slot.ready);
      if (idle !== undefined) this.#assign(idle, this.#queue.shift()!);
      else if (this.#slots.size < this.#options.size) this.#start(this.#queue.shift()!);
      else return;
    }
  }

  #start(task: Task): void {
    const entry = workerOptions(import.meta.url, './emulation-worker');
    const worker = new Worker(entry.url, { ...entry.options, resourceLimits: RESOURCE_LIMITS });
    const slot: Slot = { worker, task, ready: false, timer: null };
    this.#slots.add(slot);
    slot.timer = setTimeout(
      () => void this.#drop(slot, unavailable('an emulation thread did not start')),
      START_TIMEOUT_MS,
    );
    worker.on('message', (reply: WorkerReply) => {
      if (reply.kind === 'ready') {
        slot.ready = true;
        clearTimeout(slot.timer!);
        this.#assign(slot, slot.task!);
      } else this.#finish(slot, reply);
    });
    const lost = (why: string) =>
      void this.#drop(slot, new PluginError('ERR_PLUGIN_FAILED', `an emulation thread ${why}`));
    worker.on('error', (error: unknown) =>
      lost(`failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    worker.on('exit', (code) => lost(`exited with ${code}`));
  }

  #assign(slot: Slot, task: Task): void {
    slot.task = task;
    slot.worker.ref();
    const late = () =>
      new PluginError('ERR_SCAN_TIMEOUT', `emulation took longer than ${this.#options.timeoutMs} ms`);
    slot.timer = setTimeout(() => void this.#drop(slot, late()), this.#options.timeoutMs);
    slot.worker.postMessage(task.job, task.transfer);
  }

  #finish(slot: Slot, reply: Exclude<WorkerReply, { kind: 'ready' }>): void {
    const { task } = slot;
    clearTimeout(slot.timer!);
    slot.task = null;
    slot.worker.unref();
    if (reply.kind === 'done') task?.settle(null, reply.analysis);
    else task?.settle(new PluginError('ERR_PLUGIN_FAILED', `emulation failed: ${reply.message}`));
    this.#dispatch();
  }

  #cancel(task: Task): void {
    const waiting = this.#queue.indexOf(task);
    if (waiting >= 0) {
      this.#queue.splice(waiting, 1);
      return task.settle(aborted());
    }
    for (const slot of this.#slots) if (slot.task === task) void this.#drop(slot, aborted());
  }

  /** Ends a thread; the next job that needs one starts another. */
  async #drop(slot: Slot, error: Error): Promise<void> {
    if (!this.#slots.delete(slot)) return;
    clearTimeout(slot.timer!);
    slot.worker.unref();
    const ended = slot.worker.terminate();
    slot.task?.settle(error);
    slot.task = null;
    this.#dispatch();
    await ended;
  }
}

function unavailable(message: string): PluginError {
  return new PluginError('ERR_SCAN_UNAVAILABLE', message);
}

function aborted(): PluginError {
  return new PluginError('ERR_ABORTED', 'emulation aborted');
}

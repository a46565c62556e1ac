// One thread of an isolated plugin, as the host sees it: started, spoken to, listened to, ended. Which calls it
// gets, and what becomes of them when it fails, is thread-pool.ts.

import { Worker } from 'node:worker_threads';
import { messageOf } from '../../errors.ts';
import { workerOptions } from '../../util/worker-url.ts';
import {
  BEATS,
  EXECUTING,
  type FromThread,
  type PluginFacts,
  type ThreadStart,
  type ToThread,
} from './messages.ts';
import type { Task } from './task.ts';

const MIB = 1024 * 1024;
const CLOSE_PATIENCE_MS = 5000;
const START_MARGIN_MS = 10_000; // beyond the setup's own limit

export type LossKind = 'crash' | 'hang' | 'memory';

export interface Loss {
  readonly kind: LossKind;
  /** What it did, as a predicate: `crashed: …`. */
  readonly why: string;
  /** What it said of a setup that failed. */
  readonly failure: Extract<FromThread, { kind: 'failed' }> | null;
}

export interface ThreadEvents {
  onReady(thread: IsolatedThread): void;
  /** Anything else that it says. */
  onMessage(thread: IsolatedThread, message: FromThread): void;
  /** It is gone, or of no use any more; once, and never after `end`. */
  onLost(thread: IsolatedThread, loss: Loss): void;
}

export class IsolatedThread {
  /** Calls that it has and has not answered, in the order that it got them. */
  readonly running = new Map<number, Task>();
  readonly startedAt = performance.now();
  facts: PluginFacts | null = null;
  /** One call has held up its event loop for so long that the others have left. */
  isStuck = false;
  /** Calls that nobody waits for and that will not end by themselves. */
  forgotten = 0;
  /** The list of other plugins' blades that it was told last. */
  peersTold: readonly unknown[] | null = null;
  readonly #worker: Worker;
  readonly #pulse: Int32Array;
  readonly #events: ThreadEvents;
  readonly #startTimer: NodeJS.Timeout;
  #closed: (() => void) | null = null;
  #isOver = false;
  #beats = -1;
  #beatAt = 0;

  constructor(start: Omit<ThreadStart, 'pulse'>, events: ThreadEvents) {
    const pulse = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    this.#pulse = new Int32Array(pulse);
    this.#events = events;
    const { url, options } = workerOptions(import.meta.url, './plugin-thread');
    const heap = Math.ceil(start.memoryBytes / MIB);
    this.#worker = new Worker(url, {
      ...options,
      workerData: { ...start, pulse } satisfies ThreadStart,
      resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: Math.ceil(heap / 4) },
    });
    const late = (): void => this.lose('hang', 'was not ready in time');
    this.#startTimer = setTimeout(late, start.setupTimeoutMs + START_MARGIN_MS);
    this.#startTimer.unref();
    this.#worker.on('message', (message: FromThread) => this.#onMessage(message));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => {
      const kind = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'crash';
      this.lose(kind, `crashed: ${messageOf(error)}`);
    });
    this.#worker.on('exit', (code) => this.lose('crash', `ended with code ${code}`));
  }

  get isReady(): boolean {
    return this.facts !== null;
  }

  /** The call whose code runs now; undefined: none, or one that has been answered. */
  get executing(): Task | undefined {
    return this.running.get(Atomics.load(this.#pulse, EXECUTING));
  }

  get runningBytes(): number {
    let sum = 0;
    for (const { bytes } of this.running.values()) sum += bytes;
    return sum;
  }

  /** Milliseconds since its event loop was last seen turning. */
  silence(now: number): number {
    const beats = Atomics.load(this.#pulse, BEATS);
    if (beats !== this.#beats) {
      this.#beats = beats;
      this.#beatAt = now;
    }
    return now - this.#beatAt;
  }

  /** What comes from here on counts as its silence. */
  listen(now: number): void {
    this.#beats = Atomics.load(this.#pulse, BEATS);
    this.#beatAt = now;
  }

  /** @throws {Error} what is sent is no plain data */
  send(message: ToThread): void {
    if (!this.#isOver) this.#worker.postMessage(message);
  }

  /** It is of no use any more. */
  lose(kind: LossKind, why: string, failure: Loss['failure'] = null): void {
    if (this.#isOver) return;
    void this.#end();
    this.#events.onLost(this, { kind, why, failure });
  }

  /** Lets the plugin close its blades, for some seconds, and ends. Nothing is told any more. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    if (this.isReady && !this.isStuck) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_PATIENCE_MS);
        this.#closed = () => {
          clearTimeout(timer);
          resolve();
        };
        this.send({ kind: 'close' });
      });
    }
    await this.#end();
  }

  #end(): Promise<unknown> {
    this.#isOver = true;
    clearTimeout(this.#startTimer);
    this.#closed?.();
    return this.#worker.terminate();
  }

  #onMessage(message: FromThread): void {
    if (this.#isOver) return;
    switch (message.kind) {
      case 'ready':
        clearTimeout(this.#startTimer);
        this.facts = message.facts;
        return this.#events.onReady(this);
      case 'failed':
        return this.lose('crash', `failed: ${message.message}`, message);
      case 'hog':
        return this.lose('memory', `holds ${Math.round(message.bytes / MIB)} MiB, more than its memory`);
      case 'closed':
        return this.#closed?.();
      default:
        return this.#events.onMessage(this, message);
    }
  }
}

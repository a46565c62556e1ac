// The threads of one isolated plugin. The oldest that works gets all calls; others stand by. A call whose code
// holds a thread up, crashes it or takes its memory costs itself alone: the others that the thread had are done
// again by another one, from the inputs that are kept here. Which call it was, the thread says (pulse.ts); where it
// cannot be told, each is done again alone. Decision 0019.

import type { HostLogger } from '../loader.ts';
import { beginLimitAnew } from '../time-limits.ts';
import { IsolatedThread, type Loss } from './isolated-thread.ts';
import type { FromThread, PluginFacts, Target, ThreadStart } from './messages.ts';
import { revivedFailure, withBuffers } from './plain-message.ts';
import { StuckWatch } from './stuck-watch.ts';
import { failed, Task, type Dialogue } from './task.ts';

const HANG_PATIENCE_MS = 500; // for a call to heed its signal
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
const GOOD_LIFE_MS = 60_000; // after which a thread has not failed at once
const MOST_WAITING = 1000; // calls
const MOST_WAITING_BYTES = 256 * 1024 * 1024;
const MOST_MOVES = 5; // of one call, which are none of its fault
const MOST_STUCK = 4; // threads that one call each holds up, beside those that work
const MOST_FORGOTTEN = 100; // calls in one thread that never end

export interface PoolOptions {
  readonly start: Omit<ThreadStart, 'pulse'>;
  /** One that works, and those that stand by. */
  readonly threads: number;
  readonly log: HostLogger;
}

export interface PoolEvents {
  /** Before each call: the thread may have to be told something first. */
  onDispatch(thread: IsolatedThread): void;
  /** What a thread says that is no answer. */
  onMessage(thread: IsolatedThread, message: FromThread): void;
  /** What it has asked for is of no use any more. */
  onLost(thread: IsolatedThread): void;
}

export interface Call {
  readonly target: Target;
  readonly input: unknown;
  readonly dialogue?: Dialogue;
}

export class ThreadPool {
  readonly #options: PoolOptions;
  readonly #events: PoolEvents;
  readonly #threads = new Set<IsolatedThread>(); // in the order of their start
  readonly #waiting: Task[] = [];
  readonly #watch: StuckWatch;
  #waitingBytes = 0;
  #facts: PluginFacts | null = null;
  #pauseMs = 0;
  #restart: NodeJS.Timeout | null = null;
  #isClosing = false;
  #ids = 0;
  #first: { resolve(): void; reject(error: Error): void } | null = null;

  private constructor(options: PoolOptions, events: PoolEvents) {
    this.#options = options;
    this.#events = events;
    this.#watch = new StuckWatch(options.start.memoryBytes, {
      onStuck: (thread) => this.#onStuck(thread),
      onFree: (thread) => this.#onFree(thread),
    });
  }

  /** Resolves when the first thread works; others follow. @throws {PluginError} as `loadPlugins` */
  static async start(options: PoolOptions, events: PoolEvents): Promise<ThreadPool> {
    const pool = new ThreadPool(options, events);
    await new Promise<void>((resolve, reject) => {
      pool.#first = { resolve, reject };
      pool.#launch();
    });
    return pool;
  }

  /** What the first thread has said of its plugin. */
  get facts(): PluginFacts {
    return this.#facts!;
  }

  /**
   * Has a function of the plugin called.
   * @throws {PluginError} `ERR_PLUGIN_FAILED` and what the plugin throws of ours; the signal's reason
   */
  call({ target, input, dialogue }: Call, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosing) return reject(failed('the plugin was closed'));
      if (signal.aborted) return reject(signal.reason as Error);
      const home = dialogue?.thread ?? null;
      if (home !== null && !this.#threads.has(home)) {
        return reject(failed('the thread that had begun this log-in is gone'));
      }
      const onAbort = (): void => this.#leave(task);
      this.#ids = (this.#ids % 0x7fffffff) + 1;
      const task = new Task(this.#ids, { target, input, dialogue }, signal, (answer) => {
        signal.removeEventListener('abort', onAbort);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
      if (
        this.#waiting.length >= MOST_WAITING ||
        (this.#waiting.length > 0 && this.#waitingBytes + task.bytes > MOST_WAITING_BYTES)
      ) {
        return reject(failed('too many messages wait for its thread'));
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.#wait([task]);
      this.#dispatch();
    });
  }

  /** Blades are closed in every thread; calls that are under way fail. Never rejects. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart ?? undefined);
    this.#watch.stop();
    for (const task of this.#waiting.splice(0)) task.fail('the plugin was closed');
    const threads = [...this.#threads];
    await Promise.all(threads.map((thread) => thread.close()));
    for (const { running } of threads)
      for (const task of running.values()) task.fail('the plugin was closed');
    this.#threads.clear();
  }

  /** Its time is over, or its client has gone: a thread that it holds up is ended. */
  #leave(task: Task): void {
    task.isLeft = true;
    task.fail('given up');
    const at = this.#waiting.indexOf(task);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      this.#waitingBytes -= task.bytes;
      return;
    }
    const thread = [...this.#threads].find(({ running }) => running.get(task.id) === task);
    if (thread === undefined) return;
    thread.send({ kind: 'abort', id: task.id });
    setTimeout(() => this.#giveUp(thread, task), HANG_PATIENCE_MS).unref();
  }

  #giveUp(thread: IsolatedThread, task: Task): void {
    if (thread.running.get(task.id) !== task) return;
    if (thread.executing === task) return thread.lose('hang', 'hangs');
    // It waits for something that does not come, or behind a call that holds up the thread.
    thread.running.delete(task.id);
    if (++thread.forgotten > MOST_FORGOTTEN)
      thread.lose('hang', `has ${MOST_FORGOTTEN} calls that never end`);
    else this.#dispatch();
  }

  #wait(tasks: readonly Task[], isFirst = false): void {
    if (isFirst) this.#waiting.unshift(...tasks);
    else this.#waiting.push(...tasks);
    for (const { bytes } of tasks) this.#waitingBytes += bytes;
  }

  #dispatch(): void {
    for (let index = 0; index < this.#waiting.length;) {
      const task = this.#waiting[index]!;
      const thread = this.#threadFor(task);
      if (thread === null) {
        // Whatever holds it back holds back those like it: only legs of log-ins and suspects are passed over.
        if (task.dialogue?.thread == null && !task.isSuspect) return;
        index++;
        continue;
      }
      this.#waiting.splice(index, 1);
      this.#waitingBytes -= task.bytes;
      this.#give(task, thread);
    }
  }

  #give(task: Task, thread: IsolatedThread): void {
    const { id, target, input } = task;
    try {
      this.#events.onDispatch(thread);
      thread.send({ kind: 'call', id, target, input });
    } catch (error) {
      return task.settle(error);
    }
    if (thread.running.size === 0) thread.listen(performance.now());
    thread.running.set(id, task);
    beginLimitAnew(task.signal);
    this.#watch.add(thread);
  }

  #threadFor(task: Task): IsolatedThread | null {
    const works = (thread: IsolatedThread): boolean => thread.isReady && !thread.isStuck;
    const home = task.dialogue?.thread ?? null;
    if (home !== null) return works(home) && this.#threads.has(home) ? home : null;
    const able = [...this.#threads].filter(works);
    if (task.isSuspect) return able.reverse().find(({ running }) => running.size === 0) ?? null;
    const lead = able.find(({ running }) => ![...running.values()].some(({ isSuspect }) => isSuspect));
    if (lead === undefined) return null;
    const isFull = lead.running.size > 0 && lead.runningBytes + task.bytes > this.#mostBytes;
    return isFull ? null : lead;
  }

  /** Bytes of inputs that one thread gets at a time: they count as its memory. */
  get #mostBytes(): number {
    return this.#options.start.memoryBytes / 2;
  }

  /** Starts as many threads as are missing. */
  #refill(): void {
    if (this.#isClosing || this.#restart !== null || this.#facts === null) return;
    for (;;) {
      const able = [...this.#threads].filter(({ isStuck }) => !isStuck).length;
      const { threads } = this.#options;
      // One that stands by costs nothing while it waits; one in the place of a stuck one does.
      if (able >= threads || this.#threads.size >= threads + MOST_STUCK) return;
      this.#launch();
    }
  }

  #launch(): void {
    const thread: IsolatedThread = new IsolatedThread(this.#options.start, {
      onReady: () => this.#onReady(thread),
      onMessage: (_thread, message) => this.#onMessage(thread, message),
      onLost: (_thread, loss) => this.#onLost(thread, loss),
    });
    this.#threads.add(thread);
  }

  #onReady(thread: IsolatedThread): void {
    this.#facts ??= thread.facts;
    this.#first?.resolve();
    this.#first = null;
    this.#refill();
    this.#dispatch();
  }

  #onMessage(thread: IsolatedThread, message: FromThread): void {
    if (message.kind === 'answer') this.#done(thread, message.id, withBuffers(message.answer));
    else if (message.kind === 'error') this.#done(thread, message.id, revivedFailure(message));
    else this.#events.onMessage(thread, message);
  }

  #done(thread: IsolatedThread, id: number, answer: unknown): void {
    const task = thread.running.get(id);
    if (task === undefined) return; // it was moved, or given up
    thread.running.delete(id);
    if (task.dialogue !== null) task.dialogue.thread ??= thread;
    task.settle(answer);
    this.#dispatch();
  }

  /** One call holds it up: the others go to another thread, and that one has it for itself. */
  #onStuck(thread: IsolatedThread): void {
    const culprit = thread.executing;
    if (culprit === undefined || culprit.isLeft) return thread.lose('hang', 'hangs');
    const others = [...thread.running.values()].filter((task) => task !== culprit && !isAtHome(task, thread));
    for (const { id } of others) thread.running.delete(id);
    this.#moveAll(others);
    this.#refill();
    this.#dispatch();
  }

  /** Its event loop turns again. */
  #onFree(thread: IsolatedThread): void {
    const able = [...this.#threads].filter(({ isStuck }) => !isStuck).length;
    if (able > this.#options.threads && thread.running.size === 0) {
      this.#threads.delete(thread);
      void thread.close();
    }
    this.#dispatch();
  }

  #moveAll(tasks: readonly Task[]): readonly Task[] {
    const again = tasks.filter((task) => !task.isLeft && ++task.moves <= MOST_MOVES);
    for (const task of tasks) {
      if (!again.includes(task)) task.fail('the threads of the plugin failed too often meanwhile');
    }
    this.#wait(again, true);
    return again;
  }

  #onLost(thread: IsolatedThread, { kind, why, failure }: Loss): void {
    this.#threads.delete(thread);
    this.#watch.delete(thread);
    this.#events.onLost(thread);
    if (this.#first !== null) {
      const message = `plugin ${this.#options.start.entry.use}: its thread ${why}`;
      const error = revivedFailure(failure ?? { code: 'ERR_PLUGIN_LOAD', message, path: null });
      return this.#first.reject(error);
    }
    if (this.#isClosing) return;
    const tasks = [...thread.running.values()].filter(({ isLeft }) => !isLeft);
    const { executing } = thread;
    const isKnown = executing !== undefined;
    const again: Task[] = [];
    for (const task of tasks) {
      const isAccused = isKnown ? task === executing : kind !== 'hang';
      // Memory may have been filled by somebody else before: a second failure, alone, tells.
      const isSure = task.isSuspect || (kind !== 'memory' && (isKnown || tasks.length === 1));
      if (isAtHome(task, thread) || (isAccused && isSure)) {
        task.fail(`the thread of the plugin ${why}`);
      } else {
        task.isSuspect ||= isAccused;
        again.push(task);
      }
    }
    const moved = this.#moveAll(again);
    for (const waiting of this.#waiting.filter(({ dialogue }) => dialogue?.thread === thread)) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      waiting.fail(`the thread of the plugin ${why}`);
    }
    const pauseMs = isKnown ? 0 : this.#nextPause(thread);
    const { name } = this.facts;
    this.#options.log.error(
      { plugin: name, why, messages: tasks.length, repeated: moved.length, pauseMs },
      `the thread of plugin ${name} ${why}; it is started anew in ${pauseMs} ms: tell its author, or raise isolate.memory`,
    );
    this.#refillAfter(pauseMs);
    this.#dispatch();
  }

  /** Threads that fail by themselves, and soon, are started after growing pauses. */
  #nextPause(thread: IsolatedThread): number {
    const lived = performance.now() - thread.startedAt;
    if (thread.isReady && lived > GOOD_LIFE_MS) this.#pauseMs = 0;
    else this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    return this.#pauseMs;
  }

  #refillAfter(pauseMs: number): void {
    if (pauseMs === 0) return this.#refill();
    if (this.#restart !== null) return;
    this.#restart = setTimeout(() => {
      this.#restart = null;
      this.#refill();
    }, pauseMs);
    this.#restart.unref();
  }
}

/** A leg of a log-in that this thread has begun: no other can go on with it. */
function isAtHome(task: Task, thread: IsolatedThread): boolean {
  return task.dialogue?.thread === thread;
}

// An isolated plugin as the process sees it: its blades ask a thread. A thread that crashes, hangs or takes too
// much memory is ended and another one started, after growing pauses. Whose fault it was is not known where it had
// several messages: each of them is repeated once, alone, on the new thread; a message that was alone has failed.

import { Worker } from 'node:worker_threads';
import { ERRORS, PluginError, messageOf, printable, type ErrorCode } from '../../errors.ts';
import { workerOptions } from '../../util/worker-url.ts';
import type { Blade, BladeMessage } from '../api/blade.ts';
import type { ProxyHook } from '../api/hooks.ts';
import type { MessageHandler, ServiceDefinition } from '../api/service.ts';
import type { Verdict } from '../api/verdict.ts';
import type { HostLogger, PluginEntry } from '../loader.ts';
import type { FromThread, PlainMessage, PluginFacts, Target, ThreadStart, ToThread } from './messages.ts';

const HANG_PATIENCE_MS = 500; // for a blade to heed its signal
const CLOSE_PATIENCE_MS = 5000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 30_000;
const GOOD_LIFE_MS = 60_000; // after which a thread has not failed at once
const MOST_WAITING = 1000;
const MIB = 1024 * 1024;

interface Task {
  readonly id: number;
  readonly target: Target;
  readonly input: unknown;
  readonly signal: AbortSignal;
  /** It was on a thread that failed. */
  isSuspect: boolean;
  /** Nobody waits for it any more; it may still hold up the thread. */
  isLeft: boolean;
  settle(outcome: Verdict | undefined | PluginError): void;
}

export class PluginThread {
  readonly #start: ThreadStart;
  readonly #log: HostLogger;
  readonly #waiting: Task[] = [];
  readonly #running = new Map<number, Task>();
  #worker: Worker | null = null;
  #isReady = false;
  #startedAt = 0;
  #pauseMs = 0;
  #restart: NodeJS.Timeout | null = null;
  #closed: (() => void) | null = null;
  #isClosing = false;
  #ids = 0;
  facts: PluginFacts | null = null;

  private constructor(start: ThreadStart, log: HostLogger) {
    this.#start = start;
    this.#log = log;
  }

  /** @throws {PluginError} `ERR_PLUGIN_LOAD`, `ERR_PLUGIN_OPTIONS` */
  static async start(
    entry: PluginEntry,
    memoryBytes: number,
    setupTimeoutMs: number,
    log: HostLogger,
  ): Promise<PluginThread> {
    const { use, resolveFrom } = entry;
    const plain = { use, with: entry.with, resolveFrom };
    const thread = new PluginThread({ entry: plain, setupTimeoutMs, memoryBytes }, log);
    await new Promise<void>((resolve, reject) => thread.#launch(resolve, reject));
    return thread;
  }

  /** The blades, each in the thread. */
  get blades(): Blade[] {
    return this.facts!.blades.map(({ name, judges, fingerprint }) => ({
      name,
      judges,
      fingerprint: () => fingerprint,
      inspect: this.#handler({ kind: 'blade', name }),
    }));
  }

  get services(): ServiceDefinition[] {
    return this.facts!.services.map(({ methods, fingerprint, ...service }) => ({
      ...service,
      fingerprint: () => fingerprint,
      ...Object.fromEntries(
        methods.map((method) => [method, this.#handler({ kind: 'service', path: service.path, method })]),
      ),
    }));
  }

  get hooks(): ProxyHook[] {
    return this.facts!.hooks.map(({ points, ...hook }, index) => ({
      ...hook,
      ...Object.fromEntries(
        points.map((point) => [
          point,
          (event: object, signal: AbortSignal) => this.#call({ kind: 'hook', index, point }, event, signal),
        ]),
      ),
    }));
  }

  #handler(target: Target): MessageHandler {
    return async (message, signal) => (await this.#call(target, plainOf(message), signal))!;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#restart ?? undefined);
    for (const task of this.#waiting.splice(0)) task.settle(failed('the plugin was closed'));
    const worker = this.#worker;
    if (worker === null) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
      timer = setTimeout(resolve, CLOSE_PATIENCE_MS);
      worker.postMessage({ kind: 'close' } satisfies ToThread);
    });
    clearTimeout(timer);
    this.#worker = null;
    await worker.terminate();
    for (const task of this.#running.values()) task.settle(failed('the plugin was closed'));
    this.#running.clear();
  }

  #call(target: Target, input: unknown, signal: AbortSignal): Promise<Verdict | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#isClosing) return reject(failed('the plugin was closed'));
      if (signal.aborted) return reject(signal.reason as Error);
      if (this.#waiting.length >= MOST_WAITING)
        return reject(failed('too many messages wait for its thread'));
      const onAbort = (): void => this.#leave(task);
      const task: Task = {
        ...{ id: this.#ids++, target, input, signal, isSuspect: false, isLeft: false },
        settle: (outcome) => {
          signal.removeEventListener('abort', onAbort);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(task);
      this.#dispatch();
    });
  }

  /** Its time is over, or its client has gone: a thread that does not stop by itself is ended. */
  #leave(task: Task): void {
    task.isLeft = true;
    task.settle(failed('given up'));
    const at = this.#waiting.indexOf(task);
    if (at >= 0) return void this.#waiting.splice(at, 1);
    const worker = this.#worker;
    if (worker === null || !this.#running.has(task.id)) return;
    worker.postMessage({ kind: 'abort', id: task.id } satisfies ToThread);
    setTimeout(() => {
      if (this.#worker === worker && this.#running.has(task.id)) this.#lost(worker, 'hangs');
    }, HANG_PATIENCE_MS).unref();
  }

  #dispatch(): void {
    const worker = this.#worker;
    if (worker === null || !this.#isReady) return;
    while (this.#waiting.length > 0) {
      // A suspect is alone on the thread: if that fails again, it was it.
      const isAlone = [...this.#running.values()].some(({ isSuspect }) => isSuspect);
      if (isAlone || (this.#waiting[0]!.isSuspect && this.#running.size > 0)) return;
      const task = this.#waiting.shift()!;
      this.#running.set(task.id, task);
      const { id, target, input } = task;
      worker.postMessage({ kind: 'call', id, target, input } satisfies ToThread);
    }
  }

  #launch(onReady: () => void, onFailed: (error: PluginError) => void): void {
    const { url, options } = workerOptions(import.meta.url, './plugin-thread');
    const heap = Math.ceil(this.#start.memoryBytes / MIB);
    const worker = new Worker(url, {
      ...options,
      workerData: this.#start,
      resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb: Math.ceil(heap / 4) },
    });
    this.#worker = worker;
    this.#isReady = false;
    this.#startedAt = performance.now();
    const end = (why: string, error?: PluginError): void => {
      if (this.#worker !== worker) return;
      onFailed(error ?? loadFailed(`plugin ${printable(this.#start.entry.use)}: its thread ${why}`));
      this.#lost(worker, why);
    };
    const timer = setTimeout(() => end('was not ready in time'), this.#start.setupTimeoutMs + 10_000);
    timer.unref();
    worker.on('message', (message: FromThread) => {
      if (this.#worker !== worker) return;
      switch (message.kind) {
        case 'ready':
          clearTimeout(timer);
          this.facts = message.facts;
          this.#isReady = true;
          onReady();
          return this.#dispatch();
        case 'failed':
          clearTimeout(timer);
          return end(`failed: ${message.message}`, revived(message));
        case 'verdict':
          return this.#done(message.id, message.verdict);
        case 'error':
          return this.#done(message.id, revived({ ...message, path: null }));
        case 'log':
          return this.#log[message.level](message.fields, message.message);
        case 'hog':
          return end(`holds ${Math.round(message.bytes / MIB)} MiB, more than its memory`);
        case 'closed':
          return this.#closed?.();
      }
    });
    worker.on('error', (error) => end(`crashed: ${messageOf(error)}`));
    worker.on('exit', (code) => end(`ended with code ${code}`));
  }

  #done(id: number, given: Verdict | undefined | PluginError): void {
    const task = this.#running.get(id);
    if (task === undefined) return;
    this.#running.delete(id);
    // What a hook may answer, the proxy checks: nothing is an answer too.
    const isAnswer = given instanceof Error || task.target.kind === 'hook' || isVerdict(given);
    const outcome = isAnswer ? given : failed('gave no verdict');
    if (!task.isLeft) task.settle(withBuffers(outcome));
    this.#dispatch();
  }

  #lost(worker: Worker, why: string): void {
    this.#worker = null;
    this.#closed?.();
    void worker.terminate();
    if (this.facts === null || this.#isClosing) return;
    const tasks = [...this.#running.values()];
    this.#running.clear();
    const [only] = tasks;
    const again: Task[] = [];
    for (const task of tasks) {
      if (task.isLeft) continue;
      if (task === only && tasks.length === 1) task.settle(failed(`the thread of the plugin ${why}`));
      else again.push(Object.assign(task, { isSuspect: true }));
    }
    this.#waiting.unshift(...again);
    const lived = performance.now() - this.#startedAt;
    this.#pauseMs =
      lived > GOOD_LIFE_MS ? 0 : Math.min(Math.max(this.#pauseMs * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    const { name } = this.facts;
    this.#log.error(
      { plugin: name, why, messages: tasks.length, repeated: again.length, pauseMs: this.#pauseMs },
      `the thread of plugin ${name} ${why}; it is started anew in ${this.#pauseMs} ms: tell its author, or raise isolate.memory`,
    );
    this.#restart = setTimeout(() => {
      const ignore = (): void => {};
      this.#launch(ignore, ignore); // #lost goes on from there
    }, this.#pauseMs);
    this.#restart.unref();
  }
}

function plainOf({
  direction,
  method,
  url,
  request,
  response,
  client,
  server,
  limits,
  body,
}: BladeMessage): PlainMessage {
  return {
    ...{ direction, method, url, request, response, client, server },
    ...(limits === undefined ? {} : { limits }),
    body: body === null ? null : { size: body.size, memory: body.memory, file: body.file },
  };
}

function isVerdict(value: unknown): value is Verdict {
  return ['allow', 'block', 'modify'].includes((value as Verdict | null)?.kind as string);
}

/** Buffers arrive from a thread as plain arrays of bytes. */
function withBuffers(outcome: Verdict | undefined | PluginError): Verdict | undefined | PluginError {
  if (outcome === undefined || outcome instanceof Error || outcome.kind !== 'modify') return outcome;
  const { body, prefix } = outcome;
  return {
    ...outcome,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
    ...(prefix === undefined ? {} : { prefix: Buffer.from(prefix) }),
  };
}

function revived(given: {
  readonly code: string;
  readonly message: string;
  readonly path: string | null;
}): PluginError {
  const code = Object.hasOwn(ERRORS, given.code) ? (given.code as ErrorCode) : 'ERR_PLUGIN_FAILED';
  return new PluginError(code, given.message, given.path === null ? {} : { path: given.path });
}

function failed(message: string): PluginError {
  return new PluginError('ERR_PLUGIN_FAILED', message);
}

function loadFailed(message: string): PluginError {
  return new PluginError('ERR_PLUGIN_LOAD', message);
}

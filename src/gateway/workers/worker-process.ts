// One worker process as the supervisor holds it: started, told what to do, listened to, and noticed when
// it ends or falls silent. How many there are and which gets a connection, supervisor.ts decides.

import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ResolvedConfig } from '../../config/types.ts';
import { WeirError, messageOf } from '../../errors.ts';
import { acceptedConnection, isOwnConnection } from '../../icap/own-connections.ts';
import type { Incident } from '../../telemetry/incidents.ts';
import { workerOptions } from '../../util/worker-url.ts';
import { LineCutter } from './line-cutter.ts';
import type {
  ErrorMessage,
  PoolStatus,
  ToSupervisor,
  ToWorker,
  WorkerFacts,
  WorkerMetrics,
  WorkerPhase,
  WorkerState,
  WorkerStatus,
} from './messages.ts';
import { LOG_DESCRIPTOR } from './messages.ts';

// Flags of our own command line that hold for workers as well; the rest (inspector, loaders) does not.
const INHERITED_FLAGS =
  /^--(?:max-|min-|heap|stack-|expose|tls-|use-|enable-source-maps|disable-warning|trace-)/;

const LOG_TAIL_MS = 500; // wait for the rest of a log after the process has ended

const METRICS_WAIT_MS = 500; // a worker that hangs must not hold up a scrape

const NO_STATE: WorkerState = {
  received: 0,
  connections: 0,
  busy: 0,
  services: {},
  counters: {},
  memoryBytes: 0,
  tags: {},
};

export interface WorkerEvents {
  /** Its state or phase changed. */
  onChange(worker: WorkerProcess): void;
  /** Whole lines of its log, as text. */
  onLog(lines: string): void;
  onIncident(incident: Incident): void;
  onEnd(worker: WorkerProcess): void;
  status(): PoolStatus;
}

export interface WorkerOptions {
  readonly config: ResolvedConfig;
  readonly generation: number;
  /** Requests that all workers together serve at a time, at most. */
  readonly handlers: number;
}

export class WorkerProcess {
  readonly generation: number;
  readonly startedAt = new Date();
  /** Resolves when it serves. Rejects when it cannot, with what it says, or ended before. */
  readonly ready: Promise<void>;
  /** Resolves when it has ended and its log is complete. */
  readonly ended: Promise<void>;
  phase: WorkerPhase = 'starting';
  state: WorkerState = NO_STATE;
  /** As last told; null before. */
  metrics: WorkerMetrics | null = null;
  /** Moment of its last message, by `performance.now()`. */
  heardAt = performance.now();
  facts: WorkerFacts = { paths: [], idleServices: [], watched: [] };
  /** What ended it, e.g. `signal SIGKILL`, `exit code 1`, or what it said; null while it runs. */
  end: string | null = null;
  /** Why the supervisor killed it, or null. */
  killedBecause: string | null = null;
  readonly #options: WorkerOptions;
  readonly #events: WorkerEvents;
  readonly #child: ChildProcess;
  readonly #since = performance.now();
  readonly #underWay = new Map<Socket, number>(); // given to the channel, not yet written to it; with listener
  readonly #metricsAsked: (() => void)[] = [];
  readonly #pluginsAsked: ((error: ErrorMessage | null) => void)[] = [];
  #sent = 0;
  #failure: string | null = null;
  #elsewhere = '[0,{}]';
  #settleReady: { resolve(): void; reject(error: Error): void } | null = null;

  /** @throws nothing: a process that cannot be started ends at once */
  constructor(options: WorkerOptions, events: WorkerEvents) {
    this.#options = options;
    this.#events = events;
    this.generation = options.generation;
    const entry = workerOptions(import.meta.url, './worker-main');
    const stdio: ('ignore' | 'inherit' | 'pipe' | 'ipc')[] = ['ignore', 'inherit', 'inherit'];
    stdio[LOG_DESCRIPTOR] = 'pipe';
    stdio.push('ipc');
    this.#child = fork(fileURLToPath(entry.url), entry.options.argv, {
      serialization: 'advanced',
      execArgv: process.execArgv.filter((flag) => INHERITED_FLAGS.test(flag)),
      stdio,
    });
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.ready.catch(() => {}); // whoever starts it looks at it, or at its end
    this.ended = new Promise((resolve) => this.#watch(resolve));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Milliseconds since its start. */
  get livedMs(): number {
    return performance.now() - this.#since;
  }

  /** Open connections, with those that are on their way to it. */
  get connections(): number {
    return this.state.connections + this.#sent - this.state.received;
  }

  status(perProcess: number): WorkerStatus {
    const { pid, phase, generation, startedAt, connections } = this;
    const { busy, memoryBytes } = this.state;
    const free = phase === 'draining' ? 0 : Math.max(perProcess - busy, 0);
    return { pid, phase, generation, startedAt, connections, busy, free, memoryBytes };
  }

  /** Hands over a connection of which nothing was read. */
  give(socket: Socket, listener: number, overloaded: boolean): void {
    this.#sent++;
    this.#underWay.set(socket, listener);
    const own = isOwnConnection(acceptedConnection(socket));
    this.#send({ kind: 'connection', listener, overloaded, own }, socket, () => {
      this.#underWay.delete(socket);
    });
  }

  /** Tells it what the others serve, if that is news. */
  tellElsewhere(busy: number, services: Readonly<Record<string, number>>): void {
    if (this.phase === 'starting') return;
    const text = JSON.stringify([busy, services]);
    if (text === this.#elsewhere) return;
    this.#elsewhere = text;
    this.#send({ kind: 'elsewhere', busy, services });
  }

  /** Asks it to move connections elsewhere, at the end of their exchanges. */
  shed(connections: number): void {
    this.#send({ kind: 'shed', connections });
  }

  /** Asks for its figures; resolves when `metrics` has them, or it is too late for them. */
  refreshMetrics(): Promise<void> {
    if (this.phase === 'starting' || this.end !== null) return Promise.resolve();
    return new Promise((resolve) => {
      const giveUp = setTimeout(resolve, METRICS_WAIT_MS);
      this.#metricsAsked.push(() => {
        clearTimeout(giveUp);
        resolve();
      });
      this.#send({ kind: 'metrics' });
    });
  }

  /**
   * Has one plugin set up anew, beside the one that serves; `applyPlugin` or `discardPlugin` comes next. A process
   * that ends meanwhile is no failure: the one in its place loads what there is then.
   * @throws {WeirError} as `ready`
   */
  async preparePlugin(name: string): Promise<void> {
    await this.ready.catch(() => {});
    if (this.end !== null) return;
    const refused = await new Promise<ErrorMessage | null>((resolve) => {
      this.#pluginsAsked.push(resolve);
      this.#send({ kind: 'plugin-prepare', name });
    });
    if (refused !== null) throw this.#errorOf(refused);
  }

  applyPlugin(): void {
    this.#send({ kind: 'plugin-apply' });
  }

  discardPlugin(): void {
    this.#send({ kind: 'plugin-discard' });
  }

  /** It gets no further connections, finishes what runs and ends. */
  drain(graceMs: number): void {
    this.phase = 'draining';
    this.#send({ kind: 'drain', graceMs });
  }

  kill(because: string): void {
    this.killedBecause ??= because;
    this.#child.kill('SIGKILL');
  }

  /** Connections that never reached it, because it ended before. */
  takeBack(): { socket: Socket; listener: number }[] {
    const back = [...this.#underWay].map(([socket, listener]) => ({ socket, listener }));
    this.#underWay.clear();
    return back.filter(({ socket }) => Object.keys(socket.address()).length > 0); // those with a descriptor
  }

  #watch(resolve: () => void): void {
    const child = this.#child;
    const log = new LineCutter((lines) => this.#events.onLog(lines));
    const pipe = child.stdio[LOG_DESCRIPTOR] as Readable | null | undefined;
    pipe?.on('data', (chunk: Buffer) => log.add(chunk));
    pipe?.on('error', () => {});
    child.on('message', (message) => this.#onMessage(message as ToSupervisor));
    const onEnd = (how: string): void => {
      if (this.end !== null) return;
      this.end = this.#failure ?? how;
      for (const told of this.#metricsAsked.splice(0)) told();
      for (const told of this.#pluginsAsked.splice(0)) told(null);
      this.#failed({ code: null, message: `ended before it was ready (${this.end})`, fields: {} });
      this.#events.onEnd(this);
    };
    const onLogEnd = (): void => {
      log.end();
      resolve();
    };
    child.on('error', (error) => {
      if (child.pid !== undefined) return;
      onEnd(`it cannot be started: ${messageOf(error)}`);
      onLogEnd();
    });
    child.once('exit', (code, signal) => {
      onEnd(signal === null ? `exit code ${code}` : `signal ${signal}`);
      // A process of a plugin that outlives it may hold the pipe of its log.
      const giveUp = setTimeout(onLogEnd, LOG_TAIL_MS);
      child.once('close', () => {
        clearTimeout(giveUp);
        onLogEnd();
      });
    });
  }

  #onMessage(message: ToSupervisor): void {
    this.heardAt = performance.now();
    switch (message.kind) {
      case 'hello':
        return this.#start();
      case 'ready':
        this.facts = message.facts;
        if (this.phase === 'starting') this.phase = 'serving';
        this.#settleReady?.resolve();
        this.#settleReady = null;
        return this.#events.onChange(this);
      case 'facts':
        this.facts = message.facts;
        return this.#events.onChange(this);
      case 'plugin':
        return this.#pluginsAsked.shift()?.(message.error);
      case 'failed':
        this.#failure = message.error.message;
        return this.#failed(message.error);
      case 'state':
        this.state = message.state;
        return this.#events.onChange(this);
      case 'metrics':
        this.metrics = message.metrics;
        for (const told of this.#metricsAsked.splice(0)) told();
        return;
      case 'incident':
        return this.#events.onIncident(message.incident);
      case 'status':
        return this.#send({ kind: 'status', id: message.id, status: this.#events.status() });
    }
  }

  #start(): void {
    const { config, handlers } = this.#options;
    try {
      this.#child.send({ kind: 'start', config, handlers } satisfies ToWorker);
    } catch (error) {
      const message = `options of plugins must be plain data for worker processes: ${messageOf(error)}`;
      this.#failed({ code: 'ERR_PLUGIN_OPTIONS', message, fields: {} });
      this.kill('it cannot be given its configuration');
    }
  }

  #failed(error: ErrorMessage): void {
    this.#settleReady?.reject(this.#errorOf(error));
    this.#settleReady = null;
  }

  #errorOf({ code, message, fields }: ErrorMessage): WeirError {
    return code === null
      ? new WeirError('ERR_GATEWAY_WORKER', `gateway worker ${this.pid}: ${message}`, { pid: this.pid })
      : new WeirError(code, message, fields);
  }

  /** A channel that is closed says so by the end of the process: no need to complain here, too. */
  #send(message: ToWorker, socket?: Socket, sent?: () => void): void {
    this.#child.send(message, socket, {}, (error) => {
      if (error === null) sent?.();
    });
  }
}

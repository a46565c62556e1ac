// Keeps the worker processes of the gateway: starts as many as the rule wants, replaces those that end by
// themselves, stops those that are too many, and exchanges all of them for a new configuration. It
// accepts connections but never reads them; workers do all the work. G-12 … G-16, decision 0009.

import { EventEmitter } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ResolvedConfig } from '../../config/types.ts';
import { WeirError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import { Dispatcher } from './dispatcher.ts';
import type { PoolEvents, PoolStatus, WorkerFacts, WorkerMetrics, WorkerStatus } from './messages.ts';
import { MetricSums } from './metric-sums.ts';
import { PoolLog, type LostWorker } from './pool-log.ts';
import { mostHandlers, poolStep, RestartPauses, type PoolRule } from './pool-rule.ts';
import { preparePlugin, type PreparedWorkers } from './plugin-exchange.ts';
import { PortListeners } from './port-listeners.ts';
import { addCounts, relieveCrowded, shareLoad } from './shared-load.ts';
import { WorkerProcess } from './worker-process.ts';

export interface SupervisorOptions {
  readonly config: ResolvedConfig;
  readonly rule: PoolRule;
  readonly log: Log;
  /** Time for which handlers must have been spare before a process is stopped. Default 10 s. */
  readonly stopAfterMs?: number;
  /** Silence after which a worker is killed: its event loop hangs. Default 30 s. */
  readonly silenceMs?: number;
}

const STOP_AFTER_MS = 10_000;
const SILENCE_MS = 30_000;
const TICK_MS = 1000;
const START_LIMIT_MS = 120_000; // until a worker is ready; loading plugins has limits of its own
const DRAIN_LIMIT_MS = 10 * 60_000; // for what runs in a worker that is stopped, unless all stop
const KILL_MARGIN_MS = 2000; // beyond the grace period, for closing plugins
const MAX_STARTING = 2; // processes beyond `min` that start at the same time

export class GatewaySupervisor extends EventEmitter<PoolEvents> {
  readonly #log: Log;
  readonly #poolLog: PoolLog;
  readonly #stopAfterMs: number;
  readonly #silenceMs: number;
  readonly #listeners: PortListeners;
  readonly #dispatcher: Dispatcher;
  readonly #workers = new Set<WorkerProcess>(); // all processes, those that drain as well
  readonly #pauses = new RestartPauses();
  readonly #lost: LostWorker[] = []; // not yet replaced
  readonly #endings = new Map<WorkerProcess, string>(); // why a worker was told to end
  readonly #totals = { started: 0, stopped: 0, lost: 0, shed: 0 };
  #counters: Record<string, number> = {}; // of processes that have ended
  readonly #sums = new MetricSums();
  #config: ResolvedConfig;
  #rule: PoolRule;
  #generation = 0;
  #lastGeneration = 0;
  #pausedUntil = 0;
  #spareSince: number | null = null;
  #tick: NodeJS.Timeout | null = null;
  #tickedAt = 0;
  #stopping: Promise<void> | null = null;
  #facts: WorkerFacts = { paths: [], idleServices: [], watched: [] };

  private constructor({ config, rule, log, stopAfterMs, silenceMs }: SupervisorOptions) {
    super();
    this.#config = config;
    this.#rule = rule;
    this.#log = log;
    this.#poolLog = new PoolLog(log);
    this.#stopAfterMs = stopAfterMs ?? STOP_AFTER_MS;
    this.#silenceMs = silenceMs ?? SILENCE_MS;
    this.#dispatcher = new Dispatcher(
      () => this.#present().filter(({ phase }) => phase === 'serving'),
      () => this.#config.gateway.limits.connections,
    );
    this.#listeners = new PortListeners((socket, listener) => this.#dispatcher.dispatch(socket, listener));
  }

  /**
   * Listens and resolves when `rule.min` workers serve.
   * @throws {WeirError} `ERR_LISTEN`, `ERR_PLUGIN_…`, `ERR_CONFIG_…` as the gateway in one process;
   *         `ERR_GATEWAY_WORKER` when a worker ended before it was ready. Nothing is left running then.
   */
  static async start(options: SupervisorOptions): Promise<GatewaySupervisor> {
    const supervisor = new GatewaySupervisor(options);
    try {
      await supervisor.#start();
    } catch (error) {
      await supervisor.stop(0);
      throw error;
    }
    const every = Math.min(TICK_MS, supervisor.#stopAfterMs + 1, supervisor.#silenceMs);
    supervisor.#tickedAt = performance.now();
    supervisor.#tick = setInterval(() => supervisor.#onTick(every), every);
    return supervisor;
  }

  /** Bound addresses, in the order of `gateway.listen`. */
  get addresses(): AddressInfo[] {
    return this.#listeners.addresses;
  }

  /** Paths of the services, in the order of the configuration. */
  get paths(): readonly string[] {
    return this.#facts.paths;
  }

  /** Services that have no blade to scan with (G-07). */
  get idleServices(): readonly string[] {
    return this.#facts.idleServices;
  }

  /** Paths that plugins want to be loaded anew for. */
  get watched(): readonly string[] {
    return this.#facts.watched;
  }

  /** Requests that all processes serve at a time, at most. */
  get handlers(): number {
    return mostHandlers(this.#rule);
  }

  /** State of all processes: up to 20 ms old for load, 2 s for memory. */
  status(): PoolStatus {
    const { perProcess } = this.#rule;
    const workers = [...this.#workers].map((worker) => worker.status(perProcess));
    const sum = (value: (worker: WorkerStatus) => number): number =>
      workers.reduce((total, worker) => total + value(worker), 0);
    const counters = { ...this.#counters };
    for (const { state } of this.#workers) addCounts(counters, state.counters);
    return {
      workers,
      handlers: { busy: sum(({ busy }) => busy), free: sum(({ free }) => free), most: this.handlers },
      connections: sum(({ connections }) => connections),
      waiting: this.#dispatcher.waiting,
      ...this.#totals,
      counters,
    };
  }

  /** What all processes have counted so far, those that have ended included, and how they are. */
  async metrics(): Promise<WorkerMetrics> {
    await Promise.all([...this.#workers].map((worker) => worker.refreshMetrics()));
    return this.#sums.with([...this.#workers].map(({ metrics }) => metrics));
  }

  /**
   * Blue and green: starts workers with the new configuration, and only when they serve lets the old
   * ones finish what they do. Listening sockets that both configurations have stay open.
   * @throws {WeirError} as `start`; everything is as it was then
   */
  async reload(config: ResolvedConfig, rule: PoolRule = this.#rule): Promise<void> {
    (await this.prepare(config, rule)).apply();
  }

  /**
   * The first half of `reload`: workers with the new configuration are ready, and nobody is served by them.
   * One at a time: `apply` or `discard` comes before the next.
   * @throws {WeirError} as `start`; everything is as it was then
   */
  async prepare(config: ResolvedConfig, rule: PoolRule = this.#rule): Promise<PreparedWorkers> {
    const listeners = await this.#listeners.prepare(config.gateway.listen);
    const generation = ++this.#lastGeneration;
    const fresh: WorkerProcess[] = [];
    const discard = (): void => {
      for (const worker of fresh) this.#kill(worker, 'its configuration is not taken over');
      listeners.discard();
    };
    try {
      this.#checkNotStopping();
      const count = Math.min(Math.max(rule.min, this.#present().length), rule.max);
      fresh.push(...this.#launchAll(count, config, rule, generation, 'reload'));
      await Promise.all(fresh.map((worker) => worker.ready));
      this.#checkNotStopping();
    } catch (error) {
      discard();
      throw error;
    }
    const apply = (): void => {
      const former = this.#present();
      this.#config = config;
      this.#rule = rule;
      this.#generation = generation;
      this.#facts = fresh[0]!.facts;
      this.#lost.length = 0;
      listeners.use();
      for (const worker of former) this.#end(worker, 'reload', DRAIN_LIMIT_MS);
      this.#dispatcher.dispatchWaiting();
      this.#evaluate();
    };
    return { apply, discard };
  }

  /**
   * One plugin is set up anew in every worker, beside the one that serves there; the other plugins stay the very
   * same, and so do the processes. One at a time, as `prepare`.
   * @throws {WeirError} `ERR_PLUGIN_…`: everything is as it was then
   */
  async preparePlugin(name: string): Promise<PreparedWorkers> {
    this.#checkNotStopping();
    return await preparePlugin(this.#present(), name);
  }

  /** Closes the port, lets requests finish for up to `graceMs`, then cuts what is left. Safe to call twice. */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  #checkNotStopping(): void {
    if (this.#stopping !== null) throw new WeirError('ERR_ABORTED', 'the gateway is being stopped');
  }

  /** Processes of the present configuration that serve or start. */
  #present(): WorkerProcess[] {
    return [...this.#workers].filter(
      ({ generation, phase }) => generation === this.#generation && phase !== 'draining',
    );
  }

  async #start(): Promise<void> {
    const listeners = await this.#listeners.prepare(this.#config.gateway.listen);
    this.#generation = ++this.#lastGeneration;
    listeners.use(); // whoever comes while the workers start waits for them
    const { min } = this.#rule;
    const fresh = this.#launchAll(min, this.#config, this.#rule, this.#generation, 'start');
    await Promise.all(fresh.map((worker) => worker.ready));
  }

  #launchAll(
    count: number,
    ...how: [config: ResolvedConfig, rule: PoolRule, generation: number, because: string]
  ): WorkerProcess[] {
    return Array.from({ length: count }, () => this.#launch(...how));
  }

  #launch(config: ResolvedConfig, rule: PoolRule, generation: number, because: string): WorkerProcess {
    const replaced = generation === this.#generation ? this.#lost.shift() : undefined;
    const worker = new WorkerProcess(
      { config, generation, handlers: mostHandlers(rule) },
      {
        onChange: (changed) => this.#onChange(changed),
        onLog: (lines) => this.#log.lines(lines),
        onIncident: (incident) => this.#log.incidents?.incident(incident),
        onEnd: (ended) => this.#onEnd(ended),
        status: () => this.status(),
      },
    );
    this.#workers.add(worker);
    this.#totals.started++;
    const tooLong = setTimeout(() => {
      this.#poolLog.startIsLate(worker.pid);
      worker.kill('it did not start in time');
    }, START_LIMIT_MS);
    worker.ready
      .then(
        () => this.#onReady(worker, because, replaced),
        (error: unknown) => this.#onUnready(worker, because, error),
      )
      .finally(() => clearTimeout(tooLong));
    return worker;
  }

  #onReady(worker: WorkerProcess, because: string, replaced: LostWorker | undefined): void {
    if (worker.generation === this.#generation) this.#facts = worker.facts;
    this.#poolLog.started(worker.pid, because, worker.livedMs, replaced);
    this.emit('started', worker.status(this.#rule.perProcess), because);
    this.#dispatcher.dispatchWaiting();
    this.#evaluate();
  }

  #onUnready(worker: WorkerProcess, because: string, error: unknown): void {
    if (this.#endings.has(worker) || because === 'start' || because === 'reload') return; // told elsewhere
    this.#poolLog.notStarted(worker.pid, error);
  }

  #onChange(worker: WorkerProcess): void {
    if (worker.phase === 'starting') return;
    if (worker.generation === this.#generation) this.#facts = worker.facts;
    this.#shareLoad();
    this.#evaluate();
  }

  #shareLoad(): void {
    const { services } = this.#config.gateway;
    shareLoad(
      [...this.#workers],
      this.handlers,
      (path) => services[path.slice(1)]?.maxConnections ?? Infinity,
    );
  }

  #onEnd(worker: WorkerProcess): void {
    this.#workers.delete(worker);
    addCounts(this.#counters, worker.state.counters);
    this.#sums.addEnded(worker.metrics);
    const because = this.#endings.get(worker);
    this.#endings.delete(worker);
    const { pid, generation } = worker;
    const how = worker.killedBecause === null ? worker.end! : `killed: ${worker.killedBecause}`;
    const status = worker.status(this.#rule.perProcess);
    if (because === undefined) {
      this.#totals.lost++;
      this.#poolLog.lost(pid, how, status.connections, status.busy);
      if (generation === this.#generation) this.#planReplacement(worker, how);
      this.emit('lost', status, how);
    } else {
      this.#totals.stopped++;
      this.#poolLog.stopped(pid, because);
      this.emit('stopped', status, because);
    }
    for (const { socket, listener } of worker.takeBack()) this.#dispatcher.dispatch(socket, listener);
    this.#shareLoad();
    this.#evaluate();
  }

  #planReplacement({ pid, livedMs }: WorkerProcess, how: string): void {
    this.#lost.push({ pid, how, at: performance.now() });
    const pauseMs = this.#pauses.afterEnd(livedMs);
    if (pauseMs === 0 || this.#stopping !== null) return;
    this.#pausedUntil = performance.now() + pauseMs;
    setTimeout(() => this.#evaluate(), pauseMs).unref();
    this.#poolLog.pausing(this.#pauses.failures, pauseMs);
  }

  /** Moves towards the number of processes that the rule wants. */
  #evaluate(): void {
    if (this.#stopping !== null || this.#tick === null) return; // not started yet, or no more
    for (;;) {
      const present = this.#present();
      const busy = present.reduce((sum, { state }) => sum + state.busy, 0);
      const step = poolStep(this.#rule, { processes: present.length, busy });
      if (step !== 'stop') this.#spareSince = null;
      if (step === 'keep') {
        this.#lost.length = 0; // those that are left are not needed any more
        return;
      }
      if (step === 'stop') return this.#stopOne(present);
      const starting = present.filter(({ phase }) => phase === 'starting').length;
      if (performance.now() < this.#pausedUntil) return;
      if (present.length >= this.#rule.min && starting >= MAX_STARTING) return;
      const because = this.#lost.length > 0 ? 'replacement' : 'load';
      this.#launch(this.#config, this.#rule, this.#generation, because);
    }
  }

  #stopOne(present: readonly WorkerProcess[]): void {
    this.#spareSince ??= performance.now();
    if (performance.now() - this.#spareSince < this.#stopAfterMs) return;
    const idle = present.filter(({ phase, state }) => phase === 'serving' && state.busy === 0);
    const [fewest] = idle.sort((one, other) => one.connections - other.connections);
    if (fewest === undefined) return;
    this.#spareSince = null;
    this.#end(fewest, 'idle', DRAIN_LIMIT_MS);
  }

  #onTick(every: number): void {
    const now = performance.now();
    const late = now - this.#tickedAt > 5 * every; // we were stopped ourselves: nobody could be heard
    this.#tickedAt = now;
    for (const worker of this.#workers) {
      if (late) worker.heardAt = now;
      if (worker.phase !== 'starting' && now - worker.heardAt > this.#silenceMs) {
        worker.kill(`it did not answer for ${this.#silenceMs / 1000} s`);
      }
    }
    const turnedAway = this.#dispatcher.expire();
    if (turnedAway > 0) this.#poolLog.turnedAway(turnedAway);
    const serving = this.#present().filter(({ phase }) => phase === 'serving');
    this.#totals.shed += relieveCrowded(serving, this.#rule.perProcess);
    this.#evaluate();
  }

  #end(worker: WorkerProcess, because: string, graceMs: number): void {
    if (worker.phase === 'starting') return this.#kill(worker, because);
    if (!this.#endings.has(worker)) this.#endings.set(worker, because);
    worker.drain(graceMs);
  }

  #kill(worker: WorkerProcess, because: string): void {
    if (!this.#endings.has(worker)) this.#endings.set(worker, because);
    worker.kill(because);
  }

  async #stop(graceMs: number): Promise<void> {
    if (this.#tick !== null) clearInterval(this.#tick);
    this.#listeners.close();
    this.#dispatcher.close();
    const workers = [...this.#workers];
    for (const worker of workers) this.#end(worker, 'shutdown', graceMs);
    const impatient = setTimeout(() => {
      for (const worker of workers) worker.kill('it did not end in time');
    }, graceMs + KILL_MARGIN_MS);
    await Promise.all(workers.map((worker) => worker.ended));
    clearTimeout(impatient);
  }
}

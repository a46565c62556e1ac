// A worker process: one gateway without a listener of its own. It takes connections, its configuration
// and its orders from the supervisor (messages.ts), and ends when that is gone. Signals of the terminal
// reach the whole process group: only the supervisor acts on them.

import { Socket } from 'node:net';
import type { ResolvedConfig } from '../../config/types.ts';
import { isWeirError, messageOf } from '../../errors.ts';
import { noteOwnAccepted } from '../../icap/own-connections.ts';
import { Meters } from '../../metrics/meters.ts';
import { EventLoopLag, workerFigures } from '../../metrics/process-figures.ts';
import { pluginOfError, strayError } from '../../plugin/stray-errors.ts';
import { openLog } from '../../telemetry/log.ts';
import type { Log } from '../../telemetry/log.ts';
import { tracerOf } from '../../telemetry/otlp/tracer.ts';
import { tuneHeap } from '../../util/heap.ts';
import { loadBlades, makeGateway } from '../from-config.ts';
import type { Gateway } from '../gateway.ts';
import type { ErrorMessage, PoolStatus, ToSupervisor, ToWorker, WorkerFacts } from './messages.ts';
import { LOG_DESCRIPTOR } from './messages.ts';
import { WorkerPeers } from './worker-peers.ts';
import { WorkerPlugins } from './worker-plugins.ts';

const HEARTBEAT_MS = 2000;
const STATUS_WAIT_MS = 1000;

class Worker {
  readonly #log: Log;
  readonly #plugins: WorkerPlugins;
  readonly #gateway: Gateway;
  readonly #peers: WorkerPeers;
  readonly #asked = new Map<number, (status: PoolStatus | null) => void>();
  /** Null: nothing is counted. */
  readonly #lag: EventLoopLag | null;
  #questions = 0;
  #draining = false;
  #received = 0;

  private constructor(
    config: ResolvedConfig,
    handlers: number,
    log: Log,
    { blades, plugins }: Awaited<ReturnType<typeof loadBlades>>,
  ) {
    this.#log = log;
    this.#peers = new WorkerPeers(handlers, () => void this.#report());
    const pool = { handlers, peers: this.#peers, status: () => this.#poolStatus() };
    const services = plugins.flatMap((plugin) => plugin.services);
    this.#gateway = makeGateway(config, blades, log, pool, services);
    this.#plugins = new WorkerPlugins(config, log, this.#gateway, pool, plugins);
    log.incidents.attach({ incident: (incident) => void tell({ kind: 'incident', incident }) });
    this.#lag = log.meters == null ? null : new EventLoopLag();
    setInterval(() => {
      this.#peers.changed();
      void this.#tellMetrics();
    }, HEARTBEAT_MS).unref();
  }

  /** @throws {WeirError} `ERR_PLUGIN_…`, `ERR_CONFIG_…` */
  static async start(config: ResolvedConfig, handlers: number, log: Log): Promise<Worker> {
    const loaded = await loadBlades(config, log);
    const worker = new Worker(config, handlers, log, loaded);
    worker.#gateway.open();
    void tell({ kind: 'ready', facts: worker.#facts });
    worker.#peers.changed();
    return worker;
  }

  get #facts(): WorkerFacts {
    const { paths, idleServices } = this.#gateway;
    return { paths, idleServices, watched: this.#plugins.watched };
  }

  onMessage(message: ToWorker, socket: Socket | undefined): void {
    switch (message.kind) {
      case 'connection':
        this.#received++;
        if (socket !== undefined) {
          if (message.own) noteOwnAccepted(socket);
          this.#gateway.adopt(socket, message.overloaded, message.listener);
        }
        return this.#peers.changed();
      case 'elsewhere':
        return this.#peers.setElsewhere(message.busy, message.services);
      case 'shed':
        return this.#gateway.shed(message.connections);
      case 'status':
        this.#asked.get(message.id)?.(message.status);
        return;
      case 'metrics':
        return void this.#tellMetrics();
      case 'plugin-prepare':
        return void this.#preparePlugin(message.name);
      case 'plugin-apply':
        this.#plugins.apply();
        void tell({ kind: 'facts', facts: this.#facts });
        return this.#peers.changed();
      case 'plugin-discard':
        return void this.#plugins.discard();
      case 'drain':
        return void this.#drain(message.graceMs);
      case 'start':
        return; // it has started already
    }
  }

  async #preparePlugin(name: string): Promise<void> {
    try {
      await this.#plugins.prepare(name);
      void tell({ kind: 'plugin', error: null });
    } catch (error) {
      void tell({ kind: 'plugin', error: errorMessage(error) });
    }
  }

  async #drain(graceMs: number): Promise<void> {
    const closed = this.#gateway.close(graceMs); // a second time: with less patience
    if (this.#draining) return;
    this.#draining = true;
    await closed;
    this.#peers.close();
    await this.#plugins.close();
    await this.#log.tracer?.close();
    this.#log.close();
    await this.#tellMetrics();
    await this.#report(); // the counters' last word
    endProcess();
  }

  #report(): Promise<void> {
    const { load } = this.#gateway;
    const memoryBytes = process.memoryUsage.rss();
    return tell({ kind: 'state', state: { ...load, received: this.#received, memoryBytes } });
  }

  #tellMetrics(): Promise<void> {
    const { meters } = this.#log;
    if (meters == null || this.#lag === null) return Promise.resolve();
    const metrics = { meters: meters.snapshot(), figures: workerFigures(this.#lag) };
    return tell({ kind: 'metrics', metrics });
  }

  #poolStatus(): Promise<PoolStatus | null> {
    const id = this.#questions++;
    return new Promise((resolve) => {
      const answer = (status: PoolStatus | null): void => {
        clearTimeout(giveUp);
        this.#asked.delete(id);
        resolve(status);
      };
      const giveUp = setTimeout(() => answer(null), STATUS_WAIT_MS);
      this.#asked.set(id, answer);
      void tell({ kind: 'status', id });
    });
  }
}

/** What cannot be sent any more is of no use: the supervisor is gone, and so are we in a moment. */
function tell(message: ToSupervisor): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) return resolve();
    process.send!(message, undefined, {}, () => resolve());
  });
}

function errorMessage(error: unknown): ErrorMessage {
  const known = isWeirError(error) ? { code: error.code, fields: error.fields } : { code: null, fields: {} };
  return { ...known, message: messageOf(error) };
}

/** Ends for certain: a regular exit waits for native code of plugins, and some of that never ends. */
function endProcess(): never {
  process.emit('exit', 0); // removes spool files
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

async function main(config: ResolvedConfig, handlers: number): Promise<Worker> {
  const meters = config.metrics.enabled ? new Meters() : null;
  const tracer = tracerOf(config.tracing, (...event) => log.event(...event));
  const { level } = config.log;
  const log = openLog({ level, file: null, descriptor: LOG_DESCRIPTOR, meters, tracer });
  process.on('uncaughtException', (error) => {
    const plugin = pluginOfError(error);
    if (plugin !== null) return void log.event('error', ...strayError(plugin, error));
    const fields = { worker: process.pid, stack: (error as { stack?: unknown }).stack };
    log.event('error', `gateway worker failed: ${messageOf(error)}`, fields);
    log.close();
    // Its state is unknown: the supervisor starts a clean one.
    void tell({ kind: 'failed', error: { code: null, fields: {}, message: messageOf(error) } }).then(
      endProcess,
    );
  });
  try {
    return await Worker.start(config, handlers, log);
  } catch (error) {
    log.close();
    await tell({ kind: 'failed', error: errorMessage(error) });
    return endProcess();
  }
}

process.title = 'weir: gateway worker';
tuneHeap();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', endProcess); // nobody is left who would ever stop us

let worker: Promise<Worker> | null = null;
process.on('message', (message: ToWorker, socket: unknown) => {
  const connection = socket instanceof Socket ? socket : undefined;
  if (message.kind === 'start') worker ??= main(message.config, message.handlers);
  else void worker?.then((started) => started.onMessage(message, connection));
});
void tell({ kind: 'hello' });

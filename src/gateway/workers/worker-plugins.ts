// The plugins of one worker process, and the exchange of one of them: set up beside the one that works, put in
// force when every worker has it (supervisor.ts says when), and the former one closed when its last message is
// done. The others stay the very same.

import type { ResolvedConfig } from '../../config/types.ts';
import { PluginError, printable } from '../../errors.ts';
import type { Blade } from '../../plugin/api.ts';
import { closePlugins, type LoadedPlugin } from '../../plugin/loader.ts';
import type { Log } from '../../telemetry/log.ts';
import { gatewayOptions, loadBlades } from '../from-config.ts';
import type { Gateway, GatewayPool } from '../gateway.ts';

interface Next {
  readonly plugins: readonly LoadedPlugin[];
  readonly added: readonly LoadedPlugin[];
  /** Puts them in force; settles when what was before is of no use any more. */
  takeOver(): Promise<void>;
}

export class WorkerPlugins {
  readonly #config: ResolvedConfig;
  readonly #log: Log;
  readonly #gateway: Gateway;
  readonly #pool: GatewayPool;
  #plugins: readonly LoadedPlugin[];
  #next: Next | null = null;

  constructor(
    config: ResolvedConfig,
    log: Log,
    gateway: Gateway,
    pool: GatewayPool,
    plugins: readonly LoadedPlugin[],
  ) {
    this.#config = config;
    this.#log = log;
    this.#gateway = gateway;
    this.#pool = pool;
    this.#plugins = plugins;
  }

  /** Paths that plugins want to be loaded anew for. */
  get watched(): readonly string[] {
    return this.#plugins.flatMap((plugin) => plugin.watched);
  }

  /** Sets that one up anew; nobody is served by it. @throws {PluginError} `ERR_PLUGIN_…`: nothing has changed */
  async prepare(name: string): Promise<void> {
    await this.discard();
    const former = this.#plugins;
    if (!former.some((plugin) => plugin.name === name)) {
      const names = former.map((plugin) => plugin.name).join(', ') || 'none';
      const text = `no plugin named ${printable(name)} is loaded; there are: ${names}`;
      throw new PluginError('ERR_PLUGIN_LOAD', text, { plugin: name });
    }
    const { blades, plugins } = await loadBlades(
      this.#config,
      this.#log,
      (entry) => former.find((plugin) => plugin.entry === entry && plugin.name !== name) ?? null,
    );
    const added = plugins.filter((plugin) => !former.includes(plugin));
    try {
      this.#next = { plugins, added, takeOver: this.#prepareGateway(blades, plugins) };
    } catch (error) {
      await closePlugins(added);
      throw error;
    }
  }

  /** Puts in force what was prepared. */
  apply(): void {
    const next = this.#next;
    if (next === null) return;
    this.#next = null;
    const gone = this.#plugins.filter((plugin) => !next.plugins.includes(plugin));
    this.#plugins = next.plugins;
    for (const plugin of next.plugins) plugin.peers.all = next.plugins;
    void next.takeOver().then(() => closePlugins(gone));
  }

  /** Drops what was prepared. Never rejects. */
  async discard(): Promise<void> {
    const next = this.#next;
    this.#next = null;
    if (next !== null) await closePlugins(next.added);
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.discard();
    await closePlugins(this.#plugins);
  }

  #prepareGateway(blades: readonly Blade[], plugins: readonly LoadedPlugin[]): () => Promise<void> {
    for (const blade of blades) blade.fingerprint?.(); // every answer asks for it: it must not throw there
    const services = plugins.flatMap((plugin) => plugin.services);
    return this.#gateway.prepare(gatewayOptions(this.#config, blades, this.#log, this.#pool, services));
  }
}

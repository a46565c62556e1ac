// The blades of one loading of the plugins. A reload loads another set beside it; this one is closed when
// the last message that it has begun is finished. A reload of one plugin keeps the others: they serve in both
// sets, and are closed with the last.

import type { ResolvedConfig } from '../config/types.ts';
import { PluginError, messageOf } from '../errors.ts';
import { loadBlades } from '../gateway/from-config.ts';
import type { Blade, RegisteredAuthenticator, RegisteredHook, RegisteredService } from '../plugin/api.ts';
import type { LoadOptions, LoadedPlugin } from '../plugin/loader.ts';
import { closePlugins } from '../plugin/loader.ts';
import type { Log } from '../telemetry/log.ts';

export class BladeSet {
  readonly blades: readonly Blade[];
  readonly plugins: readonly LoadedPlugin[];
  /** Sets that a plugin serves in. */
  static readonly #users = new WeakMap<LoadedPlugin, number>();
  #closed: Promise<void> | null = null;

  private constructor(blades: readonly Blade[], plugins: readonly LoadedPlugin[]) {
    this.blades = blades;
    this.plugins = plugins;
    for (const plugin of plugins) BladeSet.#users.set(plugin, (BladeSet.#users.get(plugin) ?? 0) + 1);
  }

  /**
   * @param keep  plugins that go on as they are; default: none, all are loaded
   * @throws {PluginError} `ERR_PLUGIN_…`; nothing is left loaded then
   */
  static async load(config: ResolvedConfig, log: Log, keep?: LoadOptions['keep']): Promise<BladeSet> {
    const { blades, plugins } = await loadBlades(config, log, keep);
    const set = new BladeSet(blades, plugins);
    try {
      for (const blade of blades) askFingerprint(blade);
      return set;
    } catch (error) {
      await set.close();
      throw error;
    }
  }

  get services(): readonly RegisteredService[] {
    return this.plugins.flatMap((plugin) => plugin.services);
  }

  get hooks(): readonly RegisteredHook[] {
    return this.plugins.flatMap((plugin) => plugin.hooks);
  }

  get authenticators(): readonly RegisteredAuthenticator[] {
    return this.plugins.flatMap((plugin) => plugin.authenticators);
  }

  /** Paths that the plugins want to be loaded anew for. */
  get watched(): readonly string[] {
    return this.plugins.flatMap((plugin) => plugin.watched);
  }

  /** Plugins that were kept find the blades of this set from here on. */
  takeOver(): void {
    for (const plugin of this.plugins) plugin.peers.all = this.plugins;
  }

  /** Closes the blades of plugins that serve in no other set; safe to call again. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= closePlugins(this.plugins.filter((plugin) => this.#release(plugin)));
    return this.#closed;
  }

  /** True when it was the last set. */
  #release(plugin: LoadedPlugin): boolean {
    const left = BladeSet.#users.get(plugin)! - 1;
    BladeSet.#users.set(plugin, left);
    return left === 0;
  }
}

/** Every answer of the gateway asks for it: better to know now that it cannot be had. */
function askFingerprint(blade: Blade): void {
  try {
    blade.fingerprint?.();
  } catch (error) {
    throw new PluginError(
      'ERR_PLUGIN_FAILED',
      `${blade.name} gives no fingerprint: ${messageOf(error)}`,
      { blade: blade.name },
      error,
    );
  }
}

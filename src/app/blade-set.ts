// The blades of one loading of the plugins. A reload loads another set beside it; this one is closed when
// the last message that it has begun is finished.

import type { ResolvedConfig } from '../config/types.ts';
import { PluginError, messageOf } from '../errors.ts';
import { loadBlades } from '../gateway/from-config.ts';
import type { Blade, RegisteredHook, RegisteredService } from '../plugin/api.ts';
import type { LoadedPlugin } from '../plugin/loader.ts';
import { closePlugins } from '../plugin/loader.ts';
import type { Log } from '../telemetry/log.ts';

export class BladeSet {
  readonly blades: readonly Blade[];
  readonly plugins: readonly LoadedPlugin[];
  #closed: Promise<void> | null = null;

  private constructor(blades: readonly Blade[], plugins: readonly LoadedPlugin[]) {
    this.blades = blades;
    this.plugins = plugins;
  }

  /** @throws {PluginError} `ERR_PLUGIN_…`; nothing is left loaded then */
  static async load(config: ResolvedConfig, log: Log): Promise<BladeSet> {
    const { blades, plugins } = await loadBlades(config, log);
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

  /** Paths that the plugins want to be loaded anew for. */
  get watched(): readonly string[] {
    return this.plugins.flatMap((plugin) => plugin.watched);
  }

  /** Closes the blades; safe to call again. Never rejects. */
  close(): Promise<void> {
    this.#closed ??= closePlugins(this.plugins);
    return this.#closed;
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

// What a plugin is: its definition, and what its setup is given. Loading is ../loader.ts.

import type { PluginAuthenticator } from './authenticator.ts';
import type { Blade } from './blade.ts';
import type { ProxyHook } from './hooks.ts';
import type { PanelDefinition } from './panel.ts';
import type { ReportSource } from './report.ts';
import type { ServiceDefinition } from './service.ts';

/** Version of this API; a plugin may compare it with what it was written for. */
export const PLUGIN_API_VERSION = 1;

export interface PluginLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a plugin's `setup` is given. */
export interface PluginContext<Options> {
  readonly options: Options;
  readonly log: PluginLogger;
  /** Folder of the plugin's package, for rules and data that it ships. */
  readonly folder: string;
  /** Registers a blade. */
  blade(blade: Blade): void;
  /** Registers an ICAP service of the gateway. */
  service(service: ServiceDefinition): void;
  /** Registers a hook into the proxy; without effect where no proxy runs. */
  proxyHook(hook: ProxyHook): void;
  /** Registers a panel of the dashboard. */
  panel(panel: PanelDefinition): void;
  /** Registers a way to log in to the proxy; used where `proxy.auth.plugin` names its scheme. */
  authenticator?(authenticator: PluginAuthenticator): void;
  /** Registers where its reports are kept, which its verdicts name by `report`; once a plugin. */
  reports?(source: ReportSource): void;
  /**
   * Names a file or folder that `setup` reads, by its absolute path. When it changes, the plugin is set up
   * anew, beside this one, and takes over if that succeeds.
   */
  watch(path: string): void;
  /**
   * The blade of that name, of any plugin that is loaded by then, or null: for content that this plugin made
   * out of a message and that another blade should judge. Ask while inspecting, not in `setup`.
   */
  findBlade?(name: string): Blade | null;
}

/** Anything with `parse`, such as a zod schema: returns the options with defaults, or throws. */
export interface OptionsSchema<Options> {
  parse(value: unknown): Options;
}

export interface PluginDefinition<Options = unknown> {
  readonly name: string;
  readonly version: string;
  readonly options?: OptionsSchema<Options>;
  setup(ctx: PluginContext<Options>): void | Promise<void>;
}

const PLUGIN = Symbol.for('weir.plugin');

/**
 * Makes a plugin's default export.
 * @throws {TypeError} when name, version or setup is missing
 */
export function definePlugin<Options>(definition: PluginDefinition<Options>): PluginDefinition<Options> {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(definition.name ?? '')) {
    throw new TypeError('definePlugin: `name` must be lower-case letters, digits and dashes');
  }
  if (typeof definition.version !== 'string') throw new TypeError('definePlugin: `version` must be a string');
  if (typeof definition.setup !== 'function') throw new TypeError('definePlugin: `setup` must be a function');
  return Object.assign({ [PLUGIN]: PLUGIN_API_VERSION }, definition);
}

/** True for a value made by `definePlugin`, of this or another copy of the package. */
export function isPlugin(value: unknown): value is PluginDefinition {
  return typeof value === 'object' && value !== null && PLUGIN in value;
}

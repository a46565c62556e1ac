// Loads plugins at start: imports each, checks what it exports, validates its options and runs its
// setup; and closes them again. Where a plugin lies is locate.ts; what its blades are asked is the
// gateway's. A plugin runs with the rights of the process: whom to trust, the configuration decides.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { packagePlace } from '../config/package-root.ts';
import { PluginError, isWeirError, messageOf, printable } from '../errors.ts';
import { sortedJson } from '../util/sorted-json.ts';
import type { Blade, PluginDefinition, PluginLogger } from './api.ts';
import { locatePlugin, type PluginPlace } from './locate.ts';
import { importPlugin } from './module.ts';
import { Registry, type Registered } from './registry.ts';
import { guard, type GuardedPlugin } from './stray-errors.ts';

/** A plugin as the configuration names it. */
export interface PluginEntry {
  /** Path of a folder or file, or name of an npm package. */
  readonly use: string;
  /** Options as written; null or an empty map when there are none. */
  readonly with: unknown;
  /** Bytes of memory of a thread of its own; absent or null: it runs in this one; `auto`: if it is built in. */
  readonly isolate?: number | 'auto' | null;
  /** Absolute path of the folder that `use` is seen from. */
  readonly resolveFrom: string;
}

/** The part of a pino logger that is needed here. */
export interface HostLogger extends PluginLogger {
  child(bindings: { plugin: string }): PluginLogger;
}

export interface LoadedPlugin extends Registered {
  readonly version: string;
  /** The entry that it was loaded for. */
  readonly entry: PluginEntry;
  /** Where its `findBlade` looks: those it was loaded with, until a set that it is kept for takes over. */
  readonly peers: { all: readonly LoadedPlugin[] };
  /** As the configuration names it. */
  readonly use: string;
  /** Absolute path of the imported module. */
  readonly file: string;
  /** Absolute path of the plugin's folder. */
  readonly folder: string;
  /** Absolute paths that it is set up anew for when they change: its module, and what it names. */
  readonly watched: readonly string[];
  /** Digest of its module; null as long as that is as this process first imported it. */
  readonly changed: string | null;
  readonly log: PluginLogger;
  /** Ends its thread, where it has one. */
  readonly endThread?: () => Promise<void>;
  /** Errors that it throws into this process are its own no more. */
  readonly unguard?: () => void;
}

export interface LoadOptions {
  readonly log: HostLogger;
  /** Called for each blade once the setup of its plugin has succeeded, in the order of registration. */
  readonly onBlade: (blade: Blade, plugin: LoadedPlugin) => void;
  /** Longest time for import and setup of one plugin together, in milliseconds; default 30 s. */
  readonly setupTimeoutMs?: number;
  /** The plugin that serves an entry already and is to go on; null: it is loaded. Default: all are loaded. */
  readonly keep?: (entry: PluginEntry) => LoadedPlugin | null;
  /** Where `findBlade` looks when none of these plugins has the blade: in a thread, at the host. */
  readonly findElsewhere?: (name: string) => Blade | null;
}

const SETUP_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;
const DEFAULT_THREAD_BYTES = 256 * 1024 * 1024;

/**
 * Loads plugins one after the other, in the order of the configuration.
 *
 * When one fails, those loaded before it are closed again: either all are loaded or none.
 *
 * @throws {PluginError} `ERR_PLUGIN_LOAD`: not found, its import or setup failed or took too long, no
 *         plugin as default export, written for a later API, a plugin or blade of that name exists
 * @throws {PluginError} `ERR_PLUGIN_OPTIONS`: its schema refused `with`; `fields.path` is where, as in `with.limits.depth`
 */
export async function loadPlugins(
  entries: readonly PluginEntry[],
  options: LoadOptions,
): Promise<LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = [];
  const kept = entries.map((entry) => options.keep?.(entry) ?? null);
  try {
    for (const [index, entry] of entries.entries()) {
      const later = kept.slice(index + 1).filter((plugin) => plugin !== null);
      const plugin =
        kept[index] ?? (await loadPlugin(entry, { loaded, others: [...loaded, ...later] }, options));
      loaded.push(plugin);
      for (const blade of plugin.blades) options.onBlade(blade, plugin);
    }
    return loaded;
  } catch (error) {
    await closePlugins(loaded.filter((plugin) => !kept.includes(plugin)));
    throw error;
  }
}

/**
 * Closes all blades, the last registered first. Never rejects: a blade that fails, or takes longer than
 * five seconds, is logged and left behind.
 */
export async function closePlugins(loaded: readonly LoadedPlugin[]): Promise<void> {
  for (const plugin of [...loaded].reverse()) {
    await closeBlades(plugin.blades, plugin.log);
    await plugin.endThread?.();
    plugin.unguard?.();
  }
}

/** The plugins of one loading. */
interface Company {
  /** Those before it; grows. */
  readonly loaded: readonly LoadedPlugin[];
  /** Those whose names are taken: with the ones after it that are kept. */
  readonly others: readonly LoadedPlugin[];
}

async function loadPlugin(
  entry: PluginEntry,
  { loaded, others }: Company,
  { log, setupTimeoutMs = SETUP_TIMEOUT_MS, findElsewhere }: LoadOptions,
): Promise<LoadedPlugin> {
  const place = await locatePlugin(entry.use, entry.resolveFrom);
  const isolate = entry.isolate === 'auto' ? bytesByDefault(place.file) : (entry.isolate ?? null);
  if (isolate !== null) {
    return await loadIsolated(entry, isolate, { loaded, others }, { log, setupTimeoutMs });
  }
  const fail = (message: string, cause?: unknown) =>
    new PluginError(
      'ERR_PLUGIN_LOAD',
      `plugin ${printable(entry.use)}: ${message}`,
      { plugin: entry.use, file: place.file },
      cause,
    );
  const late = () => fail(`was not ready within ${setupTimeoutMs} ms`);
  const deadline = Date.now() + setupTimeoutMs;

  const { definition, changed } = await within(importPlugin(place.file, fail), setupTimeoutMs, late);
  const { name, version } = definition;
  const peers: LoadedPlugin['peers'] = { all: loaded };
  const namesake = others.find((other) => other.name === name);
  if (namesake !== undefined) {
    throw fail(`a plugin named ${name} is loaded already, from ${namesake.file}`);
  }

  const watched = isBuiltIn(place.file) ? [] : [place.file];
  const pluginLog = log.child({ plugin: name });
  const digest = `${version}\n${sortedJson(entry.with)}\n${changed ?? ''}`;
  const registry = new Registry({ name, version, digest }, others, fail);
  const unguard = isBuiltIn(place.file) ? undefined : guard(codeOf(name, place, entry));
  try {
    const setup = async () =>
      await definition.setup({
        options: await readOptions(definition, entry),
        log: pluginLog,
        folder: place.folder,
        blade: registry.blade,
        service: registry.service,
        proxyHook: registry.proxyHook,
        panel: registry.panel,
        authenticator: registry.authenticator,
        reports: registry.keepsReports,
        watch: (file) => void watched.push(path.resolve(place.folder, file)),
        findBlade: (wanted) =>
          peers.all.flatMap((plugin) => plugin.blades).find((blade) => blade.name === wanted) ??
          findElsewhere?.(wanted) ??
          null,
      });
    await within(setup(), deadline - Date.now(), late).finally(() => registry.close());
  } catch (error) {
    await closeBlades(registry.blades, pluginLog);
    unguard?.();
    throw isWeirError(error) ? error : fail(`its setup failed: ${messageOf(error)}`, error);
  }
  const { services, hooks, panels, authenticators, reports } = registry;
  const blades = registry.blades.map((blade) => (changed === null ? blade : marked(blade, changed)));
  const { file, folder } = place;
  const { use } = entry;
  const brings = { blades, services, hooks, panels, authenticators, reports };
  const found = { name, version, entry, peers, use, file, folder };
  const end = unguard === undefined ? {} : { unguard };
  return { ...found, ...brings, watched, changed, log: pluginLog, ...end };
}

/** The plugin in a thread of its own; names are checked here, as the thread knows of no other plugin. */
async function loadIsolated(
  entry: PluginEntry,
  memoryBytes: number,
  { loaded, others }: Company,
  { log, setupTimeoutMs }: { log: HostLogger; setupTimeoutMs: number },
): Promise<LoadedPlugin> {
  const { PluginThread } = await import('./isolation/thread-host.ts');
  const peers: LoadedPlugin['peers'] = { all: loaded };
  const thread = await PluginThread.start(entry, { memoryBytes, setupTimeoutMs, log, peers });
  const { name, version, file, folder, watched } = thread.facts;
  const fail = (why: string) =>
    new PluginError('ERR_PLUGIN_LOAD', `plugin ${printable(entry.use)}: ${why}`, { plugin: entry.use, file });
  try {
    const namesake = others.find((other) => other.name === name);
    if (namesake !== undefined) throw fail(`a plugin named ${name} is loaded already, from ${namesake.file}`);
    const registry = new Registry({ name, version, digest: '' }, others, fail);
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
      .slice(0, 16);
    for (const blade of thread.blades) registry.blade(marked(blade, digest));
    for (const service of thread.services) {
      registry.service({ ...service, fingerprint: () => `${service.fingerprint!()} ${digest}` });
    }
    for (const hook of thread.hooks) registry.proxyHook(hook);
    for (const panel of thread.panels) registry.panel(panel);
    for (const authenticator of thread.authenticators) registry.authenticator(authenticator);
    for (const source of thread.reports) registry.keepsReports(source);
    registry.close();
    const { blades, services, hooks, panels, authenticators, reports } = registry;
    const brings = { blades, services, hooks, panels, authenticators, reports };
    const endThread = () => thread.close();
    const { use } = entry;
    const pluginLog = log.child({ plugin: name });
    const found = { name, version, entry, peers, use, file, folder };
    return { ...found, ...brings, watched, changed: digest, log: pluginLog, endThread };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

function codeOf(
  name: string,
  { file, folder }: PluginPlace,
  { use, resolveFrom }: PluginEntry,
): GuardedPlugin {
  return { name, file, folder: path.resolve(resolveFrom, use) === file ? null : folder };
}

/** Those of this package have threads of their own for what can hang; others are not known (decision 0019). */
function bytesByDefault(file: string): number | null {
  return isBuiltIn(file) ? null : DEFAULT_THREAD_BYTES;
}

/** Those of this package change with the rest of it, which runs as it was. */
function isBuiltIn(file: string): boolean {
  const { root } = packagePlace();
  return [path.join(root, 'plugins'), path.join(root, 'dist')].some((own) => file.startsWith(own + path.sep));
}

/** The blade with the digest of its changed code in its fingerprint: verdicts of before may not hold. */
function marked(blade: Blade, changed: string): Blade {
  return {
    name: blade.name,
    ...(blade.judges === undefined ? {} : { judges: blade.judges }),
    fingerprint: () => `${blade.fingerprint!()} ${changed}`,
    inspect: (message, signal) => blade.inspect(message, signal),
    close: () => blade.close?.(),
  };
}

async function readOptions(definition: PluginDefinition, entry: PluginEntry): Promise<unknown> {
  const given = entry.with ?? {};
  const refused = (path: string, message: string, cause?: unknown) =>
    new PluginError(
      'ERR_PLUGIN_OPTIONS',
      `plugin ${printable(entry.use)}: ${message}`,
      { plugin: entry.use, path },
      cause,
    );
  if (definition.options === undefined) {
    // Ignoring them would let somebody believe that they have an effect.
    if (typeof given === 'object' && Object.keys(given).length === 0) return {};
    throw refused('with', 'takes no options: remove `with`');
  }
  try {
    return await definition.options.parse(given);
  } catch (error) {
    const issues = issuesOf(error);
    const message = issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ');
    throw refused(issues[0]?.path ?? 'with', message, error);
  }
}

/** What a schema complains of: zod's list of issues, or the message of any other error. */
function issuesOf(error: unknown): { path: string; message: string }[] {
  const { issues } = (error ?? {}) as { issues?: unknown };
  if (!Array.isArray(issues) || issues.length === 0) return [{ path: 'with', message: messageOf(error) }];
  return issues.slice(0, 20).map((issue: { path?: unknown; message?: unknown } | null) => ({
    path: ['with', ...(Array.isArray(issue?.path) ? issue.path.map(String) : [])].join('.'),
    message: String(issue?.message),
  }));
}

async function closeBlades(blades: readonly Blade[], log: PluginLogger): Promise<void> {
  for (const blade of [...blades].reverse()) {
    try {
      const closing = (async () => await blade.close?.())();
      const late = () => new PluginError('ERR_PLUGIN_FAILED', `took longer than ${CLOSE_TIMEOUT_MS} ms`);
      await within(closing, CLOSE_TIMEOUT_MS, late);
    } catch (error) {
      log.warn({ blade: blade.name, err: error }, `blade ${blade.name} did not close: ${messageOf(error)}`);
    }
  }
}

/** The promise's outcome, or `late()` as rejection when it takes longer; the promise itself goes on. */
async function within<T>(promise: Promise<T>, limitMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(late()), Math.max(limitMs, 0));
    });
    return await Promise.race([promise, timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

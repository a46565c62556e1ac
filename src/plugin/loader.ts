// Loads plugins at start: imports each, checks what it exports, validates its options and runs its
// setup; and closes them again. Where a plugin lies is locate.ts; what its blades are asked is the
// gateway's. A plugin runs with the rights of the process: whom to trust, the configuration decides.

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { PluginError, isWeirError, messageOf, printable } from '../errors.ts';
import { PLUGIN_API_VERSION, isPlugin, type Blade, type PluginDefinition, type PluginLogger } from './api.ts';
import { sortedJson } from '../util/sorted-json.ts';
import { locatePlugin, type PluginPlace } from './locate.ts';

/** A plugin as the configuration names it. */
export interface PluginEntry {
  /** Path of a folder or file, or name of an npm package. */
  readonly use: string;
  /** Options as written; null or an empty map when there are none. */
  readonly with: unknown;
  /** Absolute path of the folder that `use` is seen from. */
  readonly resolveFrom: string;
}

/** The part of a pino logger that is needed here. */
export interface HostLogger extends PluginLogger {
  child(bindings: { plugin: string }): PluginLogger;
}

export interface LoadedPlugin {
  readonly name: string;
  readonly version: string;
  /** As the configuration names it. */
  readonly use: string;
  /** Absolute path of the imported module. */
  readonly file: string;
  /** Absolute path of the plugin's folder. */
  readonly folder: string;
  readonly blades: readonly Blade[];
  /** Absolute paths that the plugin wants to be set up anew for when they change. */
  readonly watched: readonly string[];
  /** The module has changed since this process imported it: it runs as it was. */
  readonly outdated: boolean;
  readonly log: PluginLogger;
}

export interface LoadOptions {
  readonly log: HostLogger;
  /** Called for each blade once the setup of its plugin has succeeded, in the order of registration. */
  readonly onBlade: (blade: Blade, plugin: LoadedPlugin) => void;
  /** Longest time for import and setup of one plugin together, in milliseconds; default 30 s. */
  readonly setupTimeoutMs?: number;
}

const SETUP_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;
const BLADE_NAME = /^[a-z0-9][a-z0-9-]*$/;

/**
 * Loads plugins one after the other, in the order of the configuration.
 *
 * When one fails, those before it are closed again: either all are loaded or none.
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
  try {
    for (const entry of entries) {
      const plugin = await loadPlugin(entry, loaded, options);
      loaded.push(plugin);
      for (const blade of plugin.blades) options.onBlade(blade, plugin);
    }
    return loaded;
  } catch (error) {
    await closePlugins(loaded);
    throw error;
  }
}

/**
 * Closes all blades, the last registered first. Never rejects: a blade that fails, or takes longer than
 * five seconds, is logged and left behind.
 */
export async function closePlugins(loaded: readonly LoadedPlugin[]): Promise<void> {
  for (const plugin of [...loaded].reverse()) await closeBlades(plugin.blades, plugin.log);
}

async function loadPlugin(
  entry: PluginEntry,
  before: readonly LoadedPlugin[],
  { log, setupTimeoutMs = SETUP_TIMEOUT_MS }: LoadOptions,
): Promise<LoadedPlugin> {
  const place = await locatePlugin(entry.use, entry.resolveFrom);
  const fail = (message: string, cause?: unknown) =>
    new PluginError(
      'ERR_PLUGIN_LOAD',
      `plugin ${printable(entry.use)}: ${message}`,
      { plugin: entry.use, file: place.file },
      cause,
    );
  const late = () => fail(`was not ready within ${setupTimeoutMs} ms`);
  const deadline = Date.now() + setupTimeoutMs;

  const definition = await within(importPlugin(place, fail), setupTimeoutMs, late);
  const namesake = before.find((other) => other.name === definition.name);
  if (namesake !== undefined) {
    throw fail(`a plugin named ${definition.name} is loaded already, from ${namesake.file}`);
  }

  const blades: Blade[] = [];
  const watched: string[] = [];
  const pluginLog = log.child({ plugin: definition.name });
  let refusal: PluginError | null = null; // thrown again after setup, which may have swallowed it
  let inSetup = true;
  const register = (blade: Blade) => {
    const reason = inSetup
      ? whyNot(blade, blades, before, definition.name)
      : 'blades are registered in setup';
    if (reason === null) return void blades.push(fingerprinted(blade, definition, entry));
    throw (refusal ??= fail(reason));
  };
  try {
    const setup = async () =>
      await definition.setup({
        options: await readOptions(definition, entry),
        log: pluginLog,
        folder: place.folder,
        blade: register,
        watch: (file) => void watched.push(path.resolve(place.folder, file)),
        findBlade: (name) =>
          before.flatMap((plugin) => plugin.blades).find((blade) => blade.name === name) ?? null,
      });
    await within(setup(), deadline - Date.now(), late);
    if (refusal !== null) throw refusal as PluginError;
  } catch (error) {
    inSetup = false;
    await closeBlades(blades, pluginLog);
    throw isWeirError(error) ? error : fail(`its setup failed: ${messageOf(error)}`, error);
  } finally {
    inSetup = false;
  }
  const { name, version } = definition;
  const { file, folder } = place;
  const outdated = await isOutdated(file);
  return { name, version, use: entry.use, file, folder, blades, watched, outdated, log: pluginLog };
}

/** When modules were changed last, as of their import: an ES module is never imported a second time. */
const importedAsOf = new Map<string, number>();

async function isOutdated(file: string): Promise<boolean> {
  const { mtimeMs } = await stat(file);
  const before = importedAsOf.get(file) ?? mtimeMs;
  importedAsOf.set(file, before);
  return mtimeMs !== before;
}

/** The blade with a fingerprint: its own, or one of what its verdicts can depend on. */
function fingerprinted(blade: Blade, { version }: PluginDefinition, { with: given }: PluginEntry): Blade {
  if (blade.fingerprint !== undefined) return blade;
  const fingerprint = createHash('sha256')
    .update(`${version}\n${sortedJson(given)}`)
    .digest('hex');
  return {
    name: blade.name,
    fingerprint: () => fingerprint,
    inspect: (message, signal) => blade.inspect(message, signal),
    close: () => blade.close?.(),
  };
}

type Fail = (message: string, cause?: unknown) => PluginError;

async function importPlugin(place: PluginPlace, fail: Fail): Promise<PluginDefinition> {
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(place.file).href)) as typeof module;
  } catch (error) {
    throw fail(`${place.file} cannot be imported: ${messageOf(error)}`, error);
  }
  // CommonJS made from ESM sources has the default export one level down.
  const exported = [module.default, (module.default as { default?: unknown } | undefined)?.default];
  const definition = exported.find(isPlugin);
  if (definition === undefined) {
    throw fail(`the default export of ${place.file} is not made by definePlugin`);
  }
  const api = (definition as unknown as Record<symbol, unknown>)[Symbol.for('weir.plugin')];
  if (typeof api === 'number' && api > PLUGIN_API_VERSION) {
    throw fail(`is written for plugin API ${api}; this version has ${PLUGIN_API_VERSION}`);
  }
  const { name, version, setup } = definition;
  if (
    typeof name !== 'string' ||
    !BLADE_NAME.test(name) ||
    typeof version !== 'string' ||
    typeof setup !== 'function'
  ) {
    throw fail('needs a name of lower-case letters, digits and dashes, a version and a setup function');
  }
  return definition;
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

/** Why a blade cannot be registered, or null. */
function whyNot(
  blade: Blade,
  own: readonly Blade[],
  before: readonly LoadedPlugin[],
  plugin: string,
): string | null {
  if (typeof blade?.name !== 'string' || !BLADE_NAME.test(blade.name)) {
    return 'a blade needs a name of lower-case letters, digits and dashes';
  }
  if (typeof blade.inspect !== 'function') return `its blade ${blade.name} has no inspect function`;
  const owner = own.some((other) => other.name === blade.name)
    ? plugin
    : before.find((other) => other.blades.some(({ name }) => name === blade.name))?.name;
  return owner === undefined ? null : `a blade named ${blade.name} is registered already, by ${owner}`;
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

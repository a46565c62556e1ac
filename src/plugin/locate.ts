// Which file a plugin entry of the configuration means: a built-in plugin, a folder, a file, or an npm
// package seen from the configuration's folder. Only looks at the file system; loader.ts imports.

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { PluginError, messageOf, printable } from '../errors.ts';
import { packagePlace, type PackagePlace } from '../config/package-root.ts';

/** A plugin that was found. */
export interface PluginPlace {
  /** Absolute path of the module to import. */
  file: string;
  /** Absolute path of the plugin's folder, where its rules and data lie. */
  folder: string;
}

type Exports = string | null | readonly Exports[] | { readonly [condition: string]: Exports };

interface PackageJson {
  exports?: Exports;
  main?: unknown;
}

/** Files tried so far, for the message when none is there. */
type Tried = string[];

const PACKAGE_NAME = /^((?:@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*)(?:\/([^\\]+))?$/i;

/**
 * Finds the module of a plugin.
 *
 * A path means a file, or a folder with package.json (`exports`, `main`) or index.js (index.ts while
 * the package itself runs from sources). `plugins/<name>` of this package, or where the configuration's
 * folder has no such plugin of its own, means the built-in plugin, of which a build has the module in
 * dist and the data in its source folder. Any other text is an npm package, looked for as Node does
 * from the configuration's folder upwards, then from this package; where there is none, the built-in
 * plugin of that name.
 *
 * @param use what the configuration says
 * @param resolveFrom absolute path of the folder that `use` is seen from
 * @throws {PluginError} `ERR_PLUGIN_LOAD`, naming everything that was tried
 */
export async function locatePlugin(
  use: string,
  resolveFrom: string,
  place: PackagePlace = packagePlace(),
): Promise<PluginPlace> {
  const tried: Tried = [];
  const isPath = path.isAbsolute(use) || /^\.\.?(?:[/\\]|$)/.test(use);
  const found = isPath
    ? await locatePath(path.resolve(resolveFrom, use), use, place, tried)
    : ((await locatePackage(use, resolveFrom, place, tried)) ?? (await locateByName(use, place, tried)));
  if (found !== null) return found;
  const asPath = !isPath && (await kindOf(path.resolve(resolveFrom, use))) !== null;
  const hint = asPath ? `; a path begins with ./: did you mean ./${printable(use)}?` : '';
  const list = tried.length === 0 ? 'it is neither a path nor a package name' : `tried ${tried.join(', ')}`;
  throw new PluginError('ERR_PLUGIN_LOAD', `plugin ${printable(use)}: not found; ${list}${hint}`, {
    plugin: use,
  });
}

async function locatePath(
  target: string,
  use: string,
  place: PackagePlace,
  tried: Tried,
): Promise<PluginPlace | null> {
  const kind = await kindOf(target);
  if (kind === 'file') return { file: target, folder: path.dirname(target) };
  const own = path.join(place.root, 'plugins');
  if (path.dirname(target) === own) return await locateBuiltIn(path.basename(target), place, tried);
  if (kind === 'folder') {
    const found = await entryOf(target, '.', place, tried);
    if (found !== null) return found;
  } else {
    tried.push(target);
  }
  const [, builtIn] = /^(?:\.[/\\])?plugins[/\\]([\w-]+)[/\\]?$/.exec(use) ?? [];
  return builtIn === undefined ? null : await locateBuiltIn(builtIn, place, tried);
}

async function locateBuiltIn(name: string, place: PackagePlace, tried: Tried): Promise<PluginPlace | null> {
  const folder = path.join(place.root, 'plugins', name);
  if (place.compiled) {
    const file = path.join(place.root, 'dist', 'plugins', name, 'index.js');
    if (await isFile(file, tried)) return { file, folder };
  }
  return await entryOf(folder, '.', place, tried);
}

/** A bare name that no package has: the built-in plugin of that name. */
async function locateByName(name: string, place: PackagePlace, tried: Tried): Promise<PluginPlace | null> {
  return /^[a-z0-9][a-z0-9-]*$/.test(name) ? await locateBuiltIn(name, place, tried) : null;
}

async function locatePackage(
  use: string,
  resolveFrom: string,
  place: PackagePlace,
  tried: Tried,
): Promise<PluginPlace | null> {
  const [, name, below] = PACKAGE_NAME.exec(use) ?? [];
  if (name === undefined || below?.split('/').some((part) => part === '..' || part === '')) return null;
  for (const from of new Set([...upwards(resolveFrom), ...upwards(place.root)])) {
    const folder = path.join(from, 'node_modules', name);
    if ((await kindOf(folder)) === 'folder') {
      return await entryOf(folder, below === undefined ? '.' : `./${below}`, place, tried);
    }
    tried.push(folder);
  }
  return null;
}

/** The module of a folder. @param subpath `.`, or `./file` of a package */
async function entryOf(
  folder: string,
  subpath: string,
  place: PackagePlace,
  tried: Tried,
): Promise<PluginPlace | null> {
  const description = await readPackageJson(path.join(folder, 'package.json'));
  for (const candidate of candidates(description, subpath, place)) {
    const file = path.join(folder, candidate);
    if (!file.startsWith(folder + path.sep)) continue; // package.json pointing out of its package
    if (await isFile(file, tried)) return { file, folder };
  }
  return null;
}

/** Paths within a package that its module may have, best first. */
function candidates(description: PackageJson, subpath: string, place: PackagePlace): string[] {
  const { exports, main } = description;
  if (exports !== undefined && exports !== null) {
    const target = exportOf(exports, subpath, ['node', 'import', 'default']);
    const forRequire = exportOf(exports, subpath, ['node', 'require', 'default']);
    return [target, forRequire].filter((path) => path !== null);
  }
  if (subpath !== '.') return [subpath, `${subpath}.js`, `${subpath}/index.js`];
  const named = typeof main === 'string' ? [main, `${main}.js`, `${main}/index.js`] : [];
  const sources = place.compiled ? [] : ['index.ts'];
  return [...named, ...sources, 'index.js', 'index.mjs', 'index.cjs'];
}

/**
 * The target that `exports` of package.json gives a subpath; patterns (`./*`) are not supported.
 * @see https://nodejs.org/api/packages.html#conditional-exports
 */
function exportOf(exports: Exports, subpath: string, conditions: readonly string[]): string | null {
  if (exports === null) return null;
  if (typeof exports === 'string') return subpath === '.' ? exports : null;
  if (Array.isArray(exports)) {
    for (const item of exports as readonly Exports[]) {
      const target = exportOf(item, subpath, conditions);
      if (target !== null) return target;
    }
    return null;
  }
  for (const [name, value] of Object.entries(exports)) {
    const target = name.startsWith('.')
      ? name === subpath && exportOf(value, '.', conditions)
      : conditions.includes(name) && exportOf(value, subpath, conditions);
    if (typeof target === 'string') return target;
  }
  return null;
}

/** An empty description when there is no package.json. */
async function readPackageJson(file: string): Promise<PackageJson> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String((error as { code?: unknown }).code))) return {};
    const message = `plugin: ${file} cannot be read: ${messageOf(error)}`;
    throw new PluginError('ERR_PLUGIN_LOAD', message, { file }, error);
  }
}

async function isFile(file: string, tried: Tried): Promise<boolean> {
  if ((await kindOf(file)) === 'file') return true;
  tried.push(file);
  return false;
}

async function kindOf(target: string): Promise<'file' | 'folder' | null> {
  try {
    const found = await stat(target);
    return found.isDirectory() ? 'folder' : found.isFile() ? 'file' : null;
  } catch {
    return null; // missing or not to be entered: either way nothing to import
  }
}

/** A folder and the ones above it, nearest first. */
function upwards(folder: string): string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...upwards(parent)];
}

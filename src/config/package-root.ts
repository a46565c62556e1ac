// Where this package lies and how it runs: from TypeScript sources, from a built checkout, or installed
// below a node_modules folder. Folders that depend on it are named here, and only here.

import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PackagePlace {
  /** Absolute path of the folder that holds package.json. */
  root: string;
  /** True when the running code is `<root>/dist/src/…`, false for `<root>/src/…`. */
  compiled: boolean;
  /** True below a node_modules folder: the package folder is then not a place for the user's data. */
  installed: boolean;
}

/**
 * Finds the package from the place of this module.
 * @param moduleFile absolute path of a module two folders below `src` or `dist/src`; default: this one
 */
export function packagePlace(moduleFile: string = fileURLToPath(import.meta.url)): PackagePlace {
  const aboveSource = path.resolve(path.dirname(moduleFile), '..', '..');
  const compiled = path.basename(aboveSource) === 'dist';
  const root = compiled ? path.dirname(aboveSource) : aboveSource;
  return { root, compiled, installed: root.split(path.sep).includes('node_modules') };
}

/**
 * Where the lab CA lies unless `proxy.certs` says otherwise: `certs` of a checkout; for an installed
 * package `$XDG_DATA_HOME/weir/certs`, or `~/.local/share/weir/certs` where that is unset or relative
 * (XDG Base Directory specification: relative values are ignored).
 */
export function defaultCertsFolder(place: PackagePlace, env: NodeJS.ProcessEnv, home = os.homedir()): string {
  if (!place.installed) return path.join(place.root, 'certs');
  const given = env['XDG_DATA_HOME'] ?? '';
  const data = path.isAbsolute(given) ? given : path.join(home, '.local', 'share');
  return path.join(data, 'weir', 'certs');
}

/**
 * Where what Weir gathers while it runs lies unless the configuration says otherwise: below `.weir` of a
 * checkout; for an installed package below `$XDG_STATE_HOME/weir`, or `~/.local/state/weir`.
 * @param kind  name of the folder there, e.g. `trace`
 */
export function defaultStateFolder(
  kind: string,
  place: PackagePlace,
  env: NodeJS.ProcessEnv,
  home = os.homedir(),
): string {
  if (!place.installed) return path.join(place.root, '.weir', kind);
  const given = env['XDG_STATE_HOME'] ?? '';
  const state = path.isAbsolute(given) ? given : path.join(home, '.local', 'state');
  return path.join(state, 'weir', kind);
}

/** Where traces lie unless `trace.folder` says otherwise: `defaultStateFolder` of `trace`. */
export function defaultTraceFolder(place: PackagePlace, env: NodeJS.ProcessEnv, home = os.homedir()): string {
  return defaultStateFolder('trace', place, env, home);
}

// Imports the module of a plugin, anew where its file has changed, and checks what it exports. A runtime keeps
// every ES module that it has imported: each change costs the memory of one more, and what the module itself
// imports stays as it was; a plugin in a thread of its own (isolation/) has neither.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { messageOf, type PluginError } from '../errors.ts';
import { PLUGIN_API_VERSION, isPlugin, type PluginDefinition } from './api/plugin.ts';

export interface PluginModule {
  readonly definition: PluginDefinition;
  /** Of the file's content; null as long as it is as at its first import. */
  readonly changed: string | null;
}

type Fail = (message: string, cause?: unknown) => PluginError;

const NAME = /^[a-z0-9][a-z0-9-]*$/;

/** Digests of modules as first imported, by file. */
const firstSeen = new Map<string, string>();

/** @throws what `fail` makes: unreadable, its import failed, no plugin, written for a later API */
export async function importPlugin(file: string, fail: Fail): Promise<PluginModule> {
  const digest = createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
    .slice(0, 16);
  const first = firstSeen.get(file) ?? digest;
  const changed = first === digest ? null : digest;
  firstSeen.set(file, first);
  let module: { default?: unknown };
  try {
    module = (await importVersion(file, changed)) as typeof module;
  } catch (error) {
    throw fail(`${file} cannot be imported: ${messageOf(error)}`, error);
  }
  // CommonJS made from ESM sources has the default export one level down.
  const exported = [module.default, (module.default as { default?: unknown } | undefined)?.default];
  const definition = exported.find(isPlugin);
  if (definition === undefined) {
    throw fail(`the default export of ${file} is not made by definePlugin`);
  }
  const api = (definition as unknown as Record<symbol, unknown>)[Symbol.for('weir.plugin')];
  if (typeof api === 'number' && api > PLUGIN_API_VERSION) {
    throw fail(`is written for plugin API ${api}; this version has ${PLUGIN_API_VERSION}`);
  }
  const { name, version, setup } = definition;
  if (
    typeof name !== 'string' ||
    !NAME.test(name) ||
    typeof version !== 'string' ||
    typeof setup !== 'function'
  ) {
    throw fail('needs a name of lower-case letters, digits and dashes, a version and a setup function');
  }
  return { definition, changed };
}

function importVersion(file: string, changed: string | null): Promise<unknown> {
  const { href } = pathToFileURL(file);
  if (changed === null) return import(href);
  delete createRequire(href).cache[file]; // CommonJS is kept by its path alone
  return import(`${href}?changed=${changed}`);
}

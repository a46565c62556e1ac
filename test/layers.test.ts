// Reads the imports of src/ and plugins/ and holds them to the layers: whoever is further down imports
// only from its own line or from those above it.

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const LAYERS: readonly (readonly string[])[] = [
  ['errors.ts', 'errors', 'util'],
  ['icap/codec'],
  ['http', 'http2'],
  [
    'icap',
    'auth',
    'ca',
    'tls',
    'detect',
    'plugin',
    'config',
    'telemetry',
    'metrics',
    'trace',
    'capture',
    'pages',
    'pac',
    'trust',
  ],
  ['proxy', 'gateway', 'dashboard'],
  ['embed'],
  ['embed/create.ts', 'app', 'app.ts', 'start.ts', 'index.ts'],
  ['demo'],
  ['cli'],
];

interface Module {
  /** Path from the root of the checkout, with slashes. */
  readonly file: string;
  readonly text: string;
  readonly imports: readonly string[];
}

async function modulesBelow(folder: string): Promise<Module[]> {
  const names = await readdir(path.join(ROOT, folder), { recursive: true });
  const files = names
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => path.posix.join(folder, name));
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(path.join(ROOT, file), 'utf8');
      return {
        file,
        text,
        imports: ts.preProcessFile(text, true, true).importedFiles.map((found) => found.fileName),
      };
    }),
  );
}

/** Number of the line in LAYERS of a path such as `src/icap/codec/head.ts`; the longest entry wins. */
function layerOf(file: string): number {
  const inSrc = path.posix.relative('src', file);
  const entries = LAYERS.flatMap((names, layer) => names.map((name) => ({ name, layer })));
  const matching = entries.filter(({ name }) => inSrc === name || inSrc.startsWith(`${name}/`));
  return matching.sort((a, b) => b.name.length - a.name.length)[0]?.layer ?? -1;
}

const target = (module: Module, specifier: string): string =>
  path.posix.join(path.posix.dirname(module.file), specifier);

test('every module of src has a layer', async () => {
  const homeless = (await modulesBelow('src')).map(({ file }) => file).filter((file) => layerOf(file) === -1);
  expect(homeless).toEqual([]);
});

test('no module of src imports from a layer above its own', async () => {
  const offences: string[] = [];
  for (const module of await modulesBelow('src')) {
    for (const specifier of module.imports.filter((name) => name.startsWith('.'))) {
      const imported = target(module, specifier);
      const inside = imported.startsWith('src/') && layerOf(imported) <= layerOf(module.file);
      if (!inside) offences.push(`${module.file} imports ${imported}`);
    }
  }
  expect(offences).toEqual([]);
});

test('the codec imports only errors, util and itself, and does nothing asynchronous', async () => {
  const offences: string[] = [];
  for (const module of await modulesBelow('src/icap/codec')) {
    for (const specifier of module.imports) {
      const imported = specifier.startsWith('.') ? target(module, specifier) : specifier;
      if (!/^src\/(?:errors\.ts$|util\/|icap\/codec\/)|^node:buffer$/.test(imported)) {
        offences.push(`${module.file} imports ${specifier}`);
      }
    }
    const code = module.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    const found = /\b(?:async|await|Promise|setTimeout|setInterval|setImmediate|process)\b/.exec(code);
    if (found !== null) offences.push(`${module.file} uses ${found[0]}`);
  }
  expect(offences).toEqual([]);
});

test('plugins import only weir, node, packages and their own folder', async () => {
  const offences: string[] = [];
  for (const module of await modulesBelow('plugins')) {
    const own = module.file.split('/').slice(0, 2).join('/');
    for (const specifier of module.imports.filter((name) => name.startsWith('.') || name.startsWith('/'))) {
      if (!target(module, specifier).startsWith(`${own}/`))
        offences.push(`${module.file} imports ${specifier}`);
    }
  }
  expect(offences).toEqual([]);
});

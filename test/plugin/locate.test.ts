import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { packagePlace } from '../../src/config/package-root.ts';
import { locatePlugin } from '../../src/plugin/locate.ts';
import { tempDir } from '../support/tempDir.ts';

/** A folder with these files; objects are written as JSON. */
async function tree(files: Record<string, string | object>) {
  const dir = await tempDir();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(dir.join(name)), { recursive: true });
    await writeFile(dir.join(name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

/** Locates and shows both paths relative to the folder. */
async function locate(
  dir: { path: string },
  use: string,
  options: { from?: string; compiled?: boolean; root?: string } = {},
) {
  const place = {
    root: path.join(dir.path, options.root ?? 'weir'),
    compiled: options.compiled ?? true,
    installed: false,
  };
  const found = await locatePlugin(use, path.join(dir.path, options.from ?? 'etc'), place);
  return [path.relative(dir.path, found.file), path.relative(dir.path, found.folder)];
}

describe('a path', () => {
  test('means a file, or the index file of a folder', async () => {
    await using dir = await tree({
      'etc/a.mjs': '',
      'etc/b/index.js': '',
      'etc/c/index.cjs': '',
      'd/index.mjs': '',
    });
    expect(await locate(dir, './a.mjs')).toEqual(['etc/a.mjs', 'etc']);
    expect(await locate(dir, './b')).toEqual(['etc/b/index.js', 'etc/b']);
    expect(await locate(dir, './c/')).toEqual(['etc/c/index.cjs', 'etc/c']);
    expect(await locate(dir, '../d')).toEqual(['d/index.mjs', 'd']);
    expect(await locate(dir, dir.join('d'))).toEqual(['d/index.mjs', 'd']);
  });

  test('follows main and exports of package.json', async () => {
    await using dir = await tree({
      'etc/main/package.json': { main: './lib/main' },
      'etc/main/lib/main.js': '',
      'etc/exports/package.json': {
        main: 'no.js',
        exports: { '.': { types: './t.d.ts', import: './esm.js' } },
      },
      'etc/exports/esm.js': '',
      'etc/none/package.json': {},
      'etc/none/index.js': '',
    });
    expect(await locate(dir, './main')).toEqual(['etc/main/lib/main.js', 'etc/main']);
    expect(await locate(dir, './exports')).toEqual(['etc/exports/esm.js', 'etc/exports']);
    expect(await locate(dir, './none')).toEqual(['etc/none/index.js', 'etc/none']);
  });

  test('means TypeScript only while the package runs from sources', async () => {
    await using dir = await tree({ 'etc/p/index.ts': '', 'etc/p/index.js': '' });
    expect(await locate(dir, './p', { compiled: false })).toEqual(['etc/p/index.ts', 'etc/p']);
    expect(await locate(dir, './p', { compiled: true })).toEqual(['etc/p/index.js', 'etc/p']);
  });

  test('names everything that was tried when nothing is there', async () => {
    await using dir = await tree({ 'etc/empty/readme.md': '' });
    await expect(locate(dir, './missing')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: `plugin ./missing: not found; tried ${dir.join('etc/missing')}`,
    });
    await expect(locate(dir, './empty')).rejects.toMatchObject({
      message: expect.stringContaining(
        ['index.js', 'index.mjs'].map((f) => dir.join(`etc/empty/${f}`)).join(', '),
      ),
    });
  });

  test('is not left through package.json', async () => {
    await using dir = await tree({
      'etc/p/package.json': { main: '../outside.js' },
      'etc/outside.js': '',
      'etc/q/package.json': { exports: '../outside.js' },
    });
    await expect(locate(dir, './p')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
    await expect(locate(dir, './q')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
  });

  test('with a broken package.json is refused', async () => {
    await using dir = await tree({ 'etc/p/package.json': '{', 'etc/p/index.js': '' });
    await expect(locate(dir, './p')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: expect.stringContaining(dir.join('etc/p/package.json')),
    });
  });
});

describe('a built-in plugin', () => {
  const built = {
    'weir/plugins/antivirus/index.ts': '',
    'weir/dist/plugins/antivirus/index.js': '',
  };

  test('is the compiled module in a build, with the source folder for its data', async () => {
    await using dir = await tree(built);
    expect(await locate(dir, './plugins/antivirus', { from: 'weir' })).toEqual([
      'weir/dist/plugins/antivirus/index.js',
      'weir/plugins/antivirus',
    ]);
  });

  test('is the source module while the package runs from sources', async () => {
    await using dir = await tree(built);
    const sources = { from: 'weir', compiled: false };
    expect(await locate(dir, './plugins/antivirus/', sources)).toEqual([
      'weir/plugins/antivirus/index.ts',
      'weir/plugins/antivirus',
    ]);
  });

  test('is found where the package ships no sources', async () => {
    await using dir = await tree({ 'weir/dist/plugins/antivirus/index.js': '' });
    expect(await locate(dir, './plugins/antivirus', { from: 'weir' })).toEqual([
      'weir/dist/plugins/antivirus/index.js',
      'weir/plugins/antivirus',
    ]);
  });

  test('is meant by a configuration elsewhere that has no such plugin of its own', async () => {
    await using dir = await tree({ ...built, 'etc/plugins/antivirus/rules/a.yar': '' });
    const [file] = await locate(dir, './plugins/antivirus');
    expect(file).toBe('weir/dist/plugins/antivirus/index.js');
    await expect(locate(dir, './plugins/antivirsu')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
  });

  test('gives way to a plugin that the configuration has beside it', async () => {
    await using dir = await tree({ ...built, 'etc/plugins/antivirus/index.js': '' });
    const [file] = await locate(dir, './plugins/antivirus');
    expect(file).toBe('etc/plugins/antivirus/index.js');
  });

  test('that was added to a build without compiling it is its own module', async () => {
    await using dir = await tree({ 'weir/plugins/mine/index.js': '' });
    expect(await locate(dir, './plugins/mine', { from: 'weir' })).toEqual([
      'weir/plugins/mine/index.js',
      'weir/plugins/mine',
    ]);
  });

  test('stays within the folder of plugins', async () => {
    await using dir = await tree({ 'weir/dist/plugins/index.js': '', ...built });
    await expect(locate(dir, './plugins/..')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
  });
});

describe('a package name', () => {
  test('is looked for from the folder of the configuration upwards, then from the package', async () => {
    await using dir = await tree({
      'etc/node_modules/near/package.json': { main: 'a.js' },
      'etc/node_modules/near/a.js': '',
      'node_modules/@scope/far/index.js': '',
      'weir/node_modules/beside/index.js': '',
    });
    expect(await locate(dir, 'near')).toEqual(['etc/node_modules/near/a.js', 'etc/node_modules/near']);
    expect(await locate(dir, '@scope/far')).toEqual([
      'node_modules/@scope/far/index.js',
      'node_modules/@scope/far',
    ]);
    expect(await locate(dir, 'beside')).toEqual([
      'weir/node_modules/beside/index.js',
      'weir/node_modules/beside',
    ]);
  });

  test.each([
    ['text', './x.js', 'x.js'],
    ['import before require', { require: './r.cjs', import: './x.js' }, 'x.js'],
    ['require alone', { require: './r.cjs' }, 'r.cjs'],
    ['nested conditions', { '.': { node: { import: './x.js' }, default: './d.js' } }, 'x.js'],
    ['the first that exists of a list', [{ deno: './no.js' }, './x.js'], 'x.js'],
    ['default', { browser: './no.js', default: './x.js' }, 'x.js'],
  ])('reads exports: %s', async (_, exports, file) => {
    await using dir = await tree({
      'etc/node_modules/p/package.json': { exports },
      'etc/node_modules/p/x.js': '',
      'etc/node_modules/p/r.cjs': '',
    });
    expect(await locate(dir, 'p')).toEqual([`etc/node_modules/p/${file}`, 'etc/node_modules/p']);
  });

  test('may go on with a file that the package exports, or any where it exports nothing', async () => {
    await using dir = await tree({
      'etc/node_modules/p/package.json': { exports: { './weir': './w.js' } },
      'etc/node_modules/p/w.js': '',
      'etc/node_modules/p/secret.js': '',
      'etc/node_modules/q/lib/w.js': '',
    });
    expect(await locate(dir, 'p/weir')).toEqual(['etc/node_modules/p/w.js', 'etc/node_modules/p']);
    expect(await locate(dir, 'q/lib/w')).toEqual(['etc/node_modules/q/lib/w.js', 'etc/node_modules/q']);
    await expect(locate(dir, 'p/secret.js')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
    await expect(locate(dir, 'q/../p')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
  });

  test('that is a path without ./ is refused with the path that was meant', async () => {
    await using dir = await tree({ 'etc/plugins/mine/index.js': '' });
    await expect(locate(dir, 'plugins/mine')).rejects.toMatchObject({
      message: expect.stringMatching(/tried .*; a path begins with \.\/: did you mean \.\/plugins\/mine\?$/),
    });
  });

  test.each(['', '   ', 'node:fs', 'https://example.com/x.js', '@scope', 'a\u0000b'])(
    'is not %j',
    async (use) => {
      await using dir = await tree({});
      await expect(locate(dir, use)).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
    },
  );
});

test('the place of this package is the default', async () => {
  const { root } = packagePlace();
  await expect(locatePlugin('./plugins/nothing-of-this-name', '/')).rejects.toMatchObject({
    message: expect.stringContaining(path.join(root, 'plugins', 'nothing-of-this-name')),
  });
});

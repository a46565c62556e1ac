import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { closePlugins, loadPlugins, type HostLogger, type LoadedPlugin } from '../../src/plugin/loader.ts';
import type { Blade, BladeMessage } from '../../src/plugin/api.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';

// Plugins here are real modules in a temporary folder. They mark their definition with the symbol that
// definePlugin uses, since from there they cannot import this package.
const MARK = "[Symbol.for('weir.plugin')]: 1";

/** Source of an ES module: a plugin with this setup. */
const plugin = (name: string, setup = '', more = '') =>
  `export default { ${MARK}, name: '${name}', version: '1.2.3', ${more} async setup(ctx) { ${setup} } };`;

const blade = (name: string, more = '') =>
  `ctx.blade({ name: '${name}', inspect: () => ({ kind: 'allow' }), ${more} });`;

async function write(dir: TempDir, name: string, source: string) {
  await mkdir(path.dirname(dir.join(name)), { recursive: true });
  await writeFile(dir.join(name), source);
}

/** Log records as objects, and the logger that makes them. */
function recorder() {
  const records: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void records.push(JSON.parse(line) as Record<string, unknown>) };
  const log: HostLogger = pino({ level: 'trace' }, stream);
  return { log, records };
}

/** Loads what the configuration of a folder names. */
async function load(
  dir: TempDir,
  uses: (string | { use: string; with: unknown })[],
  setupTimeoutMs?: number,
) {
  const { log, records } = recorder();
  const seen: string[] = [];
  const entries = uses.map((use) => ({
    ...(typeof use === 'string' ? { use, with: {} } : use),
    resolveFrom: dir.path,
  }));
  const onBlade = (each: Blade, from: LoadedPlugin) => void seen.push(`${from.name}:${each.name}`);
  const loaded = await loadPlugins(entries, {
    log,
    onBlade,
    ...(setupTimeoutMs === undefined ? {} : { setupTimeoutMs }),
  });
  return { loaded, seen, records };
}

describe('loadPlugins', () => {
  test('loads ES modules and CommonJS modules, folders, files and packages, in order', async () => {
    await using dir = await tempDir();
    await write(dir, 'esm/index.mjs', plugin('esm', blade('one') + blade('two')));
    await write(
      dir,
      'cjs/index.cjs',
      `module.exports = { ${MARK}, name: 'cjs', version: '2', setup(ctx) { ${blade('three')} } };`,
    );
    await write(
      dir,
      'node_modules/@org/compiled/index.cjs',
      `Object.defineProperty(exports, '__esModule', { value: true });
       exports.default = { ${MARK}, name: 'compiled', version: '3', setup(ctx) { ${blade('four')} } };`,
    );
    const { loaded, seen } = await load(dir, ['./esm', './cjs/index.cjs', '@org/compiled']);
    expect(
      loaded.map(({ name, version, use, folder }) => [name, version, use, path.relative(dir.path, folder)]),
    ).toEqual([
      ['esm', '1.2.3', './esm', 'esm'],
      ['cjs', '2', './cjs/index.cjs', 'cjs'],
      ['compiled', '3', '@org/compiled', 'node_modules/@org/compiled'],
    ]);
    expect(seen).toEqual(['esm:one', 'esm:two', 'cjs:three', 'compiled:four']);
  });

  test('gives a blade without a fingerprint one of its plugin version and options, in any order', async () => {
    await using dir = await tempDir();
    await write(dir, 'own.mjs', plugin('own', blade('own', "fingerprint: () => 'mine'")));
    const given = 'options: { parse: (value) => value },';
    await write(dir, 'none.mjs', plugin('none', blade('none'), given));
    const fingerprint = async (use: string, options: unknown) => {
      const { loaded } = await load(dir, [{ use, with: options }]);
      return loaded[0]!.blades[0]!.fingerprint!();
    };
    expect(await fingerprint('./own.mjs', {})).toBe('mine');
    const first = await fingerprint('./none.mjs', { a: 1, b: { c: 2, d: 3 } });
    expect(await fingerprint('./none.mjs', { b: { d: 3, c: 2 }, a: 1 })).toBe(first);
    expect(await fingerprint('./none.mjs', { a: 2, b: { c: 2, d: 3 } })).not.toBe(first);
  });

  test('collects what plugins want to be watched, from their own folder where it is relative', async () => {
    await using dir = await tempDir();
    await write(dir, 'mine/index.mjs', plugin('mine', "ctx.watch('data'); ctx.watch('/etc/lists/a');"));
    const { loaded } = await load(dir, ['./mine']);
    expect(loaded[0]!.watched).toEqual([dir.join('mine/index.mjs'), dir.join('mine/data'), '/etc/lists/a']);
  });

  test('imports changed modules anew, and their fingerprints move', async () => {
    await using dir = await tempDir();
    // In a process of its own: here modules are kept by the test runner, whatever becomes of their files.
    await write(
      dir,
      'run.mjs',
      `import { writeFileSync } from 'node:fs';
       import { loadPlugins } from ${JSON.stringify(path.resolve('src/plugin/loader.ts'))};
       const log = { child: () => log };
       const said = [];
       for (const [file, start] of [['a.mjs', 'export default'], ['b.cjs', 'module.exports =']]) {
         for (const version of ['1', '1', '2', null, '3']) {
           writeFileSync(file, version === null ? 'this is no module' : start + \` { ${MARK}, name: 'mine', version: '\${version}',
             setup(ctx) { ctx.blade({ name: 'b', fingerprint: () => 'x', inspect() {} }); } };\`);
           const entries = [{ use: './' + file, with: {}, resolveFrom: import.meta.dirname }];
           await loadPlugins(entries, { log, onBlade() {} }).then(
             ([mine]) => said.push([mine.version, mine.blades[0].fingerprint().length]),
             ({ code }) => said.push(code));
         }
       }
       console.log(JSON.stringify(said));`,
    );
    const tsx = import.meta.resolve('tsx');
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, 'run.mjs'], {
      cwd: dir.path,
    });
    const each = [['1', 1], ['1', 1], ['2', 18], 'ERR_PLUGIN_LOAD', ['3', 18]];
    expect(JSON.parse(stdout)).toEqual([...each, ...each]);
  });

  test('loads TypeScript while the package runs from sources, and the blade works', async () => {
    await using dir = await tempDir();
    const api = path.resolve('src/plugin/api.ts');
    await write(
      dir,
      'ts/index.ts',
      `import { block, definePlugin, type BladeMessage } from ${JSON.stringify(api)};
       export default definePlugin({
         name: 'typed', version: '1', setup(ctx) {
           ctx.blade({ name: 'all', inspect: (message: BladeMessage) => block({ threat: message.url, reason: 'all' }) });
         },
       });`,
    );
    const { loaded } = await load(dir, ['./ts']);
    const verdict = await loaded[0]?.blades[0]?.inspect(
      { url: 'http://h/' } as BladeMessage,
      new AbortController().signal,
    );
    expect(verdict).toEqual({ kind: 'block', threat: 'http://h/', severity: 'high', reason: 'all' });
  });

  test('gives the plugin its options, its folder and a log of its own', async () => {
    await using dir = await tempDir();
    const schema = 'options: { parse: (given) => ({ depth: 3, ...given }) },';
    await write(
      dir,
      'p/index.mjs',
      plugin('mine', 'ctx.log.info({ options: ctx.options, folder: ctx.folder }, "ready");', schema),
    );
    const { records } = await load(dir, [{ use: './p', with: { names: ['a'] } }]);
    expect(records).toEqual([
      expect.objectContaining({
        plugin: 'mine',
        options: { depth: 3, names: ['a'] },
        folder: dir.join('p'),
        msg: 'ready',
      }),
    ]);
  });

  test('waits for a setup that is asynchronous', async () => {
    await using dir = await tempDir();
    await write(
      dir,
      'p/index.mjs',
      plugin('slow', `await new Promise((done) => setImmediate(done)); ${blade('late')}`),
    );
    expect((await load(dir, ['./p'])).seen).toEqual(['slow:late']);
  });

  test('loads nothing from an empty list', async () => {
    await using dir = await tempDir();
    expect((await load(dir, [])).loaded).toEqual([]);
  });
});

describe('a plugin that cannot be loaded', () => {
  test.each([
    ['is not there', null, 'not found; tried'],
    ['has no default export', 'export const x = 1;', 'is not made by definePlugin'],
    ['exports something else', 'export default { name: "p", setup() {} };', 'is not made by definePlugin'],
    ['has no setup', `export default { ${MARK}, name: 'p', version: '1' };`, 'needs a name'],
    ['has a bad name', `export default { ${MARK}, name: 'P 1', version: '1', setup() {} };`, 'needs a name'],
    [
      'is for a later API',
      "export default { [Symbol.for('weir.plugin')]: 99, name: 'p', version: '1', setup() {} };",
      'plugin API 99',
    ],
    ['does not parse', 'export default {', 'cannot be imported'],
    ['imports what is missing', "import './missing.mjs';", 'cannot be imported'],
    ['throws while it is imported', 'throw new Error("boom at import");', 'boom at import'],
    ['throws something that is no error', 'throw "text";', 'text'],
    ['throws in setup', plugin('p', 'throw new Error("boom in setup");'), 'its setup failed: boom in setup'],
    ['registers a blade without name', plugin('p', 'ctx.blade({ inspect() {} });'), 'a blade needs a name'],
    ['registers nothing as a blade', plugin('p', 'ctx.blade(null);'), 'a blade needs a name'],
    [
      'registers a blade that cannot inspect',
      plugin('p', "ctx.blade({ name: 'b' });"),
      'blade b has no inspect',
    ],
    [
      'registers two blades of one name',
      plugin('p', blade('b') + blade('b')),
      'a blade named b is registered already, by p',
    ],
    [
      'swallows the refusal of its blade',
      plugin('p', 'try { ctx.blade(null); } catch {}'),
      'a blade needs a name',
    ],
  ])('because it %s is refused with a reason', async (_, source, reason) => {
    await using dir = await tempDir();
    if (source !== null) await write(dir, 'p/index.mjs', source);
    await expect(load(dir, ['./p'])).rejects.toMatchObject({
      name: 'PluginError',
      code: 'ERR_PLUGIN_LOAD',
      message: expect.stringContaining(reason),
      fields: { plugin: './p' },
    });
  });

  test('for a name that is taken is refused, and the others are closed again', async () => {
    await using dir = await tempDir();
    const closes = "close() { ctx.log.info({}, 'closed one'); },";
    await write(dir, 'a/index.mjs', plugin('a', blade('one', closes)));
    await write(
      dir,
      'b/index.mjs',
      plugin('b', blade('two', "close() { ctx.log.info({}, 'closed two'); },") + blade('one')),
    );
    const { log, records } = recorder();
    const entries = ['./a', './b'].map((use) => ({ use, with: null, resolveFrom: dir.path }));
    await expect(loadPlugins(entries, { log, onBlade: () => {} })).rejects.toMatchObject({
      message: 'plugin ./b: a blade named one is registered already, by a',
    });
    expect(records.map(({ msg }) => msg)).toEqual(['closed two', 'closed one']);
    await write(dir, 'c/index.mjs', plugin('a'));
    await expect(load(dir, ['./a', './c'])).rejects.toMatchObject({
      message: `plugin ./c: a plugin named a is loaded already, from ${dir.join('a/index.mjs')}`,
    });
  });

  test('whose setup does not end is given up, and may register nothing afterwards', async () => {
    await using dir = await tempDir();
    const setup = `globalThis.lateBlade = () => { ${blade('late')} }; await new Promise(() => {});`;
    await write(dir, 'p/index.mjs', plugin('hanging', setup));
    await expect(load(dir, ['./p'], 200)).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: 'plugin ./p: was not ready within 200 ms',
    });
    const { lateBlade } = globalThis as unknown as { lateBlade: () => void };
    expect(lateBlade).toThrow('blades are registered in setup');
  });

  test('whose import does not end is given up', async () => {
    await using dir = await tempDir();
    await write(dir, 'p/index.mjs', `await new Promise(() => {}); ${plugin('p')}`);
    await expect(load(dir, ['./p'], 200)).rejects.toMatchObject({
      message: 'plugin ./p: was not ready within 200 ms',
    });
  });
});

describe('options', () => {
  const zodLike = `options: { parse() { throw Object.assign(new Error('long'), { issues: [
    { path: ['limits', 0, 'depth'], message: 'expected a number' }, { path: [], message: 'unknown key' } ] }); } },`;

  test('that the schema refuses are told with their path', async () => {
    await using dir = await tempDir();
    await write(dir, 'p/index.mjs', plugin('p', '', zodLike));
    await expect(load(dir, [{ use: './p', with: { a: 1 } }])).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: 'plugin ./p: with.limits.0.depth: expected a number; with: unknown key',
      fields: { plugin: './p', path: 'with.limits.0.depth' },
    });
  });

  test('are checked by a zod schema', async () => {
    await using dir = await tempDir();
    const zod = path.resolve('node_modules/zod/index.js');
    const schema = 'options: z.strictObject({ engine: z.enum(["yara", "clamd"]).default("yara") }),';
    await write(
      dir,
      'p/index.mjs',
      `import * as z from ${JSON.stringify(zod)}; ${plugin('p', 'ctx.log.info(ctx.options, "ok");', schema)}`,
    );
    expect((await load(dir, ['./p'])).records[0]).toMatchObject({ engine: 'yara' });
    await expect(load(dir, [{ use: './p', with: { engine: 'x' } }])).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      fields: { path: 'with.engine' },
    });
  });

  test('that a plain error refuses are told with its message', async () => {
    await using dir = await tempDir();
    await write(dir, 'p/index.mjs', plugin('p', '', "options: { parse() { throw new TypeError('no'); } },"));
    await expect(load(dir, ['./p'])).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: 'plugin ./p: with: no',
    });
  });

  test('for a plugin that takes none are refused and not ignored', async () => {
    await using dir = await tempDir();
    await write(dir, 'p/index.mjs', plugin('p'));
    await expect(load(dir, [{ use: './p', with: { strict: true } }])).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
    });
    await expect(load(dir, [{ use: './p', with: null }])).resolves.toBeDefined();
  });
});

describe('closePlugins', () => {
  test('closes the blades, last registered first, and waits for each', async () => {
    await using dir = await tempDir();
    const closing = (name: string) =>
      blade(
        name,
        `async close() { await new Promise((done) => setImmediate(done)); ctx.log.info({}, '${name}'); },`,
      );
    await write(dir, 'a/index.mjs', plugin('a', closing('one') + closing('two')));
    await write(dir, 'b/index.mjs', plugin('b', blade('quiet') + closing('three')));
    const { loaded, records } = await load(dir, ['./a', './b']);
    await closePlugins(loaded);
    expect(records.map(({ msg }) => msg)).toEqual(['three', 'two', 'one']);
  });

  test('logs a blade that fails to close and goes on', async () => {
    await using dir = await tempDir();
    const failing = blade('bad', "close() { throw new Error('stuck'); },");
    await write(
      dir,
      'p/index.mjs',
      plugin('p', blade('good', "close() { ctx.log.info({}, 'closed'); },") + failing),
    );
    const { loaded, records } = await load(dir, ['./p']);
    await expect(closePlugins(loaded)).resolves.toBeUndefined();
    expect(records.map(({ msg }) => msg)).toEqual(['blade bad did not close: stuck', 'closed']);
  });
});

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { Blade, BladeMessage, Verdict } from '../../../src/plugin/api.ts';
import { closePlugins, loadPlugins, type LoadedPlugin } from '../../../src/plugin/loader.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';

// The body of a message says what the blade does with it.
const SOURCE = `
const deeds = {
  allow: () => ({ kind: 'allow' }),
  block: () => ({ kind: 'block', threat: 'T', severity: 'high', reason: 'r' }),
  modify: () => ({ kind: 'modify', body: Buffer.from('new') }),
  throw: () => { throw new Error('on purpose'); },
  nothing: () => undefined,
  crash: () => new Promise(() => setTimeout(() => { throw new Error('later'); })),
  loop: () => { for (;;); },
  heap: () => { const all = []; for (;;) all.push(new Array(1e5).fill(all.length)); },
  buffers: () => new Promise(() => { globalThis.kept = Buffer.alloc(64 << 20, 1); }),
  slow: () => new Promise((resolve) => setTimeout(resolve, 300, { kind: 'allow' })),
  heed: (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('heeded')))),
  host: (signal, message) => ({ kind: 'block', threat: message.header('host'), severity: 'low', reason: message.url }),
};
export default { [Symbol.for('weir.plugin')]: 1, name: 'wild', version: '1', setup(ctx) {
  ctx.blade({ name: 'wild', inspect: (message, signal) => deeds[String(message.body.memory)](signal, message) });
} };`;

let dir: TempDir;
let loaded: LoadedPlugin[];
let blade: Blade;
const lines: string[] = [];

async function load(name: string, memory = 32): Promise<LoadedPlugin[]> {
  const log = pino(
    {},
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const entry = { use: `./${name}`, with: {}, resolveFrom: dir.path, isolate: memory * 1024 * 1024 };
  return await loadPlugins([entry], { log, onBlade: () => {} });
}

beforeAll(async () => {
  dir = await tempDir();
  await writeFile(dir.join('wild.mjs'), SOURCE);
  loaded = await load('wild.mjs');
  blade = loaded[0]!.blades[0]!;
});

afterAll(async () => {
  await closePlugins(loaded);
  await dir[Symbol.asyncDispose]();
});

async function ask(deed: string, signal = new AbortController().signal): Promise<Verdict> {
  const memory = Buffer.from(deed);
  const message: BladeMessage = {
    ...{ direction: 'request' as const, method: 'POST', url: 'http://a.test/', response: null },
    request: { method: 'POST', target: '/', version: '1.1', headers: ['Host', 'a.test'] },
    client: { ip: null, user: null, groups: [] },
    server: { ip: null },
    body: {
      size: memory.length,
      memory,
      file: null,
      stream: () => {
        throw new Error('not here');
      },
    },
    header: () => undefined,
  };
  return await blade.inspect(message, signal);
}

describe('a blade in a thread of its own', () => {
  test('judges as in the process itself', async () => {
    expect(await ask('allow')).toEqual({ kind: 'allow' });
    expect(await ask('host')).toMatchObject({ kind: 'block', threat: 'a.test', reason: 'http://a.test/' });
    const modified = await ask('modify');
    expect(modified.kind === 'modify' && Buffer.isBuffer(modified.body)).toBe(true);
    await expect(ask('throw')).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED', message: 'on purpose' });
    await expect(ask('nothing')).rejects.toMatchObject({ message: 'gave no verdict' });
  });

  test('fails a message that crashes its thread, and goes on with a new one', async () => {
    await expect(ask('crash')).rejects.toMatchObject({ message: expect.stringContaining('crashed: later') });
    expect(await ask('block')).toMatchObject({ threat: 'T' });
    expect(lines.at(-1)).toContain('it is started anew in');
  });

  test('repeats messages that another one took down with it, and fails only that one', async () => {
    const outcomes = await Promise.allSettled([ask('slow'), ask('crash'), ask('slow')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  test('ends a thread that loops past its time', async () => {
    const limit = new AbortController();
    const looping = ask('loop', limit.signal);
    limit.abort();
    await expect(looping).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
    expect(await ask('allow')).toEqual({ kind: 'allow' });
    expect(lines.at(-1)).toContain('hangs');
  });

  test('keeps a thread whose blade heeds its signal', async () => {
    const before = lines.length;
    const limit = new AbortController();
    const heeding = ask('heed', limit.signal);
    limit.abort();
    await expect(heeding).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
    expect(await ask('slow')).toEqual({ kind: 'allow' });
    expect(await ask('slow')).toEqual({ kind: 'allow' });
    expect(lines.length).toBe(before);
  });

  test.each(['heap', 'buffers'])('ends a thread whose %s outgrow its memory', async (deed) => {
    await expect(ask(deed)).rejects.toMatchObject({ message: expect.stringMatching(/memory/i) });
    expect(await ask('allow')).toEqual({ kind: 'allow' });
  });

  test('is refused where the plugin cannot be loaded', async () => {
    await writeFile(dir.join('broken.mjs'), 'this is no module');
    await expect(load('broken.mjs')).rejects.toMatchObject({ code: 'ERR_PLUGIN_LOAD' });
  });
});

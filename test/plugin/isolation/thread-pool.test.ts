// Calls beside one that loops, crashes or takes all memory: each of them gets its own answer, whatever kind of
// function of the isolated plugin is asked. Real threads, asked as gateway and proxy ask them.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pino } from 'pino';
import type { BladeMessage } from '../../../src/plugin/api.ts';
import { closePlugins, loadPlugins, type LoadedPlugin } from '../../../src/plugin/loader.ts';
import { tempDir, type TempDir } from '../../support/tempDir.ts';

// The last part of the URL says what is done; what it is asked for is in the answer.
const SOURCE = `
import { existsSync } from 'node:fs';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const kept = [];
const deeds = {
  'at-once': () => {},
  slow: () => pause(60),
  loop: () => { for (;;); },
  'loop-later': async () => { await pause(5); await null; for (;;); },
  'loop-a-while': () => { while (!existsSync(new URL('enough', import.meta.url))); },
  throw: () => new Promise(() => setTimeout(() => { throw new Error('thrown outside'); }, 5)),
  reject: async () => { Promise.reject(new Error('unheeded')); await pause(1e6); },
  exit: async () => { await pause(5); process.exit(3); },
  heap: async () => { await pause(5); for (;;) kept.push(new Array(1e5).fill(kept.length)); },
  buffers: () => { kept.push(Buffer.alloc(64 << 20, 1)); return pause(1e6); },
};
async function done(url) {
  await deeds[url.split('/').at(-1)]();
  return { kind: 'block', threat: url, severity: 'low', reason: 'r' };
}
export default { [Symbol.for('weir.plugin')]: 1, name: 'wild', version: '1', setup(ctx) {
  ctx.blade({ name: 'wild', inspect: ({ url }) => done(url) });
  ctx.service({ path: '/wild', respmod: ({ url }) => done(url) });
  ctx.proxyHook({ onRequest: ({ url }) => done(url) });
} };`;

let dir: TempDir;
let loaded: LoadedPlugin[];
const lines: string[] = [];

type Ask = (url: string, signal: AbortSignal) => Promise<string>;
let asks: Record<'blade' | 'service' | 'hook', Ask>;

beforeAll(async () => {
  dir = await tempDir();
  const use = await dir.write('wild.mjs', SOURCE);
  const log = pino(
    {},
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const entry = { use, with: {}, resolveFrom: dir.path, isolate: 32 * 1024 * 1024 };
  loaded = await loadPlugins([entry], { log, onBlade: () => {} });
  const { blades, services, hooks } = loaded[0]!;
  const threat = (answer: unknown): string => (answer as { threat: string }).threat;
  const client = { ip: '127.0.0.1', user: null };
  asks = {
    blade: async (url, signal) => threat(await blades[0]!.inspect(messageTo(url), signal)),
    service: async (url, signal) => threat(await services[0]!.respmod!(messageTo(url), signal)),
    hook: async (url, signal) =>
      threat(await hooks[0]!.hook.onRequest!({ client, method: 'GET', url, headers: [] }, signal)),
  };
});

afterAll(async () => {
  await closePlugins(loaded);
  await dir[Symbol.asyncDispose]();
});

const DEEDS = ['loop', 'loop-later', 'throw', 'reject', 'exit', 'heap', 'buffers'];

const CASES: [keyof typeof asks, string][] = [
  ...DEEDS.map((deed): [keyof typeof asks, string] => ['blade', deed]),
  ...(['service', 'hook'] as const).flatMap((kind) =>
    ['loop', 'exit'].map((deed): [keyof typeof asks, string] => [kind, deed]),
  ),
];

describe('calls in one thread', () => {
  test.each(CASES)('twenty of a %s are answered beside one that does this: %s', async (kind, deed) => {
    const ask = asks[kind];
    const before = companions(ask, 0);
    const limit = new AbortController();
    const guilty = ask(`http://a.test/guilty/${deed}`, limit.signal);
    const refused = expect(guilty).rejects.toMatchObject({ code: 'ERR_PLUGIN_FAILED' });
    const after = companions(ask, 10);
    const answers = await Promise.all([...before, ...after]);
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => companion(index)));
    limit.abort();
    await refused;
  });

  test('one that only takes long is answered as well, and the others do not wait for it', async () => {
    const long = asks.blade('http://a.test/loop-a-while', new AbortController().signal);
    await Promise.all(companions(asks.blade, 0));
    await dir.write('enough', '');
    expect(await long).toBe('http://a.test/loop-a-while');
  });

  test('what it says names the plugin and what happened', () => {
    for (const what of ['hangs', 'crashed: thrown outside', 'ended with code 3', 'memory', 'unheeded']) {
      expect(lines).toContainEqual(expect.stringContaining(what));
    }
  });
});

function companion(index: number): string {
  return `http://a.test/${index}/${index % 2 === 0 ? 'slow' : 'at-once'}`;
}

function companions(ask: Ask, first: number): Promise<string>[] {
  return Array.from({ length: 10 }, (_, index) =>
    ask(companion(first + index), new AbortController().signal),
  );
}

function messageTo(url: string): BladeMessage {
  return {
    ...{ direction: 'response' as const, method: 'GET', url, response: null },
    request: { method: 'GET', target: '/', version: '1.1', headers: ['Host', 'a.test'] },
    client: { ip: null, user: null, groups: [] },
    server: { ip: null },
    body: null,
    header: () => undefined,
  };
}

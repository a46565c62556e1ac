// A gateway of worker processes: the reload reaches them, and the supervisor keeps what it has when they
// cannot start with it.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startWeir } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ResolvedConfig } from '../../src/config/types.ts';
import { rawClient } from '../support/rawClient.ts';
import { tempDir } from '../support/tempDir.ts';
import { istag, scan } from './icap.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../plugins/antivirus', import.meta.url));
const rule = (text: string): string => `rule Mine { strings: $a = "${text}" condition: $a }`;

test('G-12 S-16 workers of a gateway take over new rules, and keep theirs when those are wrong', async () => {
  await using folder = await tempDir();
  await using rules = await tempDir();
  const config = async (gateway: object = {}): Promise<ResolvedConfig> => {
    const settings = {
      gateway: { listen: '127.0.0.1:0', workers: { min: 2, max: 2 }, ...gateway },
      plugins: [{ use: ANTIVIRUS, with: { rules: [rules.path], workers: 1 } }],
      log: { file: folder.join('log') },
    };
    const path = await folder.write('weir.yaml', JSON.stringify(settings));
    return (await loadConfig({ path })).config;
  };
  await rules.write('mine.yar', rule('zebra'));
  const weir = await startWeir(await config(), { proxy: false, gateway: true });
  try {
    const [address] = weir.gatewayAddresses;
    const judge = async (text: string) => {
      await using client = await rawClient(Number(address!.split(':')[1]));
      return await scan(client, text);
    };
    expect(weir.watched).toContain(rules.path);
    const before = await judge('a giraffe');
    expect(before.status).toBe(204);

    await rules.write('mine.yar', rule('giraffe'));
    expect(await weir.reload(await config())).toMatchObject({ needsRestart: [] });
    expect(weir.gatewayAddresses).toEqual([address]);
    const after = await judge('a giraffe');
    expect(after.status).toBe(200);
    expect(after.istag).not.toBe(before.istag);

    await rules.write('wrong.yar', 'rule Wrong {');
    await expect(weir.reload(await config())).rejects.toMatchObject({
      code: 'ERR_PLUGIN_OPTIONS',
      message: expect.stringContaining('wrong.yar'),
    });
    expect(await judge('a giraffe')).toEqual(after);

    await rules.write('wrong.yar', '');
    const alone = await weir.reload(await config({ workers: { min: 0, max: 2 } }));
    expect(alone.needsRestart).toEqual(['gateway.workers.min']);
  } finally {
    await weir.stop(0);
  }
}, 90_000);

/** A blade that notes what becomes of each of its instances, and blocks what is bad. */
const noting = (name: string): string => `
import { appendFileSync, readFileSync } from 'node:fs';
export default { [Symbol.for('weir.plugin')]: 1, name: '${name}', version: '1', setup(ctx) {
  const at = (file) => new URL(file, import.meta.url);
  const version = readFileSync(at('version.txt'), 'utf8');
  if (version === 'broken') throw new Error('no luck');
  const note = (what) => appendFileSync(at('lives.txt'), [process.pid, '${name}', what, version].join(' ') + '\\n');
  note('set up');
  ctx.blade({
    name: '${name}',
    fingerprint: () => version,
    inspect: ({ body }) => '${name}' === 'marker' && String(body?.memory).includes('bad')
      ? { kind: 'block', threat: 'Bad', severity: 'high', reason: 'r' } : { kind: 'allow' },
    close: () => note('closed'),
  });
} };`;

test('G-12 S-16 one plugin is exchanged in every worker: others stay, and no answer is unscanned', async () => {
  await using folder = await tempDir();
  await folder.write('version.txt', '1');
  const plugins = await Promise.all(
    ['marker', 'neighbour'].map(async (name) => ({
      use: await folder.write(`${name}.mjs`, noting(name)),
      isolate: false,
    })),
  );
  const settings = {
    gateway: {
      listen: '127.0.0.1:0',
      workers: { min: 2, max: 2 },
      services: { sandblast: { profile: 'mine' } },
    },
    profiles: { mine: { base: 'basic', blades: { marker: {}, neighbour: {} } } },
    plugins,
    log: { file: folder.join('log') },
  };
  const path = await folder.write('weir.yaml', JSON.stringify(settings));
  const weir = await startWeir((await loadConfig({ path })).config, { proxy: false, gateway: true });
  try {
    const port = Number(weir.gatewayAddresses[0]!.split(':')[1]);
    const pids = () => weir.gatewayWorkers!.status().workers.map(({ pid }) => pid);
    const before = pids();
    const tag = await istag(port);
    const statuses: number[] = [];
    let isGoing = true;
    const clients = Array.from({ length: 6 }, async () => {
      while (isGoing) {
        await using client = await rawClient(port);
        for (let turn = 0; turn < 20; turn++) statuses.push((await scan(client, `bad ${turn}`)).status);
      }
    });
    for (const version of ['2', '3']) {
      await folder.write('version.txt', version);
      expect((await weir.reloadPlugin('marker')).applied).toContain('plugin marker');
    }
    await folder.write('version.txt', 'broken');
    await expect(weir.reloadPlugin('marker')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: expect.stringContaining('no luck'),
    });
    await expect(weir.reloadPlugin('absent')).rejects.toMatchObject({
      message: expect.stringContaining('there are: marker, neighbour'),
    });
    isGoing = false;
    await Promise.all(clients);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(pids()).toEqual(before);
    expect(await istag(port)).not.toBe(tag);
    const lives = async () => (await readFile(folder.join('lives.txt'), 'utf8')).trim().split('\n');
    while ((await lives()).filter((line) => /marker closed [12]$/.test(line)).length < 4) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const of = (pid: number, name: string, all: readonly string[]): string[] =>
      all.flatMap((line) => (line.startsWith(`${pid} ${name} `) ? [line.split(`${name} `)[1]!] : []));
    const all = await lives();
    for (const pid of before) {
      expect(of(pid, 'neighbour', all)).toEqual(['set up 1']);
      const marker = of(pid, 'marker', all);
      expect(marker.filter((line) => line.startsWith('set up'))).toEqual([
        'set up 1',
        'set up 2',
        'set up 3',
      ]);
      // Closed when the last message that it judged is done, be the next one at work by then or not.
      expect(marker.filter((line) => line.startsWith('closed')).sort()).toEqual(['closed 1', 'closed 2']);
    }
  } finally {
    await weir.stop(0);
  }
}, 90_000);

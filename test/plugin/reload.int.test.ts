// Reload of one plugin: beside the others, in one go, under load, from the command line.

import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { originServer, type OriginServer } from '../support/originServer.ts';
import { runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { startTestWeir, type LocalWeir } from '../support/weir.ts';

/** A blade that stamps answers with what it has read in its setup, and notes what becomes of each instance. */
const MARKER = `
import { readFileSync } from 'node:fs';
const life = (globalThis.lives ??= []);
export default { [Symbol.for('weir.plugin')]: 1, name: 'marker', version: '1', setup(ctx) {
  const version = readFileSync(new URL('version.txt', import.meta.url), 'utf8');
  if (version === 'broken') throw new Error('no luck');
  life.push('set up ' + version);
  const close = () => void life.push('closed ' + version);
  ctx.blade({ name: 'marker', fingerprint: () => version, close, async inspect(message) {
    if (message.direction === 'request') return { kind: 'allow' };
    if (message.url.endsWith('/slow')) {
      life.push('begun');
      await new Promise((resolve) => (globalThis.finish = resolve));
    }
    return { kind: 'modify', body: Buffer.from(version) };
  } });
} };`;

const NEIGHBOUR = `
let count = 0;
export default { [Symbol.for('weir.plugin')]: 1, name: 'neighbour', version: '1', setup(ctx) {
  const instance = (globalThis.instances = (globalThis.instances ?? 0) + 1);
  ctx.blade({ name: 'neighbour', inspect: () => ({ kind: 'allow' }) });
  ctx.proxyHook({ onRequest() { globalThis.seen = [instance, ctx.findBlade('marker') !== null, ++count]; } });
} };`;

const shared = globalThis as unknown as {
  lives: string[];
  seen: [number, boolean, number];
  instances: number;
  finish: () => void;
};

let folder: TempDir;
let origin: OriginServer;
let weir: LocalWeir;

beforeAll(async () => {
  folder = await tempDir();
  origin = await originServer((incoming, response) =>
    response.end(incoming.url === '/eicar' ? eicar() : 'plain'),
  );
  await folder.write('version.txt', '1');
  const plugins = [
    './plugins/antivirus',
    { use: await folder.write('neighbour.mjs', NEIGHBOUR), isolate: false },
    { use: await folder.write('marker.mjs', MARKER), isolate: false },
  ];
  const blades = Object.fromEntries(
    ['antivirus', 'neighbour', 'marker'].map((name) => [name, { mode: 'inline' }]),
  );
  weir = await startTestWeir({
    plugins,
    profiles: { mine: { base: 'basic', blades } },
    gateway: { services: { sandblast: { profile: 'mine' } } },
    dashboard: { listen: `127.0.0.1:${await freePort()}` },
  });
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  for (const each of [origin, folder]) await each[Symbol.asyncDispose]();
});

const get = async (path: string) =>
  String((await weir.curl(`http://origin.test:${origin.port}${path}`)).body);

describe('reload of one plugin', () => {
  test('exchanges it, finishes what is under way on the one before, and leaves the others as they are', async () => {
    expect(await get('/')).toBe('1');
    const [instance] = shared.seen;
    const slow = get('/slow');
    await until(() => shared.lives.includes('begun'));
    await folder.write('version.txt', '2');
    const { applied } = await weir.weir.reloadPlugin('marker');
    expect(applied).toEqual(expect.arrayContaining(['plugin marker', 'ISTag of /sandblast']));
    expect(await get('/')).toBe('2');
    expect(shared.seen.slice(0, 2)).toEqual([instance, true]);
    expect(shared.lives).not.toContain('closed 1');
    shared.finish();
    expect(await slow).toBe('1');
    await until(() => shared.lives.includes('closed 1'));
    expect(shared.instances).toBe(1);
  });

  test('leaves the one before at work where the new one cannot be set up', async () => {
    await folder.write('version.txt', 'broken');
    await expect(weir.weir.reloadPlugin('marker')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: expect.stringContaining('no luck'),
    });
    expect(await get('/')).toBe('2');
    expect(shared.lives).not.toContain('closed 2');
    await expect(weir.weir.reloadPlugin('absent')).rejects.toMatchObject({
      code: 'ERR_PLUGIN_LOAD',
      message: expect.stringContaining('there are: antivirus, neighbour, marker'),
    });
  });

  test('is asked for by weir plugins reload', async () => {
    await folder.write('version.txt', '4');
    const config = ['--config', weir.folder.join('weir.yaml')];
    const done = await runCli(['plugins', 'reload', 'marker', ...config, '--json']);
    expect([done.exitCode, done.stderr]).toEqual([0, '']);
    expect((JSON.parse(done.stdout) as { applied: string[] }).applied).toContain('plugin marker');
    expect(await get('/')).toBe('4');
    await folder.write('version.txt', 'broken');
    const refused = await runCli(['plugins', 'reload', 'marker', ...config]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining('the one before goes on'),
    ]);
    const absent = await runCli(['plugins', 'reload', 'absent', ...config]);
    expect([absent.exitCode, absent.stderr]).toEqual([1, expect.stringContaining('no plugin of that name')]);
    await folder.write('version.txt', '4');
  });

  test('under load no answer is unscanned and none fails', async () => {
    using agent = disposable(new Agent({ keepAlive: true, maxSockets: 16 }));
    const statuses = new Map<number, number>();
    let going = true;
    const client = async (): Promise<void> => {
      while (going) {
        const status = await statusOf(agent.it, `http://origin.test:${origin.port}/eicar`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const clients = Array.from({ length: 16 }, client);
    for (let turn = 0; turn < 3; turn++) {
      await folder.write('version.txt', `5.${turn}`);
      await weir.weir.reloadPlugin('antivirus');
      await weir.weir.reloadPlugin('marker');
    }
    await weir.weir.reload(weir.weir.config);
    going = false;
    await Promise.all(clients);
    expect([...statuses.keys()]).toEqual([403]);
    expect(statuses.get(403)).toBeGreaterThan(100);
  });
});

function statusOf(agent: Agent, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      host: '127.0.0.1',
      port: weir.proxyPort,
      path: url,
      headers: { Host: new URL(url).host },
    };
    request(options, (response) => response.resume().on('end', () => resolve(response.statusCode!)))
      .on('error', reject)
      .end();
  });
}

function disposable(it: Agent): Disposable & { it: Agent } {
  return { it, [Symbol.dispose]: () => it.destroy() };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import type { LogLevel } from '../../src/config/types.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import { accepts, freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';
import { beginScan, chunk, istag, LAST_CHUNK, options, scan, takeAnswer } from './icap.ts';

const ANTIVIRUS = fileURLToPath(new URL('../../plugins/antivirus', import.meta.url));
const rule = (name: string, text: string): string =>
  `rule ${name} { strings: $a = "${text}" condition: $a }\n`;
const withRules = (folder: string, more: object = {}): { plugins: unknown[] } => ({
  plugins: [{ use: ANTIVIRUS, with: { rules: [folder], ...more } }],
});

describe('the ISTag', () => {
  test('S-16 G-22 changes with the profile before the first answer under it, also on an open connection', async () => {
    await using weir = await startTestWeir();
    await using client = await rawClient(weir.gatewayPort);
    const before = await options(client);
    const { applied } = await weir.reload({ gateway: { services: { sandblast: { profile: 'strict' } } } });
    expect(applied).toEqual(['gateway.services.sandblast.profile', 'ISTag of /sandblast']);
    const after = await scan(client, 'clean');
    expect(after.istag).not.toBe(before.istag);
    expect(await options(client)).toMatchObject({ istag: after.istag });
    await weir.reload({});
    expect((await options(client)).istag).toBe(before.istag);
  });

  test('G-22 changes with options of a plugin that verdicts depend on', async () => {
    await using folder = await tempDir();
    await using weir = await startTestWeir(withRules(folder.path));
    const before = await istag(weir.gatewayPort);
    await weir.reload(withRules(folder.path, { onUnscannable: { encrypted: 'block' } }));
    expect(await istag(weir.gatewayPort)).not.toBe(before);
  });

  test('S-16 changes with rule files although the configuration is the same', async () => {
    await using folder = await tempDir();
    await folder.write('mine.yar', rule('Mine', 'zebra'));
    await using weir = await startTestWeir(withRules(folder.path));
    await using client = await rawClient(weir.gatewayPort);
    const before = await scan(client, 'a giraffe');
    expect(before.status).toBe(204);
    await folder.write('mine.yar', rule('Mine', 'giraffe'));
    const { applied } = await weir.reload(withRules(folder.path));
    expect(applied).toEqual(['ISTag of /sandblast']);
    const after = await scan(client, 'a giraffe');
    expect(after.status).toBe(200);
    expect(after.istag).not.toBe(before.istag);
    expect((await scan(client, 'a zebra')).status).toBe(204);
  });

  test.each([
    ['log.level', { log: { level: 'warn' } }],
    ['gateway.limits', { gateway: { limits: { connections: 7, idleTimeout: '9s' } } }],
    ['gateway.allow', { gateway: { allow: ['127.0.0.1'] } }],
    ['proxy.limits', { proxy: { limits: { connections: 9 } } }],
    ['the order of keys', { gateway: { via: true, strict: false } }],
    ['a profile that the service does not use', { profiles: { other: { onError: 'allow' } } }],
    [
      'the mode of a blade that is not there',
      { profiles: { optimized: { blades: { ghost: { mode: 'hold' } } } } },
    ],
    ['the number of scanning threads', { plugins: [{ use: ANTIVIRUS, with: { workers: 1 } }] }],
  ])('stays as it is when %s changes', async (_name, settings) => {
    await using weir = await startTestWeir({ plugins: [ANTIVIRUS] });
    const before = await istag(weir.gatewayPort);
    const { applied } = await weir.reload({
      plugins: [ANTIVIRUS],
      log: { file: weir.folder.join('log') },
      ...settings,
    });
    expect(applied).not.toContain('ISTag of /sandblast');
    expect(await istag(weir.gatewayPort)).toBe(before);
  });
});

describe('a configuration that cannot be used', () => {
  test.each([
    ['rules that do not compile', 'rule Bad { condition: nothing }', 'ERR_PLUGIN_OPTIONS', /bad\.yar/],
    [
      'rules that hide the EICAR test file',
      'global rule None { condition: false }',
      'ERR_PLUGIN_OPTIONS',
      /EICAR/,
    ],
  ])(
    'is refused for %s, and the rules of before find what they found',
    async (_name, source, code, message) => {
      await using folder = await tempDir();
      await folder.write('mine.yar', rule('Mine', 'zebra'));
      await using weir = await startTestWeir(withRules(folder.path));
      const before = await istag(weir.gatewayPort);
      await folder.write('bad.yar', source);
      await expect(weir.reload(withRules(folder.path))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      });
      await using client = await rawClient(weir.gatewayPort);
      expect(await scan(client, 'a zebra')).toEqual({ status: 200, istag: before });
      expect((await scan(client, eicar().toString('latin1'))).status).toBe(200);
      await rm(folder.join('bad.yar'));
      await weir.reload(withRules(folder.path));
    },
  );

  test('is refused whole: nothing of it is in force when its last part fails', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const free = await freePort();
    await using weir = await startTestWeir();
    const before = await istag(weir.gatewayPort);
    const refused = weir.reload({
      gateway: { services: { sandblast: { profile: 'strict' } } },
      proxy: { listen: ['127.0.0.1:0', `127.0.0.1:${free}`, `127.0.0.1:${port}`], targets: { deny: ['*'] } },
      log: { level: 'error', file: weir.folder.join('other-log') },
    });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LISTEN' });
    taken.close();
    expect(await istag(weir.gatewayPort)).toBe(before);
    expect(weir.weir.proxyAddresses).toHaveLength(1);
    await expect(rawClient(free)).rejects.toThrow('ECONNREFUSED');
    await using origin = await originServer((_request, response) => response.end('here'));
    expect((await weir.curl(`http://site.test:${origin.port}/`)).body.toString()).toBe('here');
    await weir.logged((record) => record.kind === 'proxy'); // still in the log of before
  });

  test('is refused when a file that it names cannot be read', async () => {
    await using weir = await startTestWeir();
    const refused = weir.reload({ proxy: { upstream: { trust: ['/nowhere/ca.pem'] } } });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_CONFIG_UNREADABLE' });
  });

  test('is refused when the CA in use has gone, and no other is made', async () => {
    await using weir = await startTestWeir();
    await rename(path.dirname(weir.caPath), weir.folder.join('gone'));
    await expect(weir.reload({})).rejects.toMatchObject({ code: 'ERR_CA_UNREADABLE' });
    await expect(readFile(weir.caPath)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the next request', () => {
  test('meets the new adaptation rules and the new deny list', async () => {
    await using origin = await originServer((_request, response) => response.end(eicar()));
    await using weir = await startTestWeir();
    const url = `http://site.test:${origin.port}/`;
    const statusOf = async (): Promise<number> => (await weir.curl(url)).status;
    expect(await statusOf()).toBe(403);
    const { applied } = await weir.reload({ adaptation: { rules: [] } });
    expect(applied).toEqual(['adaptation.rules']);
    expect(await statusOf()).toBe(200);
    await weir.reload({ adaptation: { rules: [] }, proxy: { targets: { deny: ['site.test'] } } });
    expect(await weir.curl(url)).toMatchObject({ status: 403 });
    await weir.logged((record) => record.error?.code === 'ERR_PROXY_DENIED');
    await weir.reload({});
    expect(await statusOf()).toBe(403);
  });

  test('meets the new way to the origins, on a connection of the client that is open', async () => {
    await using one = await originServer((_request, response) => response.end('one'));
    await using weir = await startTestWeir({ adaptation: { rules: [] } });
    await using client = await rawClient(weir.proxyPort);
    const ask = async (): Promise<string> => {
      client.send(`GET http://site.test:${one.port}/ HTTP/1.1\r\nHost: site.test:${one.port}\r\n\r\n`);
      return (await client.take(/\r\n\r\n[\s\S]+/)).toString('latin1');
    };
    expect(await ask()).toMatch(/^HTTP\/1\.1 200 [\s\S]*one$/);
    await weir.reload({
      adaptation: { rules: [] },
      proxy: { upstream: { hosts: { '*.test': '127.0.0.2' } } },
    });
    expect(await ask()).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('meets the new TLS rules in a new tunnel', async () => {
    await using origin = await originServer((_request, response) => response.end('hello'), { tls: true });
    await using weir = await startTestWeir();
    const url = `https://site.origin.test:${origin.port}/`;
    expect((await weir.curl(url)).body.toString()).toBe('hello');
    const rules = [{ hosts: ['*.origin.test'], action: 'splice' }];
    expect((await weir.reload({ proxy: { tls: { rules } } })).applied).toEqual(['proxy.tls.rules']);
    const spliced = await weir.curl(url); // the origin's own certificate comes through, which curl does not trust
    expect(spliced.exitCode).toBe(60);
    await weir.reload({ proxy: { tls: { rules: [{ hosts: ['*.origin.test'], action: 'terminate' }] } } });
    expect((await weir.curl(url)).exitCode).not.toBe(0);
    await weir.logged((record) => record.error?.code === 'ERR_PROXY_DENIED');
  });

  test('is logged by the new level, in the new file', async () => {
    await using origin = await originServer((_request, response) => response.end('x'));
    await using weir = await startTestWeir();
    const url = `http://site.test:${origin.port}/`;
    const file = weir.folder.join('second-log');
    await weir.curl(`${url}1`);
    await weir.reload({ log: { file, level: 'info' } });
    await weir.curl(`${url}2`);
    await weir.reload({ log: { file, level: 'error' } });
    await weir.curl(`${url}3`);
    await weir.reload({});
    await weir.curl(`${url}4`);
    await weir.stop();
    const urls = (text: string): string[] =>
      text.split('\n').flatMap((line) => /"kind":"proxy".*"url":"[^"]*\/(\d)"/.exec(line)?.[1] ?? []);
    expect(urls(await readFile(weir.folder.join('log'), 'utf8'))).toEqual(['1', '4']);
    expect(urls(await readFile(file, 'utf8'))).toEqual(['2']);
  });

  test('gets a certificate of the new CA when the folder is another one', async () => {
    await using origin = await originServer((_request, response) => response.end('hello'), { tls: true });
    await using weir = await startTestWeir();
    const url = `https://site.origin.test:${origin.port}/`;
    const { applied } = await weir.reload({ proxy: { certs: weir.folder.join('other-certs') } });
    expect(applied).toEqual(['proxy.certs', 'the certificate authority']);
    expect((await weir.curl(url)).exitCode).toBe(60);
    const other = path.join(weir.folder.path, 'other-certs/ca.pem');
    expect(weir.weir.ca).toEqual({ path: other, created: true });
    expect((await weir.curl(url, '--cacert', other)).body.toString()).toBe('hello');
  });
});

describe('listeners', () => {
  test('are opened and closed; connections of a closed one end behind the request under way', async () => {
    const [first, second] = [await freePort(), await freePort()];
    await using origin = await originServer((_request, response) => response.end('x'));
    const listening = (...ports: number[]) => ({
      proxy: { listen: ['127.0.0.1:0', ...ports.map((port) => `127.0.0.1:${port}`)] },
    });
    await using weir = await startTestWeir(listening(first));
    await using client = await rawClient(first);
    client.send(
      `POST http://site.test:${origin.port}/ HTTP/1.1\r\nHost: x\r\n`,
      'Content-Length: 4\r\nExpect: 100-continue\r\n\r\n',
    );
    await client.take('100 Continue\r\n\r\n');
    client.send('ab');
    await weir.reload(listening(second));
    expect(weir.weir.proxyAddresses).toEqual([`127.0.0.1:${weir.proxyPort}`, `127.0.0.1:${second}`]);
    await accepts(second);
    await accepts(weir.proxyPort);
    await expect(rawClient(first)).rejects.toThrow('ECONNREFUSED');
    client.send('cd');
    expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 200 [\s\S]*Connection: close/);
  });

  test('change from one address to all on the same port', async () => {
    const port = await freePort();
    await using weir = await startTestWeir({ proxy: { listen: `127.0.0.1:${port}` } });
    const { needsRestart } = await weir.reload({ proxy: { listen: `0.0.0.0:${port}` } });
    expect(needsRestart).toEqual([]);
    await using client = await rawClient(port, { host: '127.0.0.2' });
    expect(weir.weir.proxyAddresses).toEqual([`0.0.0.0:${port}`]);
    client.socket.destroy();
  });

  test('of the gateway go on with the exchange under way, and lead the proxy to the new address', async () => {
    const port = await freePort();
    await using weir = await startTestWeir();
    await using client = await rawClient(weir.gatewayPort);
    await beginScan(client);
    client.send(chunk('some'));
    await weir.reload({ gateway: { listen: `127.0.0.1:${port}` } });
    await expect(rawClient(weir.gatewayPort)).rejects.toThrow('ECONNREFUSED');
    client.send(chunk('thing'), LAST_CHUNK);
    expect((await takeAnswer(client)).status).toBe(204);
    await client.closed();
    expect(await istag(port)).toMatch(/^weir-/);
    await using origin = await originServer((_request, response) => response.end(eicar()));
    expect((await weir.curl(`http://site.test:${origin.port}/`)).status).toBe(403);
    const selfish = await weir.curl(`http://127.0.0.1:${port}/`);
    expect(selfish.body.toString()).toContain('own ports');
  });
});

describe('gateway.allow', () => {
  test('G-01 a client that is no longer in it finishes its exchange and is refused the next time', async () => {
    await using weir = await startTestWeir();
    await using client = await rawClient(weir.gatewayPort);
    await beginScan(client);
    client.send(chunk('some'));
    await using idle = await rawClient(weir.gatewayPort);
    await options(idle);
    await weir.reload({ gateway: { allow: ['10.0.0.0/8'] } });
    await idle.closed();
    client.send(LAST_CHUNK);
    expect((await takeAnswer(client)).status).toBe(204);
    await client.closed();
    await using refused = await rawClient(weir.gatewayPort);
    expect((await options(refused)).status).toBe(403);
  });
});

describe('what cannot be put in force while running', () => {
  test('is named, again at each reload, and the rest is applied', async () => {
    await using weir = await startTestWeir();
    const settings = {
      dashboard: { listen: '127.0.0.1:1' },
      log: { level: 'warn', file: weir.folder.join('log') },
    };
    const first = await weir.reload(settings);
    expect(first.applied).toEqual(['log.level']);
    expect(first.needsRestart).toEqual(['dashboard.listen.port']);
    const second = await weir.reload(settings);
    expect(second).toMatchObject({ applied: [], needsRestart: ['dashboard.listen.port'] });
  });

  test('is not the code of a plugin: it is imported anew', async () => {
    await using folder = await tempDir();
    const source = (version: string): string =>
      `export default { [Symbol.for('weir.plugin')]: 1, name: 'mine', version: '${version}', setup() {} };`;
    const file = await folder.write('mine.mjs', source('1'));
    await using weir = await startTestWeir({ plugins: [file] });
    expect((await weir.reload({ plugins: [file] })).needsRestart).toEqual([]);
    await writeFile(file, source('2.0.0'));
    const { applied, needsRestart } = await weir.reload({ plugins: [file] });
    expect([applied, needsRestart]).toEqual([['the code of plugin mine'], []]);
  });
});

test('reloads that are asked for at once run one after the other, and a stop ends them', async () => {
  await using weir = await startTestWeir();
  const { config } = await loadConfig({ path: weir.folder.join('weir.yaml') });
  const level = (name: LogLevel) => weir.weir.reload({ ...config, log: { ...config.log, level: name } });
  const results = await Promise.all([level('warn'), level('warn'), level('info')]);
  expect(results.map(({ applied }) => applied)).toEqual([['log.level'], [], ['log.level']]);
  const stopped = weir.stop();
  await expect(level('debug')).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  await stopped;
});

// The live feed of a running Weir: what viewers see, what is left out, and that nobody watching costs nothing.

import { once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { startWeir } from '../../src/app.ts';
import { wantsDashboard } from '../../src/app/dashboard-part.ts';
import { checkConfigObject } from '../../src/config/load.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';
import { ApiClient } from './api-client.ts';

test('viewers see what goes through, each what its filter wants, and how much there was in all', async () => {
  await using origin = await originServer((request, response) => {
    response.end(request.url === '/eicar' ? eicar() : 'content');
  });
  await using weir = await startTestWeir();
  const api = new ApiClient(weir);
  using all = await api.watch();
  using blocked = await api.watch();
  blocked.subscribe({ filter: { verdict: 'blocked' } });
  blocked.socket.send('nonsense');
  await blocked.hears('problem'); // so that what came before it has been read
  await weir.curl(`${origin.url}/fine`);
  await weir.curl(`${origin.url}/eicar`);
  const isBlock = ({ verdict }: { verdict: string }): boolean => verdict === 'blocked';
  await all.hears('transactions', ({ items }) => items.some(isBlock));
  const items = all.messages.flatMap((message) => (message.type === 'transactions' ? message.items : []));
  expect(items.map(({ url }) => url)).toEqual([`${origin.url}/fine`, `${origin.url}/eicar`]);
  await blocked.hears('transactions', (message) => message.items.some(isBlock));
  const seen = blocked.messages.flatMap((message) => (message.type === 'transactions' ? message.items : []));
  expect(seen).toMatchObject([{ verdict: 'blocked' }]);
  const { json } = await api.ask('/api/status');
  expect(json.viewers).toBe(2);
});

test.each([
  ['in this process', { min: 0 }],
  ['in a worker process', { min: 1, max: 1 }],
])(
  'what the proxy asks its own gateway %s over TCP is there once, with what was found, and other ICAP clients are there, too',
  async (_, workers) => {
    await using origin = await originServer((request, response) => {
      response.end(request.url === '/eicar' ? eicar() : 'content');
    });
    let gateway = 0;
    await using weir = await startTestWeir((port) => ({
      gateway: { workers },
      adaptation: {
        services: { scan: { url: `icap://localhost:${(gateway = port)}/sandblast`, inProcess: false } },
        rules: [{ point: 'respmod', use: ['scan'] }],
      },
    }));
    const api = new ApiClient(weir);
    using viewer = await api.watch();
    await weir.curl(`${origin.url}/ours`);
    await weir.curl(`${origin.url}/eicar`);
    const head = 'GET http://foreign.test/ HTTP/1.1\r\nHost: foreign.test\r\n\r\n';
    await rawExchange(
      gateway,
      `REQMOD icap://127.0.0.1:${gateway}/sandblast ICAP/1.0\r\nHost: 127.0.0.1\r\nAllow: 204\r\n` +
        `Connection: close\r\nEncapsulated: req-hdr=0, null-body=${head.length}\r\n\r\n${head}`,
    );
    await viewer.hears('transactions', ({ items }) => items.some(({ url }) => url.includes('foreign.test')));
    const seen = viewer.messages.flatMap((message) => (message.type === 'transactions' ? message.items : []));
    const urls = [`${origin.url}/ours`, `${origin.url}/eicar`, 'http://foreign.test/'];
    expect(seen.map(({ url }) => url)).toEqual(urls);
    const { items } = (await api.ask('/api/transactions')).json;
    expect(items.map(({ url }: { url: string }) => url).toSorted()).toEqual(urls.toSorted());
    const blocked = seen.find(({ verdict }) => verdict === 'blocked')!;
    const { incident } = (await api.ask(`/api/transactions/${blocked.id}`)).json;
    expect(incident).toMatchObject({ id: blocked.incident, blade: 'antivirus', profile: 'optimized' });
  },
);

test('a paused viewer sees no transaction, and states of services all the same', async () => {
  await using origin = await originServer((_, response) => void response.end('content'));
  const services = { scan: { url: `icap://127.0.0.1:${await freePort()}/scan`, onError: 'bypass' } };
  await using weir = await startTestWeir({
    adaptation: { services, rules: [{ point: 'respmod', use: ['scan'] }] },
  });
  const api = new ApiClient(weir);
  using viewer = await api.watch();
  viewer.subscribe({ paused: true });
  viewer.socket.send('[]');
  await viewer.hears('problem');
  await weir.curl(origin.url);
  const told = await viewer.hears('transactions', ({ total }) => total > 0);
  expect(told).toMatchObject({ items: [], skipped: 0, total: 1 });
  const { services: states } = await viewer.hears('services');
  expect(states).toMatchObject([{ name: 'scan', state: 'down' }]);
  const { json } = await api.ask('/api/services');
  expect(json.services[0]).toMatchObject({ circuit: 'open', cause: { code: 'ERR_ADAPT_UNAVAILABLE' } });
  expect(json.services[0].history).toMatchObject([{ state: 'down', cause: 'ERR_ADAPT_UNAVAILABLE' }]);
});

describe('where the log has no records', () => {
  test('none is made as long as nobody watches, and counts are there nevertheless', async () => {
    await using origin = await originServer((_, response) => void response.end('content'));
    await using weir = await startTestWeir({ log: { level: 'warn' } });
    const api = new ApiClient(weir);
    await weir.curl(`${origin.url}/before`);
    const before = (await api.ask('/api/transactions?q=before')).json;
    expect(before.kept).toBe(0);
    expect(before.items).toHaveLength(1); // from its trace
    expect((await api.ask('/api/status')).json.counts.transactions).toBe(1);
    using viewer = await api.watch();
    await weir.curl(`${origin.url}/after`);
    await viewer.hears('transactions', ({ items }) => items[0]?.url === `${origin.url}/after`);
    expect((await api.ask('/api/transactions')).json.items).toHaveLength(1);
  });
});

test('a gateway alone shows what its ICAP clients have asked, where its dashboard has an address of its own', async () => {
  await using folder = await tempDir();
  const port = await freePort();
  const settings = {
    gateway: { listen: `127.0.0.1:${port}`, workers: { min: 0 } },
    dashboard: { listen: '127.0.0.1:0' },
    proxy: { certs: 'certs' },
    log: { file: 'log' },
  };
  const { config } = checkConfigObject(settings, folder.path);
  const weir = await startWeir(config, { proxy: false, gateway: true });
  try {
    const api = new ApiClient({ weir });
    using viewer = await api.watch();
    const http = 'GET http://www.test/ HTTP/1.1\r\nHost: www.test\r\n\r\n';
    const head = `REQMOD icap://127.0.0.1/sandblast ICAP/1.0\r\nHost: 127.0.0.1\r\nAllow: 204\r\nConnection: close\r\n`;
    await rawExchange(port, `${head}Encapsulated: req-hdr=0, null-body=${http.length}\r\n\r\n${http}`);
    const { items } = await viewer.hears('transactions', (message) => message.items.length > 0);
    expect(items).toMatchObject([
      { kind: 'gateway', method: 'REQMOD', url: 'http://www.test/', client: '127.0.0.1', verdict: 'allowed' },
    ]);
    expect((await api.ask('/api/status')).json).toMatchObject({
      ready: true,
      features: { proxy: false, gateway: true },
    });
    const test = await api.ask('/api/policy/test', { method: 'POST', body: { url: 'http://a.test/' } });
    expect([test.status, (await api.ask('/api/trust')).status]).toEqual([404, 404]);
    expect(wantsDashboard(checkConfigObject({}).config, { proxy: false, gateway: true })).toBe(false);
  } finally {
    await weir.stop(0);
  }
});

test('a message that is too long ends the connection of its viewer, and nobody else’s', async () => {
  await using weir = await startTestWeir();
  const api = new ApiClient(weir);
  using good = await api.watch();
  using bad = await api.watch();
  const closed = once(bad.socket, 'close') as Promise<[number]>;
  bad.socket.send('x'.repeat(20_000));
  expect((await closed)[0]).toBe(1009);
  good.socket.send('{}');
  await good.hears('problem');
});

test('the twenty-first viewer is turned away', async () => {
  await using weir = await startTestWeir();
  const api = new ApiClient(weir);
  const viewers = await Promise.all(Array.from({ length: 20 }, () => api.watch()));
  const headers = { cookie: await api.cookie(), origin: api.origin };
  expect(await api.refusedUpgrade(headers)).toBe(503);
  for (const viewer of viewers) viewer[Symbol.dispose]();
});

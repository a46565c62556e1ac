// Networks of clients, and what one client may use: connections and requests. Each limit is told with a page
// where the client can read one, and in the log a few times, not each time.

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient, rawClientOn } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir } from '../../support/weir.ts';

const ALLOWED = '127.5.5.5';
let weir: LocalWeir;
let origin: OriginServer;

beforeAll(async () => {
  origin = await originServer((request, response) => response.end(`here ${request.url}`));
  weir = await startTestWeir();
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin.close();
});

const use = (clients: Record<string, unknown>) => weir.reload({ proxy: { clients } });
beforeEach(() => use({}));

async function from(localAddress: string, port = weir.proxyPort) {
  const socket = connect({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true });
  await once(socket, 'connect');
  return rawClientOn(socket);
}

const request = (path: string): string =>
  `GET http://site.test:${origin.port}${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('a client of another network gets a page that says so, and is closed', async () => {
  await use({ allow: ['127.5.0.0/16'] });
  await using stranger = await rawClient(weir.proxyPort);
  stranger.send(request('/'));
  const page = (await stranger.closed()).toString();
  expect(page).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
  expect(page).toContain('This proxy is not for your device');
  await using friend = await from(ALLOWED);
  friend.send(request('/friend'));
  await friend.until('here /friend');
  const [line] = await weir.logged(({ msg }) => msg?.includes('is not in proxy.clients.allow') === true);
  expect(line).toMatchObject({ level: 'warn', client: '127.0.0.1', code: 'ERR_PROXY_CLIENT' });
});

test('a client whose network is taken out of the list is closed when it has been answered', async () => {
  await using client = await rawClient(weir.proxyPort);
  client.send(request('/1'));
  await client.take('here /1');
  await use({ allow: [ALLOWED] });
  await client.closed();
});

test('connections beyond the limit of a client get 429, those of others are served', async () => {
  await use({ connections: 2 });
  await using one = await rawClient(weir.proxyPort);
  await using two = await rawClient(weir.proxyPort);
  for (const client of [one, two]) {
    client.send(request('/c'));
    await client.take('here /c');
  }
  await using three = await rawClient(weir.proxyPort);
  three.send(request('/'));
  const page = (await three.closed()).toString();
  expect(page).toMatch(/^HTTP\/1\.1 429 Too Many Requests\r\n[^]*Retry-After: 1\r\n/);
  expect(page).toContain('Too many connections');
  await using other = await from(ALLOWED);
  other.send(request('/o'));
  await other.until('here /o');
  one.end();
  await one.closed();
  one.socket.destroy();
  // The place is free as soon as the connection has gone.
  for (let served = false; !served;) {
    await using again = await rawClient(weir.proxyPort);
    again.send(request('/again'));
    served = /here \/again|429/.exec((await again.until(/here \/again|429/)).toString())![0] !== '429';
  }
});

test('requests beyond the rate get 429 with Retry-After, the connection stays', async () => {
  await use({ requestsPerSecond: 1, burst: 2 });
  await using client = await from('127.5.5.6');
  client.send(request('/a'), request('/b'), request('/c'));
  const answers = (await client.until(/429[^]*<\/html>/)).toString();
  expect(answers).toContain('here /a');
  expect(answers).toContain('here /b');
  expect(answers).toMatch(/HTTP\/1\.1 429 Too Many Requests\r\nRetry-After: 1\r\n/);
  await use({});
  client.send(request('/d'));
  await client.until('here /d');
});

test('the rate counts tunnels and what goes through them', async () => {
  await use({ requestsPerSecond: 1, burst: 2 });
  await using client = await from('127.5.5.7');
  client.send(`CONNECT site.test:${origin.port} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await client.take('200 Connection Established\r\n\r\n');
  client.send('GET /in HTTP/1.1\r\nHost: site.test\r\n\r\n', 'GET /in HTTP/1.1\r\nHost: site.test\r\n\r\n');
  await client.until(/here \/in[^]*429 Too Many Requests/);
  await using socks = await from('127.5.5.7');
  socks.send(Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80]));
  expect((await socks.closed()).toString('hex')).toBe('050005020001000000000000');
});

test('a flood of refusals is a few lines of the log', async () => {
  await use({ requestsPerSecond: 1, burst: 1 });
  const isLine = ({ msg }: { readonly msg?: string }): boolean =>
    msg?.startsWith('127.6.6.6 sends more') === true;
  await using client = await from('127.6.6.6');
  client.send(...Array.from({ length: 40 }, () => request('/flood')));
  await client.until((received) => (received.toString().match(/HTTP\/1\.1 /g)?.length ?? 0) === 40);
  await weir.logged(isLine, 5);
  expect(weir.log().filter(isLine).length).toBeLessThanOrEqual(6);
});

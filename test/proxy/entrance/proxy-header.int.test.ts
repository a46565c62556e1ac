// The PROXY protocol in front of the proxy: HAProxy with both versions, before HTTP, SOCKS and TLS, and
// whoever is no balancer or sends something else.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { curl } from '../../support/curl.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { describeWithPeer } from '../../support/peers/describeWithPeer.ts';
import { startHAProxy } from '../../support/peers/haproxy.ts';
import { rawClient } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir } from '../../support/weir.ts';
import { binary, line } from '../../icap/server/proxy-headers.ts';

let weir: LocalWeir;
let origin: OriginServer;
let port: number;

beforeAll(async () => {
  origin = await originServer((request, response) => response.end(`here ${request.url}`));
  weir = await startTestWeir({
    proxy: {
      listen: [
        { listen: '127.0.0.1:0', tls: true, proxyProtocol: true },
        { listen: '127.0.0.1:0', proxyProtocol: ['192.0.2.0/24'] },
      ],
      clients: { allow: ['127.5.5.5', '192.0.2.0/24', '2001:db8::/32'] },
      limits: { handshakeTimeout: '300ms' },
    },
  });
  port = weir.proxyPort;
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origin.close();
});

const request = (path: string): string =>
  `GET http://site.test:${origin.port}${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const clientOf = async (path: string): Promise<unknown> =>
  (await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path)))[0]!['client'];

test.each([
  ['version 1', line('192.0.2.7'), '192.0.2.7'],
  ['version 2', binary('2001:db8::7', 1, { checksum: true }), '2001:db8::7'],
])('%s names the client, in one piece with the request or byte by byte', async (_, header, address) => {
  await using whole = await rawClient(port);
  whole.send(Buffer.concat([Buffer.from(header), Buffer.from(request(`/whole-${address}`))]));
  await whole.until('here /whole');
  expect(await clientOf(`/whole-${address}`)).toBe(address);
  await using cut = await rawClient(port);
  cut.socket.setNoDelay(true);
  for (const byte of Buffer.from(header)) {
    cut.send(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  cut.send(request(`/cut-${address}`));
  await cut.until('here /cut');
  expect(await clientOf(`/cut-${address}`)).toBe(address);
});

test('SOCKS and TLS to the proxy stand behind the header', async () => {
  await using socks = await rawClient(port);
  const connect = Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, origin.port >> 8, origin.port & 0xff]);
  socks.send(line('192.0.2.8'), connect, 'GET /behind-socks HTTP/1.1\r\nHost: site.test\r\n\r\n');
  await socks.until('here /behind-socks');
  expect(await clientOf('/behind-socks')).toBe('192.0.2.8');
});

describe('closed without an answer, and logged, is whoever', () => {
  test.each([
    ['sends none', 'GET http://site.test/ HTTP/1.1\r\n\r\n', 'no valid PROXY header: the connection begins'],
    ['sends a broken one', 'PROXY TCP4 somewhere\r\n', 'no valid PROXY header: not an address line'],
    ['sends half of one and closes', 'PROXY TCP4 192.', 'no valid PROXY header: the connection ended in it'],
  ])('%s', async (_, bytes, why) => {
    await using client = await rawClient(port);
    client.send(bytes);
    client.end();
    expect((await client.closed()).length).toBe(0);
    const [entry] = await weir.logged(({ msg }) => msg?.startsWith(why) === true);
    expect(entry).toMatchObject({ level: 'warn', code: 'ERR_PROXY_HEADER' });
  });

  test('sends the rest of one too late', async () => {
    await using client = await rawClient(port);
    client.send('PROXY TCP4 192.');
    await client.closed();
    await weir.logged(({ msg }) => msg?.startsWith('no complete PROXY header in time') === true);
  });

  test('is none of the balancers', async () => {
    const other = Number(weir.weir.proxyAddresses[1]!.split(':').at(-1));
    await using client = await rawClient(other);
    client.send(line('192.0.2.7'), request('/'));
    await client.closed();
    await weir.logged(({ msg }) => msg?.startsWith('127.0.0.1 is none of the balancers') === true);
  });
});

test('the client that is named is the one whose network counts', async () => {
  await using client = await rawClient(port);
  client.send(line('198.51.100.1'), request('/'));
  await client.closed();
  await weir.logged(({ msg }) => msg?.startsWith('198.51.100.1 is not in proxy.clients.allow') === true);
});

describeWithPeer('haproxy', () => {
  test.each(['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id'])(
    '%s: HTTP, SOCKS and TLS through the balancer carry the address of the client',
    async (server) => {
      await using balancer = await startHAProxy({ to: port, server });
      for (const scheme of ['http', 'https', 'socks5h']) {
        const path = `/${scheme}-${server.length}`;
        const answer = await curl([
          ...['--proxy', `${scheme}://127.0.0.1:${balancer.port}`, '--proxy-cacert', weir.caPath],
          ...['--interface', '127.5.5.5', `http://site.test:${origin.port}${path}`],
        ]);
        expect(answer.body.toString()).toBe(`here ${path}`);
        expect(await clientOf(path)).toBe('127.5.5.5');
      }
    },
  );
});

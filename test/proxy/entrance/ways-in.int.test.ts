// One port for everything: HTTP, SOCKS and TLS to the proxy, told apart by the first byte, as curl and bare
// sockets speak them.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect as connectTls } from 'node:tls';
import { curl } from '../../support/curl.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient, rawClientOn } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir } from '../../support/weir.ts';

let weir: LocalWeir;
let plain: OriginServer;
let secure: OriginServer;
let port: number;

beforeAll(async () => {
  plain = await originServer((request, response) =>
    response.end(`plain ${request.headers.host} ${request.url}`),
  );
  secure = await originServer((request, response) => response.end(`secure ${request.url}`), { tls: true });
  weir = await startTestWeir({
    proxy: {
      listen: [
        { listen: '127.0.0.1:0', tls: { names: ['proxy.test'] } },
        { listen: '[::1]:0', mode: 'socks5' },
        { listen: '127.0.0.1:0', mode: 'http', tls: true },
      ],
      tls: { rules: [{ hosts: ['denied.test'], action: 'terminate' }] },
    },
  });
  port = weir.proxyPort;
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await plain.close();
  await secure.close();
});

const portAt = (index: number): number => Number(weir.weir.proxyAddresses[index]!.split(':').at(-1));
const trusting = (): string[] => ['--cacert', weir.caPath, '--proxy-cacert', weir.caPath];

describe('one port', () => {
  test.each([
    ['http://127.0.0.1'],
    ['https://127.0.0.1'],
    ['https://localhost'],
    ['socks5h://127.0.0.1'],
    ['socks5://127.0.0.1'],
    ['socks4a://127.0.0.1'],
    ['socks4://127.0.0.1'],
  ])('serves %s as curl speaks it', async (proxy) => {
    // socks4 and socks5 resolve the name themselves.
    const host =
      proxy.endsWith('a://127.0.0.1') || proxy.startsWith('http') || proxy.startsWith('socks5h')
        ? 'site.test'
        : '127.0.0.1';
    const via = ['--proxy', `${proxy}:${port}`, ...trusting()];
    const answer = await curl([...via, `http://${host}:${plain.port}/a?b`]);
    expect(answer.body.toString()).toBe(`plain ${host}:${plain.port} /a?b`);
    const secret = await curl([...via, `https://localhost:${secure.port}/c`]);
    expect({ text: secret.body.toString(), stderr: secret.stderr }).toEqual({
      text: 'secure /c',
      stderr: '',
    });
  });

  test('what comes by SOCKS is inspected and logged with its whole URL', async () => {
    await curl([
      '--proxy',
      `socks5h://127.0.0.1:${port}`,
      ...trusting(),
      `http://logged.test:${plain.port}/x`,
    ]);
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.includes('logged.test'));
    expect(record).toMatchObject({
      url: `http://logged.test:${plain.port}/x`,
      method: 'GET',
      client: '127.0.0.1',
      status: 200,
    });
    expect(record!.adaptation.map(({ method }) => method)).toContain('RESPMOD');
  });

  test('the certificate of the proxy names this machine and what was configured', async () => {
    for (const servername of ['proxy.test', 'localhost']) {
      const socket = connectTls({ port, host: '127.0.0.1', ca: weir.ca, servername });
      await using client = rawClientOn(socket);
      client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until('400 Bad Request'); // no request for a proxy, but it was read
      expect(socket.authorized).toBe(true);
    }
  });

  test('a first byte that is neither gets the page of a broken request', async () => {
    await using client = await rawClient(port);
    client.send('\x01\x02\r\n\r\n');
    await client.until('HTTP/1.1 400 Bad Request');
  });
});

describe('mode', () => {
  test('socks5 on an IPv6 address takes nothing else', async () => {
    const through = await curl([
      ...['--proxy', `socks5h://[::1]:${portAt(1)}`, ...trusting()],
      `http://site.test:${plain.port}/`,
    ]);
    expect(through.status).toBe(200);
    await using client = await rawClient(portAt(1), { host: '::1' });
    client.send('GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n');
    expect((await client.closed()).length).toBe(0);
    await weir.logged(({ msg }) => msg?.includes('does not begin as SOCKS does') === true);
  });

  test('http with tls takes nothing in the clear', async () => {
    await using client = await rawClient(portAt(2));
    client.send('GET http://site.test/ HTTP/1.1\r\nHost: site.test\r\n\r\n');
    await client.closed();
    await weir.logged(({ msg }) => msg?.startsWith('TLS handshake with the proxy failed') === true);
  });
});

const CONNECT = (host: string, to: number): Buffer =>
  Buffer.concat([
    Buffer.from([5, 1, 0, 3, host.length]),
    Buffer.from(host),
    Buffer.from([to >> 8, to & 0xff]),
  ]);

describe('SOCKS answers', () => {
  test.each([
    ['a target of ours', () => CONNECT('127.0.0.1', port), '0502'],
    ['a target that rules terminate', () => CONNECT('denied.test', 443), '0502'],
    ['BIND', () => Buffer.from([5, 2, 0, 1, 127, 0, 0, 1, 0, 80]), '0507'],
    ['UDP ASSOCIATE', () => Buffer.from([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]), '0507'],
    ['a name that is none', () => CONNECT('a b', 80), '0508'],
  ])('%s with a reply that says so, and closes', async (_, request, reply) => {
    await using client = await rawClient(port);
    client.send(Buffer.from([5, 1, 0]), request()); // without waiting in between
    expect((await client.closed()).toString('hex')).toBe(`0500${reply}0001000000000000`);
  });

  test.each([
    ['no method that is known', [5, 1, 1], '05ff'],
    ['SOCKS4 BIND', [4, 2, 0, 80, 127, 0, 0, 1, 0], '005b000000000000'],
  ])('%s likewise', async (_, bytes, answer) => {
    await using client = await rawClient(port);
    client.send(Buffer.from(bytes));
    expect((await client.closed()).toString('hex')).toBe(answer);
  });

  test('a client that insists on a password where none is asked for is let in', async () => {
    await using client = await rawClient(port);
    client.send(Buffer.from([5, 1, 2]), Buffer.from([1, 1, 0x61, 1, 0x62]), CONNECT('127.0.0.1', plain.port));
    client.send('GET /raw HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    await client.until('plain 127.0.0.1 /raw');
    expect(client.received().toString('hex').startsWith('0502010005000001000000000000')).toBe(true);
  });

  test('byte by byte it is the same', async () => {
    await using client = await rawClient(port);
    client.socket.setNoDelay(true);
    const all = Buffer.concat([
      Buffer.from([5, 1, 0]),
      CONNECT('127.0.0.1', plain.port),
      Buffer.from('GET /b HTTP/1.0\r\n\r\n'),
    ]);
    for (const byte of all) {
      client.send(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.until('plain 127.0.0.1:');
  });
});

// Connections that were redirected to the proxy: their clients speak to an origin, and where that is shows
// in the server name of TLS or in Host.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { connect } from 'node:tls';
import { noteOwnConnection } from '../../../src/util/own-connections.ts';
import { curl } from '../../support/curl.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { rawClient, rawClientOn } from '../../support/rawClient.ts';
import { startTestWeir } from '../../support/weir.ts';
import type { LocalWeir, LogRecord } from '../../support/weir.ts';
import { binary } from '../../icap/server/proxy-headers.ts';

let weir: LocalWeir;
let plain: OriginServer;
let secure: OriginServer;
let port: number;
let behind: number;

beforeAll(async () => {
  plain = await originServer((request, response) =>
    response.end(`plain ${request.headers.host} ${request.url}`),
  );
  secure = await originServer((request, response) => response.end(`secure ${request.url}`), {
    tls: true,
    names: ['site.test'],
  });
  weir = await startTestWeir({
    proxy: {
      listen: [
        { listen: '127.0.0.1:0', mode: 'transparent' },
        { listen: '127.0.0.1:0', mode: 'transparent', proxyProtocol: true },
      ],
      tls: {
        rules: [
          { hosts: ['denied.test'], action: 'terminate' },
          { hosts: ['spliced.test'], action: 'splice' },
        ],
      },
    },
  });
  [port, behind] = weir.weir.proxyAddresses.map((address) => Number(address.split(':').at(-1))) as [
    number,
    number,
  ];
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await plain.close();
  await secure.close();
});

/** What a balancer puts in front for a client of 192.0.2.7 that had connected to 203.0.113.1 and this port. */
function header(to: number): Buffer {
  const bytes = binary('192.0.2.7', 40_000);
  bytes.writeUInt16BE(to, 26);
  return bytes;
}

describe('plain HTTP', () => {
  test('goes where Host says, inspected, page for page', async () => {
    const host = `site.test:${plain.port}`;
    const answer = await curl([
      '--connect-to',
      `::127.0.0.1:${port}`,
      `http://${host}/p?q`,
      '--next',
      '--connect-to',
      `::127.0.0.1:${port}`,
      `http://${host}/2`,
    ]);
    expect(answer.body.toString()).toBe(`plain ${host} /p?qplain ${host} /2`);
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/p?q'));
    expect(record).toMatchObject({ url: `http://${host}/p?q`, status: 200, tls: null });
    expect(record!.adaptation).toHaveLength(2);
  });

  test('a balancer names the client and the port, Host the machine', async () => {
    await using client = await rawClient(behind);
    client.send(header(plain.port), 'GET /balanced HTTP/1.1\r\nHost: site.test\r\n\r\n');
    await client.until(`plain site.test:${plain.port} /balanced`);
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/balanced'));
    expect(record).toMatchObject({ client: '192.0.2.7', url: `http://site.test:${plain.port}/balanced` });
  });

  test.each([
    ['no Host', 'GET / HTTP/1.0\r\n\r\n', 'ERR_PROXY_TRANSPARENT'],
    ['a Host that is none', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 'ERR_HTTP_HOST'],
    ['CONNECT', 'CONNECT site.test:443 HTTP/1.1\r\nHost: site.test\r\n\r\n', 'ERR_HTTP_TARGET'],
  ])('%s is refused with a page', async (_, request, code) => {
    await using client = await rawClient(port);
    client.send(request);
    await client.until(code);
    expect(client.received().toString()).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('a Host that is the proxy itself leads nowhere', async () => {
    for (const host of [`127.0.0.1:${port}`, `self.test:${port}`]) {
      await using client = await rawClient(port);
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      await client.until('ERR_PROXY_SELF');
    }
  });
});

describe('TLS', () => {
  const connected = (servername: string | null, to = behind, first = header(secure.port)) =>
    new Promise<Awaited<ReturnType<typeof rawClient>>>((resolve, reject) => {
      rawClient(to).then((raw) => {
        raw.send(first);
        raw.socket.removeAllListeners('data');
        const options = { socket: raw.socket, ca: weir.ca, ...(servername === null ? {} : { servername }) };
        const socket = connect({ ...options, checkServerIdentity: () => undefined }, () =>
          resolve(rawClientOn(socket)),
        );
        socket.once('error', reject);
      }, reject);
    });

  test('goes where its server name says, decrypted and inspected', async () => {
    await using client = await connected('site.test');
    client.send('GET /t HTTP/1.1\r\nHost: site.test\r\n\r\n');
    await client.until('secure /t');
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/t'));
    expect(record).toMatchObject({ client: '192.0.2.7', tls: { sni: 'site.test', action: 'bump' } });
  });

  test('goes through unread where a rule says so', async () => {
    await expect(connected('spliced.test')).rejects.toThrow(/unable to verify/); // it is the origin's certificate
    const isTunnel = ({ kind, url }: LogRecord): boolean =>
      kind === 'proxy' && url === `spliced.test:${secure.port}`;
    expect((await weir.logged(isTunnel))[0]).toMatchObject({
      tls: { action: 'splice' },
      verdict: 'bypassed',
    });
  });

  test('to a name that rules terminate is closed', async () => {
    await expect(connected('denied.test')).rejects.toThrow();
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.startsWith('denied.test'));
    expect(record).toMatchObject({ status: 0, error: { code: 'ERR_PROXY_DENIED' } });
  });

  test('without a server name, and without a balancer who knows more, is closed', async () => {
    await expect(connected(null, port, Buffer.alloc(0))).rejects.toThrow();
    await weir.logged(({ code }) => code === 'ERR_PROXY_TRANSPARENT');
  });

  test('a broken ClientHello is closed', async () => {
    await using client = await rawClient(port);
    client.send(Buffer.from('160301000a0200000600000000000000', 'hex'));
    await client.closed();
    await weir.logged(({ msg }) => msg?.startsWith('broken ClientHello') === true);
  });
});

test.each(['GET / HTTP/1.1\r\nHost: site.test\r\n\r\n', '\x16\x03\x01'])(
  'a connection of its own that the packet filter redirects to it ends there (%j)',
  async (first) => {
    await using client = await rawClient(port);
    noteOwnConnection(client.socket); // as for every connection that it opens
    client.send(first);
    expect((await client.closed()).length).toBe(0);
    await weir.logged(({ code }) => code === 'ERR_PROXY_LOOP');
  },
);

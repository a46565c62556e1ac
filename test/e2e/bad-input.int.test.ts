// What nobody should send, sent to the proxy: each gets a clear refusal or a closed connection, leaves one
// line in the log that says why, and harms nobody who comes after it.

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import {
  connectThrough,
  openTunnel,
  rawClient,
  type RawClient,
  rawClientOn,
  rawExchange,
} from '../support/rawClient.ts';
import { type LogRecord, spawnTestWeir, startTestWeir, type TestWeir } from '../support/weir.ts';
import { type Origins, startOrigins } from './lab.ts';

let weir: TestWeir;
let origins: Origins;
let logged = 0; // lines of the log that belong to earlier tests

beforeAll(async () => {
  origins = await startOrigins();
  weir = await startTestWeir({
    proxy: {
      limits: { headTimeout: '300ms', handshakeTimeout: '300ms', headerBytes: '16KiB', uriBytes: '2KiB' },
    },
  });
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  await origins[Symbol.asyncDispose]();
});
afterEach(async () => {
  const url = origins.url('https', `/clean?after${logged}`);
  const { status, stderr } = await weir.curl(url);
  expect(stderr).toBe('');
  expect(status).toBe(200);
  await weir.logged((record) => record.kind === 'proxy' && record.url === url);
  logged = weir.log().length;
});

/** Proxy records of this test so far. */
const ownRecords = (): LogRecord[] =>
  weir
    .log()
    .slice(logged)
    .filter(({ kind }) => kind === 'proxy');

/** The one proxy record that this test has caused. */
async function onlyRecord(): Promise<LogRecord> {
  await weir.logged(() => ownRecords().length > 0);
  expect(ownRecords()).toHaveLength(1);
  return ownRecords()[0]!;
}

const send = (bytes: string | Buffer): Promise<Buffer> => rawExchange(weir.proxyPort, bytes);
const statusOf = (answer: Buffer): number =>
  Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer.toString('latin1'))?.[1]);

/** Sends bytes and expects one answer with that status, a closed connection, and one record with the code. */
async function refused(bytes: string | Buffer, status: number, code: string): Promise<LogRecord> {
  const answer = await send(bytes);
  const text = answer.toString('latin1');
  expect(statusOf(answer)).toBe(status);
  expect(text).toMatch(/\r\nConnection: close\r\n/);
  expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  const record = await onlyRecord();
  expect(record).toMatchObject({ status, verdict: 'error', error: { code } });
  expect(text).toContain(`X-Weir-Incident: ${record.incident}\r\n`);
  expect(text).toContain(code);
  return record;
}

describe('CONNECT with a malformed target', () => {
  const label = 'a'.repeat(64);
  test.each([
    ...['host.test', 'host.test:', ':443', 'host.test:0', 'host.test:65536', 'host.test:443x'],
    ...['host.test:-1', 'host.test:+443', 'host.test:0443', 'user@host.test:443', 'http://host.test:443'],
    ...['http://host.test/', '/', '*', 'host.test:443/', 'host.test:443?x', 'host.test:443#x'],
    ...['[::1', '[::1]', '[::1]:', '[:::1]:443', '[::1%25eth0]:443', '::1:443', 'host..test:443'],
    ...['.host.test:443', '-host.test:443', `${label}.test:443`, `${'a.'.repeat(127)}test:443`, '127.1:443'],
    ...['0x7f.1:443', '2130706433:443', '0177.0.0.1:443', '256.1.1.1:443', 'h%6fst.test:443'],
    ...['h\xf6st.test:443', 'host.test:443,b.test:443', 'host.test:443:443', 'https:443:1'],
  ])('%p is answered 400', async (target) => {
    const record = await refused(
      `CONNECT ${target} HTTP/1.1\r\nHost: host.test\r\nConnection: close\r\n\r\n`,
      400,
      'ERR_HTTP_TARGET',
    );
    expect(record).toMatchObject({ method: 'CONNECT', url: target });
  });

  test('a client that tries again on the same connection is answered again', async () => {
    await using client = await rawClient(weir.proxyPort);
    client.send('CONNECT host.test HTTP/1.1\r\nHost: host.test\r\n\r\n');
    await client.take(/<\/html>\s*$/);
    client.send(`GET ${origins.url('http', '/clean')} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect((await client.take('\r\n\r\n')).toString()).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('a request that is no request to a proxy', () => {
  test.each([
    ['https in absolute form', 'GET https://host.test/ HTTP/1.1', 'CONNECT for https'],
    ['another scheme', 'GET ftp://host.test/ HTTP/1.1', 'ftp'],
    ['origin form', 'GET /path HTTP/1.1', 'this is a proxy'],
    ['a bare asterisk', 'OPTIONS * HTTP/1.1', 'this is a proxy'],
    ['authority form', 'GET host.test:80 HTTP/1.1', 'this is a proxy'],
    ['userinfo', 'GET http://me:secret@host.test/ HTTP/1.1', 'not a host and port'],
    ['a fragment', 'GET http://host.test/#here HTTP/1.1', 'fragment'],
    ['no host', 'GET http:///path HTTP/1.1', 'not a host and port'],
    ['port 0', 'GET http://host.test:0/ HTTP/1.1', 'not a host and port'],
  ])('%s is answered 400', async (_what, line, reason) => {
    const record = await refused(`${line}\r\nHost: h\r\nConnection: close\r\n\r\n`, 400, 'ERR_HTTP_TARGET');
    expect(record.error!.message).toContain(reason);
  });
});

describe('a broken head', () => {
  const get = (fields: string, line = 'GET http://origin.test/ HTTP/1.1'): string =>
    `${line}\r\n${fields}\r\n`;
  const host = 'Host: origin.test\r\n';
  test.each<[string, string, number, string]>([
    ['header over the limit', get(`${host}X: ${'x'.repeat(17_000)}\r\n`), 431, 'ERR_HTTP_HEAD_TOO_LARGE'],
    ['too many fields', get(host + 'X: y\r\n'.repeat(201)), 431, 'ERR_HTTP_HEAD_TOO_LARGE'],
    ['endless line', 'GET http://origin.test/' + 'x'.repeat(20_000), 431, 'ERR_HTTP_HEAD_TOO_LARGE'],
    [
      'URI over the limit',
      get(host, `GET http://origin.test/${'x'.repeat(3000)} HTTP/1.1`),
      414,
      'ERR_HTTP_TARGET_TOO_LONG',
    ],
    ['bare LF', `GET http://origin.test/ HTTP/1.1\n${host}\n`, 400, 'ERR_HTTP_FIELD'],
    ['bare LF between fields', get(`${host}A: b\nC: d\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['bare CR', get(`${host}A: b\rC: d\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['obsolete folding', get(`${host}A: b\r\n c\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['NUL in a name', get(`${host}A\0b: c\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['NUL in a value', get(`${host}A: b\0\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['blank before the colon', get(`${host}A : b\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['no colon', get(`${host}nonsense\r\n`), 400, 'ERR_HTTP_FIELD'],
    ['no Host', get('A: b\r\n'), 400, 'ERR_HTTP_HOST'],
    ['two Hosts', get(`${host}Host: other.test\r\n`), 400, 'ERR_HTTP_HOST'],
    ['HTTP/2.0', get(host, 'GET http://origin.test/ HTTP/2.0'), 505, 'ERR_HTTP_VERSION'],
    ['HTTP/0.9', get(host, 'GET http://origin.test/ HTTP/0.9'), 505, 'ERR_HTTP_VERSION'],
    ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'ERR_HTTP_VERSION'],
    ['no version', 'GET http://origin.test/\r\n\r\n', 400, 'ERR_HTTP_REQUEST_LINE'],
    ['two blanks', get(host, 'GET  http://origin.test/ HTTP/1.1'), 400, 'ERR_HTTP_REQUEST_LINE'],
    ['no method', get(host, ' http://origin.test/ HTTP/1.1'), 400, 'ERR_HTTP_REQUEST_LINE'],
    ['ICAP', 'OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n', 400, 'ERR_HTTP_REQUEST_LINE'],
    ['noise', '\x01\x02\x03\xff\xfe\r\n\r\n', 400, 'ERR_HTTP_FIELD'],
  ])('%s is refused', async (_what, bytes, status, code) => {
    await refused(bytes, status, code);
  });

  test('a TLS handshake on the proxy port is refused', async () => {
    const answer = await send(Buffer.from('16030100c8010000c40303\r\n\r\n', 'latin1'));
    expect(statusOf(answer)).toBe(400);
    const socket = net.connect(weir.proxyPort, '127.0.0.1');
    await expect(
      new Promise((resolve, reject) => {
        socket.once('error', reject);
        void import('node:tls').then((tls) => {
          const secure = tls.connect({ socket, rejectUnauthorized: false });
          secure.once('secureConnect', resolve);
          secure.once('error', reject);
        });
      }),
    ).rejects.toThrow();
    socket.destroy();
  });

  test('a head that is not finished in time is answered 408', async () => {
    await refused('GET http://origin.test/ HTTP/1.1\r\nHost: ori', 408, 'ERR_HTTP_TIMEOUT');
  });
});

describe('a body without a certain end', () => {
  const post = (fields: string, body = ''): string =>
    `POST ${origins.url('http', '/upload')} HTTP/1.1\r\nHost: origin.test\r\n${fields}\r\n${body}`;
  const CHUNKED = 'Transfer-Encoding: chunked\r\n';
  test.each<[string, string, string, number, string]>([
    ['both lengths', `Content-Length: 5\r\n${CHUNKED}`, '0\r\n\r\n', 400, 'ERR_HTTP_FRAMING'],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', 'hello', 400, 'ERR_HTTP_FRAMING'],
    ['the length twice', 'Content-Length: 5\r\nContent-Length: 5\r\n', 'hello', 400, 'ERR_HTTP_FRAMING'],
    ['a list of lengths', 'Content-Length: 5, 5\r\n', 'hello', 400, 'ERR_HTTP_FRAMING'],
    ['a negative length', 'Content-Length: -5\r\n', '', 400, 'ERR_HTTP_FRAMING'],
    ['a length in hex', 'Content-Length: 0x5\r\n', 'hello', 400, 'ERR_HTTP_FRAMING'],
    ['an absurd length', `Content-Length: ${'9'.repeat(30)}\r\n`, '', 400, 'ERR_HTTP_FRAMING'],
    ['another coding', 'Transfer-Encoding: gzip, chunked\r\n', '', 501, 'ERR_HTTP_CODING'],
    ['an obfuscated coding', 'Transfer-Encoding: xchunked\r\n', '', 501, 'ERR_HTTP_CODING'],
    ['two codings', CHUNKED + CHUNKED, '0\r\n\r\n', 501, 'ERR_HTTP_CODING'],
    ['an unknown expectation', 'Expect: a-pony\r\nConnection: close\r\n', '', 417, 'ERR_HTTP_EXPECTATION'],
    ['a chunk size that is none', CHUNKED, 'zz\r\nhello\r\n0\r\n\r\n', 400, 'ERR_HTTP_CHUNK'],
    ['a chunk that is too long', CHUNKED, '3\r\nhello\r\n0\r\n\r\n', 400, 'ERR_HTTP_CHUNK'],
    ['a chunk size with a sign', CHUNKED, '+5\r\nhello\r\n0\r\n\r\n', 400, 'ERR_HTTP_CHUNK'],
    ['an endless chunk size', CHUNKED, `${'0'.repeat(10_000)}5\r\nhello\r\n`, 400, 'ERR_HTTP_CHUNK'],
    ['a bare LF after a chunk', CHUNKED, '5\nhello\n0\n\n', 400, 'ERR_HTTP_CHUNK'],
  ])('%s is refused and no origin hears of it', async (_what, fields, body, status, code) => {
    const before = origins.seen('/upload');
    const answer = await send(post(fields, body));
    expect(statusOf(answer)).toBe(status);
    const record = await onlyRecord();
    expect(record).toMatchObject({ verdict: 'error', error: { code } });
    expect(origins.seen('/upload')).toBe(before);
  });
});

describe('behind CONNECT', () => {
  const target = (): string => `origin.test:${origins.port('https')}`;
  async function tunnel(to = target()): Promise<RawClient> {
    const { socket } = await openTunnel(weir.proxyPort, to);
    const client = rawClientOn(socket);
    socket.resume();
    return client;
  }

  test.each([
    ['TLS garbage', Buffer.from('160301ffff01000000', 'hex')],
    ['a record that is no handshake', Buffer.from('1503010002022a', 'hex')],
    ['an SSH banner', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['noise', Buffer.from('00ff00ff00ff', 'hex')],
  ])('%s closes the tunnel', async (_what, bytes) => {
    await using client = await tunnel();
    client.send(bytes);
    await client.closed(2000);
    expect((await onlyRecord()).error!.code).toMatch(/^ERR_TLS_(CLIENT_HELLO|HANDSHAKE)$/);
  });

  test('silence closes the tunnel after the handshake time limit', async () => {
    await using client = await tunnel();
    await client.closed(2000);
    expect(await onlyRecord()).toMatchObject({ error: { code: 'ERR_TLS_CLIENT_HELLO' } });
  });

  test('half a ClientHello closes the tunnel after the handshake time limit', async () => {
    await using client = await tunnel();
    client.send(Buffer.from('1603010200010001fc0303', 'hex'));
    await client.closed(2000);
    expect(await onlyRecord()).toMatchObject({ error: { code: 'ERR_TLS_CLIENT_HELLO' } });
  });

  test('plain HTTP is proxied and inspected like any other', async () => {
    await using client = await tunnel(`origin.test:${origins.port('http')}`);
    client.send('GET /eicar HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n');
    expect(statusOf(await client.closed())).toBe(403);
    expect(await onlyRecord()).toMatchObject({ verdict: 'blocked', tls: null });
  });

  test('an SNI other than the CONNECT host gets a certificate for the SNI, and the log says so', async () => {
    const port = origins.port('https');
    const socket = await connectThrough(weir.proxyPort, `127.0.0.1:${port}`, {
      ca: weir.ca,
      servername: 'www.origin.test',
    });
    await using client = rawClientOn(socket);
    client.send('GET /clean HTTP/1.1\r\nHost: www.origin.test\r\nConnection: close\r\n\r\n');
    expect(statusOf(await client.closed())).toBe(200);
    expect(await onlyRecord()).toMatchObject({ tls: { sni: 'www.origin.test' } });
    const [event] = await weir.logged(({ msg }) => msg === 'SNI differs from the CONNECT host');
    expect(event).toMatchObject({ sni: 'www.origin.test', host: '127.0.0.1' });
  });

  test('an address without SNI gets a certificate for the address', async () => {
    const socket = await connectThrough(weir.proxyPort, `127.0.0.1:${origins.port('https')}`, {
      ca: weir.ca,
      servername: null,
    });
    await using client = rawClientOn(socket);
    client.send('GET /clean HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n');
    expect(statusOf(await client.closed())).toBe(200);
    expect(await onlyRecord()).toMatchObject({ status: 200, tls: { sni: null, action: 'bump' } });
  });

  test('a client that does not trust the CA closes, and the log says why', async () => {
    const stranger = connectThrough(weir.proxyPort, target(), { ca: [] });
    await expect(stranger).rejects.toThrow(/certificate/);
    expect(await onlyRecord()).toMatchObject({
      error: { code: 'ERR_TLS_HANDSHAKE', message: expect.stringContaining('the client closed') },
    });
  });

  test('a request with a broken head inside is answered inside', async () => {
    await using client = rawClientOn(await connectThrough(weir.proxyPort, target(), { ca: weir.ca }));
    client.send('GET / HTTP/1.1\r\nbroken\r\n\r\n');
    expect(statusOf(await client.closed())).toBe(400);
    expect(await onlyRecord()).toMatchObject({ error: { code: 'ERR_HTTP_FIELD' }, tls: { action: 'bump' } });
  });

  test('CONNECT inside a tunnel is refused', async () => {
    await using client = rawClientOn(await connectThrough(weir.proxyPort, target(), { ca: weir.ca }));
    client.send(`CONNECT ${target()} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`);
    expect(statusOf(await client.closed())).toBe(400);
    expect(await onlyRecord()).toMatchObject({ error: { code: 'ERR_HTTP_TARGET' } });
  });
});

describe('a request to Weir itself', () => {
  const HOSTS = [
    '127.0.0.1',
    '127.0.0.2',
    'localhost',
    'a.localhost',
    'self.test',
    '[::1]',
    '0.0.0.0',
    '[::]',
    '[::ffff:127.0.0.1]',
  ];
  test.each(HOSTS.flatMap((host) => [`proxy at ${host}`, `gateway at ${host}`]))(
    'the %s is answered 403 and makes no loop',
    async (what) => {
      const [half, , host] = what.split(' ');
      const port = half === 'proxy' ? weir.proxyPort : weir.gatewayPort;
      const answer = await send(
        `GET http://${host}:${port}/ HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      );
      expect(statusOf(answer)).toBe(403);
      expect(await onlyRecord()).toMatchObject({ status: 403, error: { code: 'ERR_PROXY_SELF' } });
    },
  );

  test.each(['127.0.0.1', 'localhost', '[::1]', '0.0.0.0'])('CONNECT to %s is answered 403', async (host) => {
    await refused(
      `CONNECT ${host}:${weir.proxyPort} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n`,
      403,
      'ERR_PROXY_SELF',
    );
  });

  test('CONNECT to a name that turns out to be loopback is answered 403 in the tunnel', async () => {
    const { socket } = await openTunnel(weir.proxyPort, `self.test:${weir.proxyPort}`);
    await using client = rawClientOn(socket);
    socket.resume();
    client.send('GET / HTTP/1.1\r\nHost: self.test\r\nConnection: close\r\n\r\n');
    expect(statusOf(await client.closed())).toBe(403);
    expect(await onlyRecord()).toMatchObject({ error: { code: 'ERR_PROXY_SELF' } });
  });

  test('a request that has passed through before is answered 508', async () => {
    await weir.curl('--data', 'x', origins.url('http', '/upload'));
    const { headers } = origins.uploads.at(-1)!;
    const via = headers[headers.indexOf('Via') + 1]!;
    await weir.logged(() => ownRecords().length === 1);
    logged = weir.log().length;
    await refused(
      `GET ${origins.url('http', '/clean')} HTTP/1.1\r\nHost: h\r\nVia: 1.0 a, ${via}\r\nConnection: close\r\n\r\n`,
      508,
      'ERR_PROXY_LOOP',
    );
  });
});

describe('a client that leaves', () => {
  const big = (): string => `GET ${origins.url('http', '/20m')} HTTP/1.1\r\nHost: h\r\n\r\n`;
  const upload = (): string =>
    `POST ${origins.url('http', '/upload')} HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nsome of it`;
  /** Records: what a started transaction or tunnel leaves in the log; half a head is none. */
  const stages: [when: string, records: number, bytes: () => string][] = [
    ['at once', 0, () => ''],
    ['within the request line', 0, () => 'GET htt'],
    ['within a field', 0, () => 'GET http://origin.test/ HTTP/1.1\r\nHo'],
    ['before the blank line', 0, () => 'GET http://origin.test/ HTTP/1.1\r\nHost: x\r\n'],
    ['within its upload', 1, upload],
    ['within a chunk', 1, () => upload().replace('Content-Length: 100000', 'Transfer-Encoding: chunked')],
    ['right behind its request', 1, big],
    [
      'right behind CONNECT',
      1,
      () => `CONNECT origin.test:${origins.port('https')} HTTP/1.1\r\nHost: h\r\n\r\n`,
    ],
    [
      'within its ClientHello',
      1,
      () => `CONNECT origin.test:${origins.port('https')} HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01\x02\x00`,
    ],
  ];
  test.each(stages)('%s, by FIN or by RST, harms nobody', async (_when, records, bytes) => {
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      await using client = await rawClient(weir.proxyPort);
      if (bytes() !== '') {
        client.send(bytes());
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      client.socket[leave]();
      await once(client.socket, 'close');
    }
    if (records > 0) await weir.logged(() => ownRecords().length >= 2 * records);
    expect(ownRecords()).toHaveLength(2 * records);
    expect(ownRecords().every(({ verdict, error }) => verdict === 'error' && error !== undefined)).toBe(true);
  });

  test.each(['request', 'download'])('after its %s, in a tunnel, harms nobody', async (stage) => {
    const port = origins.port('https');
    const socket = await connectThrough(weir.proxyPort, `origin.test:${port}`, { ca: weir.ca });
    const client = rawClientOn(socket);
    client.send('GET /20m HTTP/1.1\r\nHost: origin.test\r\n\r\n');
    const enough = stage === 'download' ? 100_000 : 0;
    await client.until((received) => received.length >= enough);
    await client[Symbol.asyncDispose]();
    expect(await onlyRecord()).toMatchObject({ verdict: 'error' });
  });
});

describe('more connections than the limit', () => {
  test('the one past the limit is answered 503, one line says so, and a place that is freed is used', async () => {
    await using small = await startTestWeir({ proxy: { limits: { connections: 5 } } });
    const idle = await Promise.all(Array.from({ length: 5 }, () => rawClient(small.proxyPort)));
    for (let i = 0; i < 3; i++) expect(statusOf(await rawExchange(small.proxyPort, ''))).toBe(503);
    expect((await small.curl(origins.url('http', '/clean'))).status).toBe(503);
    expect(await small.logged(({ code }) => code === 'ERR_PROXY_OVERLOADED')).toHaveLength(1);
    await idle[0]![Symbol.asyncDispose]();
    let again = 503;
    while (again === 503) again = (await small.curl(origins.url('http', '/clean'))).status;
    expect(again).toBe(200);
    for (const client of idle) await client[Symbol.asyncDispose]();
  });

  const files = Number(execFileSync('/bin/sh', ['-c', 'ulimit -n']).toString().replace('unlimited', '1e9'));
  const many = Math.min(10_000, files - 1000);

  test(`${many} idle connections leave room for work, and the next one is turned away`, async () => {
    await using child = await spawnTestWeir({
      // None of them may grow too old while the others are opened.
      proxy: { limits: { connections: many + 1, headTimeout: '10m', idleTimeout: '10m' } },
    });
    const sockets: net.Socket[] = [];
    try {
      const open = async (count: number): Promise<void> => {
        const batch = Array.from({ length: count }, () => net.connect(child.proxyPort, '127.0.0.1'));
        sockets.push(...batch);
        await Promise.all(batch.map((socket) => once(socket, 'connect')));
      };
      const url = origins.url('https', '/clean');
      for (let opened = 0; opened < many; opened += 250) {
        await open(Math.min(250, many - opened));
        // Connections are taken in their order: once this one is served, none of them waits in the kernel.
        expect((await child.curl(url)).status).toBe(200);
      }
      await open(2); // one fills the last place, unless the client before still has it
      expect((await child.curl(url)).exitCode).not.toBe(0);
      await child.logged(({ code }) => code === 'ERR_PROXY_OVERLOADED');
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  }, 150_000);
});

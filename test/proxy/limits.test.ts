// Every limit of proxy.limits at work: sizes, time of each step, and clients that are slow on purpose. Each is
// answered with a page as long as no answer has begun. docs/limits.md is the list.

import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Body } from '../../src/http/body.ts';
import { ExchangeWatch } from '../../src/proxy/exchange-watch.ts';
import { Deadlines } from '../../src/util/deadlines.ts';
import type { Origin } from '../support/originServer.ts';
import { rawOrigin } from '../support/originServer.ts';
import type { RawClient } from '../support/rawClient.ts';
import { rawClient } from '../support/rawClient.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const TRICKLE_MS = 60;

let origin: Origin;
let onConnection: (socket: Socket) => void = () => {};

beforeAll(async () => {
  origin = await rawOrigin((socket) => onConnection(socket));
});
afterAll(async () => {
  await origin[Symbol.asyncDispose]();
});

function head(method: string, ...fields: string[]): string {
  const host = `127.0.0.1:${origin.port}`;
  return `${method} http://${host}/ HTTP/1.1\r\n${[`Host: ${host}`, ...fields, '', ''].join('\r\n')}`;
}

function start(limits: Record<string, unknown>): Promise<LocalWeir> {
  return startTestWeir({ proxy: { limits }, adaptation: { rules: [] } });
}

/** Sends a byte now and then until the connection is over. */
function trickle({ socket }: RawClient, byte: string): Disposable {
  const timer = setInterval(() => void (socket.writable && socket.write(byte)), TRICKLE_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const text = (bytes: Buffer): string => bytes.toString('latin1');

describe('sizes', () => {
  let weir: LocalWeir;
  beforeAll(async () => {
    weir = await start({ headerBytes: '2KiB', headerFields: 10, uriBytes: 256, connections: 3 });
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
  });

  const fields = (count: number): string => Array.from({ length: count }, (_, i) => `X-${i}: a\r\n`).join('');
  test.each([
    ['headerBytes', `GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nX: ${'a'.repeat(2048)}\r\n\r\n`, 431],
    ['headerBytes of a head without an end', `GET http://a.test/ HTTP/1.1\r\nX: ${'a'.repeat(4096)}`, 431],
    ['headerFields', `GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n${fields(10)}\r\n`, 431],
    ['uriBytes', `GET http://a.test/${'a'.repeat(256)} HTTP/1.1\r\nHost: a.test\r\n\r\n`, 414],
  ])('%s: one past it is answered and the connection closed', async (_, bytes, status) => {
    await using client = await rawClient(weir.proxyPort);
    client.send(bytes);
    expect(text(await client.closed())).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  test('connections: one more is answered with 503, and there is room again when another goes', async () => {
    const clients = [1, 2, 3].map(() => rawClient(weir.proxyPort));
    const open = await Promise.all(clients);
    await using refused = await rawClient(weir.proxyPort);
    expect(text(await refused.closed())).toMatch(/^HTTP\/1\.1 503 /);
    for (const client of open) await client[Symbol.asyncDispose]();
  });
});

describe('silence', () => {
  let weir: LocalWeir;
  beforeAll(async () => {
    weir = await start({ headTimeout: '300ms', idleTimeout: '300ms', handshakeTimeout: '300ms' });
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
  });

  test('idleTimeout: a connection without a request is closed', async () => {
    await using client = await rawClient(weir.proxyPort);
    expect(text(await client.closed())).toBe('');
  });

  test('headTimeout: a head that trickles is answered with 408, however often a byte comes', async () => {
    await using client = await rawClient(weir.proxyPort);
    client.send('GET http://a.test/ HTTP/1.1\r\nX: ');
    using _ = trickle(client, 'a');
    expect(text(await client.closed())).toMatch(/^HTTP\/1\.1 408 [^]*ERR_HTTP_TIMEOUT/);
  });

  test('idleTimeout: a body that stops is answered with 408', async () => {
    onConnection = () => {};
    await using client = await rawClient(weir.proxyPort);
    client.send(head('POST', 'Content-Length: 10'), 'abc');
    expect(text(await client.closed())).toMatch(/^HTTP\/1\.1 408 [^]*ERR_HTTP_TIMEOUT/);
  });

  test('handshakeTimeout: a tunnel without a ClientHello is closed', async () => {
    await using client = await rawClient(weir.proxyPort);
    client.send(`CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n`);
    expect(text(await client.closed())).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
    const [record] = await weir.logged(({ error }) => error?.code === 'ERR_TLS_CLIENT_HELLO');
    expect(record!.error!.message).toContain('in time');
  });

  test('idleTimeout: an answer that the client does not take is cut, and the origin let go', async () => {
    const left = new Promise<void>((resolve) => {
      onConnection = (socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
          const more = (): void => {
            while (socket.writable && socket.write(Buffer.alloc(64 * 1024)));
          };
          socket.on('drain', more);
          more();
        });
        socket.once('close', resolve);
      };
    });
    await using client = await rawClient(weir.proxyPort);
    client.socket.pause();
    client.send(head('GET'));
    await left;
    const [record] = await weir.logged(({ kind, method }) => kind === 'proxy' && method === 'GET');
    expect(record!.bytesOut).toBeLessThan(1_000_000_000);
  });
});

describe('pace', () => {
  let weir: LocalWeir;
  beforeAll(async () => {
    weir = await start({ bodyRate: '1KiB', bodyRateWindow: '500ms', totalTimeout: '1500ms' });
  });
  afterAll(async () => {
    await weir[Symbol.asyncDispose]();
  });

  test('bodyRate: a body that trickles is answered with 408, though it is never silent', async () => {
    onConnection = () => {};
    await using client = await rawClient(weir.proxyPort);
    client.send(head('POST', 'Content-Length: 100000'));
    using _ = trickle(client, 'a');
    const answer = text(await client.closed());
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toMatch(/the request body came with \d+ bytes in 500 ms, less than 1024 a second/);
  });

  test('bodyRate: a body that an origin does not take may wait', async () => {
    onConnection = (socket) => {
      socket.once('data', () => {
        socket.pause();
        setTimeout(() => {
          socket.resume();
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
        }, 900);
      });
    };
    await using client = await rawClient(weir.proxyPort);
    const size = 16 * 1024 * 1024; // more than sockets and queues hold
    client.send(head('POST', `Content-Length: ${size}`), Buffer.alloc(size));
    expect(text(await client.until('ok'))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('totalTimeout: a page as long as no answer has begun', async () => {
    onConnection = () => {};
    await using client = await rawClient(weir.proxyPort);
    client.send(head('GET', 'Connection: close'));
    const answer = text(await client.closed());
    expect(answer).toMatch(/^HTTP\/1\.1 504 /);
    expect(answer).toContain('within proxy.limits.totalTimeout, 1500 ms');
    const [record] = await weir.logged(({ status }) => status === 504);
    expect(record!.error!.code).toBe('ERR_ORIGIN_TIMEOUT');
  });

  test('totalTimeout: an answer under way is cut before its end', async () => {
    let timer: NodeJS.Timeout | undefined;
    const left = new Promise<void>((resolve) => {
      onConnection = (socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
          timer = setInterval(() => void (socket.writable && socket.write('1\r\na\r\n')), TRICKLE_MS);
        });
        socket.once('close', resolve);
      };
    });
    await using client = await rawClient(weir.proxyPort);
    client.send(head('GET'));
    const answer = text(await client.closed());
    await left;
    clearInterval(timer);
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).not.toContain('\r\n0\r\n');
  });
});

test('nothing is watched where nothing is limited, and a dialogue of gRPC may be silent', () => {
  const deadlines = new Deadlines();
  const watched = { body: new Body(), isDialogue: false, onExpired: () => {} };
  const limits = { bodyRate: 100, totalTimeoutMs: null };
  expect(ExchangeWatch.start({}, watched, deadlines)).toBeNull();
  expect(ExchangeWatch.start(limits, { ...watched, body: null }, deadlines)).toBeNull();
  expect(ExchangeWatch.start(limits, { ...watched, body: Body.of(Buffer.from('a')) }, deadlines)).toBeNull();
  expect(ExchangeWatch.start(limits, { ...watched, isDialogue: true }, deadlines)).toBeNull();
  const watch = ExchangeWatch.start(limits, watched, deadlines);
  expect(watch).not.toBeNull();
  watch!.stop();
});

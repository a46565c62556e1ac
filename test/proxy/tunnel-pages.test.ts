// A client of an intercepted tunnel gets a page for whatever goes wrong behind it: CONNECT has been answered
// with 200 by then, so the page comes inside TLS, by HTTP/1.1 and by HTTP/2, and never a reset.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CurlResult } from '../support/curl.ts';
import type { Origin } from '../support/originServer.ts';
import { rawOrigin } from '../support/originServer.ts';
import { rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { newTestCa } from '../support/testCa.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

const origins: Origin[] = [];
let weir: LocalWeir;
/** Port of the origin that fails in that way. */
const ports: Record<string, number> = {};

async function origin(name: string, ...options: Parameters<typeof rawOrigin>): Promise<void> {
  const made = await rawOrigin(...options);
  origins.push(made);
  ports[name] = made.port;
}

beforeAll(async () => {
  ports['refused'] = await freePort();
  ports['denied'] = await freePort();
  await origin('plain', (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await origin('closes', (socket) => void socket.once('data', () => socket.destroy()));
  await origin('silent', () => {});
  await origin('untrusted', (socket) => void socket.resume(), {
    tls: true,
    ca: await newTestCa('Nobody knows'),
  });
  await origin('gone', (socket) => void socket.once('data', () => socket.end()), { tls: true });
  await origin('garbage', (socket) => void socket.once('data', () => socket.end('garbage\r\n\r\n')), {
    tls: true,
  });
  await origin('late', (socket) => void socket.resume(), { tls: true });
  await origin(
    'fine',
    (socket) => void socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
    { tls: true },
  );
  weir = await startTestWeir({
    proxy: {
      upstream: {
        connectTimeout: '700ms',
        responseTimeout: '700ms',
        hosts: { '*.test': '127.0.0.1', 'denied.origin.test': '127.9.9.9' },
      },
      targets: { deny: ['127.9.9.9', 'never.origin.test'] },
      tls: { rules: [{ hosts: ['terminated.origin.test'], action: 'terminate' }] },
    },
    adaptation: {
      services: { down: { url: `icap://127.0.0.1:${ports['refused']}/x` } },
      rules: [{ point: 'reqmod', use: ['down'], when: { hosts: ['down.origin.test'] } }],
    },
  });
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
  for (const one of origins) await one[Symbol.asyncDispose]();
});

function ask(version: string, host: string, port: number, ...more: string[]): Promise<CurlResult> {
  return weir.curl('-s', version, ...more, `https://${host}:${port}/`);
}

describe.each(['--http1.1', '--http2'])('by %s', (version) => {
  test.each([
    ['no address is known', 'no-such-name.invalid', 'fine', 502, 'ERR_ORIGIN_DNS'],
    ['nobody listens', 'www.origin.test', 'refused', 502, 'ERR_ORIGIN_UNREACHABLE'],
    ['the address is denied', 'denied.origin.test', 'denied', 403, 'ERR_PROXY_DENIED'],
    ['the origin speaks no TLS', 'www.origin.test', 'plain', 502, 'ERR_ORIGIN_TLS'],
    ['the origin closes in the handshake', 'www.origin.test', 'closes', 502, 'ERR_ORIGIN_'],
    ['the origin is silent in the handshake', 'www.origin.test', 'silent', 504, 'ERR_ORIGIN_TIMEOUT'],
    ['nobody vouches for the origin', 'www.origin.test', 'untrusted', 502, 'ERR_ORIGIN_UNTRUSTED'],
    ['the origin closes instead of answering', 'www.origin.test', 'gone', 502, 'ERR_ORIGIN_CLOSED'],
    ['the origin answers with garbage', 'www.origin.test', 'garbage', 502, 'ERR_ORIGIN_RESPONSE'],
    ['the origin does not answer', 'www.origin.test', 'late', 504, 'ERR_ORIGIN_TIMEOUT'],
    ['the inspection service is down', 'down.origin.test', 'fine', 502, 'ERR_ADAPT_UNAVAILABLE'],
  ])('a page says that %s', async (_, host, port, status, code) => {
    const page = await ask(version, host, ports[port]!, '-H', 'Accept-Language: de');
    expect([page.exitCode, page.status]).toEqual([0, status]);
    const text = page.body.toString();
    expect(text).toContain(code);
    expect(text).toContain('<html lang="de"');
    expect(text).toMatch(/W-[0-9A-Z]{12,}/);
    expect(text).not.toMatch(/\bat .*\.ts:\d+|node:internal/);
  });

  test('a program that asks for text gets text', async () => {
    const page = await ask(version, 'www.origin.test', ports['refused']!, '-H', 'Accept: text/plain');
    expect([page.status, /^content-type: text\/plain; charset=utf-8/im.test(page.headers)]).toEqual([
      502,
      true,
    ]);
    expect(page.body.toString()).toMatch(/^This site cannot be reached\n/);
  });
});

describe('where no tunnel is opened', () => {
  test('a denied target is told so as the answer to CONNECT', async () => {
    const bytes =
      'CONNECT never.origin.test:443 HTTP/1.1\r\nHost: never.origin.test:443\r\nConnection: close\r\nAccept-Language: fr\r\n\r\n';
    const answer = (await rawExchange(weir.proxyPort, bytes)).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 403 [^]*Content-Language: fr[^]*ERR_PROXY_DENIED/);
  });

  test('a terminated one is closed, as its rule says', async () => {
    const answer = await ask('--http1.1', 'terminated.origin.test', ports['fine']!);
    expect(answer.status).not.toBe(200);
    expect(answer.exitCode).not.toBe(0);
  });
});

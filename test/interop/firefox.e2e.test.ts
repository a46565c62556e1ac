// Firefox behind the proxy, set up as docs/setup/firefox.md says: pages over HTTP/2, WebSockets, server-sent
// events, a blocked download, and an origin whose certificate is another's. One browser serves all.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { TrustInstaller } from '../../src/trust/trust.ts';
import { http2Origin, type Http2Origin } from '../proxy/http2/origins.ts';
import { webSocketOrigin, type WebSocketOrigin } from '../proxy/websocket/ends.ts';
import { eicar } from '../support/eicar.ts';
import { type Firefox, preferences, startFirefox } from '../support/firefox.ts';
import { type OriginServer, originServer } from '../support/originServer.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const START_LIMIT_MS = 60_000;
const EVENTS = 'data: first\n\ndata: second\n\n';

/** What answers by HTTP/2: type and content of each path. */
const FILES: Readonly<Record<string, readonly [string, string | Buffer]>> = {
  '/': ['text/html', '<!doctype html><h1>Hello, inspected</h1><script src="/script.js"></script>'],
  '/script.js': ['text/javascript', 'document.title = "script ran";'],
  '/eicar.com': ['application/octet-stream', eicar()],
};

describeWithPeer(['firefox', 'certutil'], () => {
  let weir: TestWeir;
  let home: TempDir;
  let origin: Http2Origin;
  let sockets: WebSocketOrigin;
  let elsewhere: OriginServer;
  let firefox: Firefox;
  const at = (port: number, path: string): string => `https://www.origin.test:${port}${path}`;
  const url = (path: string): string => at(origin.port, path);

  beforeAll(async () => {
    home = await tempDir('weir-firefox-');
    [weir, origin, sockets, elsewhere] = await Promise.all([
      startTestWeir(),
      http2Origin((stream, headers) => {
        const path = headers[':path']!;
        if (path === '/events') {
          stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
          return void stream.write(EVENTS); // and stays open
        }
        const [type, content] = FILES[path] ?? ['text/plain', 'no such page'];
        stream.respond({ ':status': path in FILES ? 200 : 404, 'content-type': type });
        stream.end(content);
      }),
      webSocketOrigin(true),
      originServer((_request, response) => void response.end('unseen'), {
        tls: true,
        names: ['elsewhere.test'],
      }),
    ]);
    const profile = home.join('.mozilla/firefox/test.default');
    await mkdir(profile, { recursive: true });
    const newStore = ['-d', `sql:${profile}`, '-N', '--empty-password'];
    await promisify(execFile)(requirePeer('certutil'), newStore);
    const machine = {
      platform: 'linux',
      home: home.path,
      isRoot: false,
      env: process.env,
      root: '',
    } as const;
    const kinds = { kinds: ['nss'], dryRun: false } as const;
    const { results } = await new TrustInstaller(machine).trust([new X509Certificate(weir.ca)], kinds);
    expect(results).toContainEqual(expect.objectContaining({ place: profile, outcome: 'added' }));
    await home.write('.mozilla/firefox/test.default/user.js', preferences(weir.proxyPort));
    firefox = await startFirefox({ home: home.path, profile });
  }, START_LIMIT_MS);
  afterAll(async () => {
    for (const part of [firefox, weir, origin, sockets, elsewhere, home]) await part?.[Symbol.asyncDispose]();
  });

  const statusOf = (path: string): number | undefined =>
    firefox.responses.findLast((response) => response.url === path)?.status;

  test('a page from an https origin loads by HTTP/2, with its script, once `weir ca trust` has run', async () => {
    await firefox.open(url('/'));
    expect(await firefox.evaluate('document.title')).toBe('script ran');
    expect(firefox.responses.filter((response) => response.url.startsWith(url('/')))).toEqual(
      expect.arrayContaining([
        { url: url('/'), status: 200, protocol: 'h2' },
        { url: url('/script.js'), status: 200, protocol: 'h2' },
      ]),
    );
    const [record] = await weir.logged((it) => it.kind === 'proxy' && it.url === url('/script.js'));
    expect(record).toMatchObject({ verdict: 'allowed', tls: { action: 'bump', alpn: 'h2' } });
  });

  test('server-sent events arrive while their stream is open', async () => {
    await firefox.open(url('/'));
    const events = await firefox.evaluate(`new Promise((resolve, reject) => {
      const seen = [];
      const source = new EventSource('/events');
      source.onerror = () => reject(new Error('the events broke off'));
      source.onmessage = ({ data }) => {
        if (seen.push(data) === 2) resolve(seen.join(' '));
      };
    })`);
    expect(events).toBe('first second');
  });

  test('a WebSocket carries messages both ways, and ends with 1008 at a virus', async () => {
    await firefox.open(url('/'));
    await firefox.evaluate(`new Promise((resolve, reject) => {
      globalThis.events = [];
      globalThis.socket = new WebSocket(${JSON.stringify(at(sockets.port, '/').replace('https', 'wss'))});
      socket.onopen = () => resolve();
      socket.onmessage = ({ data }) => events.push(data);
      socket.onclose = ({ code, reason }) => events.push(code + ' ' + reason);
      socket.onerror = () => reject(new Error('no WebSocket'));
    })`);
    const { end } = await sockets.accepted();
    await firefox.evaluate('socket.send("from the browser")');
    expect((await end.received(1))[0]!.data.toString()).toBe('from the browser');
    const next = (action: string): Promise<unknown> =>
      firefox.evaluate(`new Promise((resolve) => {
        for (const name of ['message', 'close']) socket.addEventListener(name, () => resolve(events.at(-1)));
        ${action};
      })`);
    const answered = next('');
    await firefox.evaluate('1'); // its listeners are there
    end.socket.send('to the browser');
    expect(await answered).toBe('to the browser');
    const closed = await next(`socket.send(atob(${JSON.stringify(eicar().toString('base64'))}))`);
    expect(closed).toMatch(/^1008 blocked: .*eicar/i);
  });

  test('a download of malware shows the block page with the incident id of the log', async () => {
    await firefox.open(url('/eicar.com'));
    expect(statusOf(url('/eicar.com'))).toBe(403);
    const [record] = await weir.logged((it) => it.kind === 'proxy' && it.url === url('/eicar.com'));
    const text = await firefox.evaluate('document.body.innerText');
    expect(text).toContain('EICAR-Test-File');
    expect(text).toContain(record!.incident!);
    expect(await firefox.evaluate('getComputedStyle(document.body).fontFamily')).toMatch(
      /sans-serif|system-ui/,
    );
  });

  test('an origin with the certificate of another host is explained, under a certificate of ours', async () => {
    const there = at(elsewhere.port, '/');
    await firefox.open(there);
    expect(statusOf(there)).toBe(502);
    const text = await firefox.evaluate('document.body.innerText');
    expect(text).toContain('elsewhere.test');
    expect(elsewhere.requests).toHaveLength(0);
  });
});

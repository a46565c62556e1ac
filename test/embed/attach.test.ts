// What is special about attached proxies: options and events of http-proxy keep their meaning, WebSockets
// pass, and nothing gets past inspection by asking for one.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import httpProxy from 'http-proxy';
import httpProxy3 from 'http-proxy-3';
import { createProxyServer as createHttpxy } from 'httpxy';
import { WebSocket, WebSocketServer } from 'ws';
import type { HttpProxyServer } from '../../src/embed/attach.ts';
import { attachIcap } from '../../src/embed/attach.ts';
import type { IcapPolicyOptions } from '../../src/embed/policy.ts';
import type { ProxyRecord } from '../../src/telemetry/records.ts';
import { eicar } from '../support/eicar.ts';
import { originServer } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import type { TestWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';
import { application } from './application.ts';
import { bytesOfSize, request, sha256 } from './client.ts';
import { listening } from './fronts.ts';

// One shape for the three; what differs is their option types.
interface AnyProxy extends HttpProxyServer {
  web(...args: unknown[]): unknown;
  ws(...args: unknown[]): unknown;
}

const FAMILY: readonly (readonly [string, (options: object) => AnyProxy])[] = [
  ['http-proxy 1.18', (options) => httpProxy.createProxyServer(options)],
  ['http-proxy-3', (options) => httpProxy3.createProxyServer(options)],
  ['httpxy', (options) => createHttpxy(options)],
];

let weir: TestWeir;
let scan: string;

beforeAll(async () => {
  weir = await startTestWeir();
  scan = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
});

afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

/** The proxy in a server. */
function serving(proxy: AnyProxy, stop: () => unknown, webOptions?: () => object) {
  const server = http.createServer((req, res) => {
    void proxy.web(...(webOptions === undefined ? [req, res] : [req, res, webOptions()]));
  });
  return listening(server, stop);
}

describe.each(FAMILY)('%s', (name, create) => {
  const start = (origin: { readonly url: string }, options: IcapPolicyOptions) => {
    const proxy = create({ target: origin.url });
    proxy.on('error', () => {});
    const detach = attachIcap(proxy, options);
    const server = http.createServer((req, res) => void proxy.web(req, res));
    server.on('upgrade', (req, socket, head) => {
      // httpxy takes options third.
      void proxy.ws(...(name === 'httpxy' ? [req, socket, {}, head] : [req, socket, head]));
    });
    return listening(server, detach);
  };

  test('a handler of proxyRes with selfHandleResponse writes what is then inspected', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const proxy = create({ target: origin.url, selfHandleResponse: true });
    proxy.on('proxyRes', (proxyRes: http.IncomingMessage, _req: unknown, res: http.ServerResponse) => {
      proxyRes.resume();
      proxyRes.on('end', () => {
        res.setHeader('X-Handled', 'yes');
        res.end(eicar());
      });
    });
    const detach = attachIcap(proxy, { respmod: scan });
    await using front = await serving(proxy, detach);
    const answer = await request(`${front.url}/bytes/10`);
    expect([answer.status, answer.headers['x-handled']]).toEqual([403, undefined]);
  });

  test('a body that is given as `buffer` is inspected too', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const proxy = create({ target: origin.url });
    const detach = attachIcap(proxy, { reqmod: scan });
    let content = eicar();
    await using front = await serving(proxy, detach, () => {
      const stream = new PassThrough();
      stream.end(content);
      return { buffer: stream };
    });
    const headers = { 'content-length': content.length };
    expect((await request(`${front.url}/upload`, { body: Buffer.alloc(68), headers })).status).toBe(403);
    content = bytesOfSize(68);
    const answer = await request(`${front.url}/upload`, { body: Buffer.alloc(68), headers });
    expect(JSON.parse(answer.text)).toEqual({ bytes: 68, sha256: sha256(content) });
  });

  test.each(['DELETE', 'OPTIONS'])('the chunked body of a %s arrives with its length', async (method) => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await start(origin, { reqmod: scan });
    const body = [Buffer.from('GET /smuggled HTTP/1.1\r\n'), Buffer.from('Host: x\r\n\r\n')];
    const answer = await request(`${front.url}/upload`, { method, body });
    expect(JSON.parse(answer.text)).toMatchObject({ bytes: 35 });
    expect(app.seen).toMatchObject([{ method, url: '/upload', headers: { 'content-length': '35' } }]);
  });

  test('detached, it is the proxy that it was', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const proxy = create({ target: origin.url });
    const before = proxy.web;
    const detach = attachIcap(proxy, { reqmod: scan });
    expect(proxy.web).not.toBe(before);
    detach();
    expect(proxy.web).toBe(before);
    await using front = await serving(proxy, () => {});
    expect((await request(`${front.url}/upload`, { body: eicar() })).status).toBe(200);
  });

  test('an origin that is not there is what the proxy reports by its event', async () => {
    await using origin = await originServer(() => {});
    const { url } = origin;
    await origin.close();
    const proxy = create({ target: url });
    proxy.on('error', (_error: Error, _req: unknown, res: http.ServerResponse) => {
      res.writeHead(502).end('own page');
    });
    const detach = attachIcap(proxy, { reqmod: scan, respmod: scan });
    await using front = await serving(proxy, detach);
    expect(await request(`${front.url}/upload`, { body: bytesOfSize(10) })).toMatchObject({
      status: 502,
      text: 'own page',
    });
  });

  test('WebSockets pass, and are recorded', async () => {
    const records: ProxyRecord[] = [];
    const sockets = new WebSocketServer({ noServer: true });
    const wsServer = http.createServer();
    wsServer.on('upgrade', (req, socket, head) => {
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('message', (data) => ws.send(`echo ${String(data)}`));
      });
    });
    await using backend = await listening(wsServer, () => {});
    await using front = await start(backend, {
      reqmod: scan,
      respmod: scan,
      onRecord: (record) => records.push(record),
    });
    const client = new WebSocket(front.url.replace('http', 'ws'));
    const reply = new Promise((resolve, reject) => {
      client.once('message', (data) => resolve(String(data)));
      client.once('error', reject);
    });
    await new Promise((resolve) => client.once('open', resolve));
    client.send('hello');
    expect(await reply).toBe('echo hello');
    expect(records).toMatchObject([{ method: 'GET', status: 101, verdict: 'allowed' }]);
    client.terminate();
  });

  test('an application that does not upgrade is inspected as any other response', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const records: ProxyRecord[] = [];
    await using front = await start(origin, { respmod: scan, onRecord: (record) => records.push(record) });
    const ask = async (path: string): Promise<string> => {
      await using client = await rawClient(front.port);
      client.send(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      );
      return (await client.closed()).toString();
    };
    expect(await ask('/eicar')).toMatch(/^HTTP\/1\.1 403 /);
    expect(await ask('/fields')).toMatch(/^HTTP\/1\.1 201 Made\r\n[^]*made/);
    expect(records).toMatchObject([
      { status: 403, verdict: 'blocked' },
      { status: 201, verdict: 'allowed' },
    ]);
  });
});

test('a proxy that listens by itself is covered', async () => {
  const app = application();
  await using origin = await originServer(app.handle);
  const proxy = httpProxy.createProxyServer({ target: origin.url });
  const detach = attachIcap(proxy, { reqmod: scan });
  proxy.listen(0, '127.0.0.1');
  const { _server: server } = proxy as unknown as { _server: http.Server };
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  expect((await request(`http://127.0.0.1:${port}/upload`, { body: eicar() })).status).toBe(403);
  server.closeAllConnections();
  proxy.close();
  detach();
});

test('something that is no proxy server is refused', () => {
  expect(() => attachIcap({} as never, { reqmod: scan })).toThrow(
    /expected what httpProxy.createProxyServer/,
  );
});

// proxy.reverse: Weir in front of an application, end to end, and what the application gets to see.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { WebSocket, WebSocketServer } from 'ws';
import { application, downloadOf } from '../embed/application.ts';
import { bytesOfSize, request, sha256 } from '../embed/client.ts';
import { listening } from '../embed/fronts.ts';
import { eicar } from '../support/eicar.ts';
import { originServer, rawOrigin } from '../support/originServer.ts';
import { startPeerServer } from '../support/icap-peer.ts';
import { rawClient, rawExchange } from '../support/rawClient.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { testCa } from '../support/testCa.ts';
import type { WeirSettings } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

interface ReverseWeir extends AsyncDisposable {
  readonly weir: Awaited<ReturnType<typeof startTestWeir>>;
  /** Of the first listener. */
  readonly port: number;
  readonly url: string;
}

/** Weir with one listener in front of `target`. */
async function inFrontOf(
  target: string,
  more: object = {},
  settings: WeirSettings = {},
): Promise<ReverseWeir> {
  const reverse = [{ listen: '127.0.0.1:0', target, ...more }];
  const weir = await startTestWeir({ ...settings, proxy: { ...settings.proxy, reverse } });
  const address = weir.weir.reverseAddresses[0]!;
  return {
    weir,
    port: Number(address.slice(address.lastIndexOf(':') + 1)),
    url: address.includes('://') ? address : `http://${address}`,
    [Symbol.asyncDispose]: () => weir[Symbol.asyncDispose](),
  };
}

describe('what is inspected', () => {
  test.each([0, 1024, 5 * 1024 * 1024])('uploads and downloads of %d bytes pass unchanged', async (size) => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url);
    const body = bytesOfSize(size);
    const expected = { bytes: size, sha256: sha256(body) };
    expect(JSON.parse((await request(`${front.url}/upload`, { body })).text)).toEqual(expected);
    expect(JSON.parse((await request(`${front.url}/upload`, { body: [body] })).text)).toEqual(expected);
    const download = await request(`${front.url}/bytes/${size}`);
    expect(download.headers['content-length']).toBe(String(size));
    expect(download.body.equals(downloadOf(size))).toBe(true);
  });

  test('infected uploads and downloads are answered with the block page and logged, one line each', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url);
    const upload = await request(`${front.url}/upload`, { body: eicar(), headers: { host: 'app.example' } });
    expect(upload.status).toBe(403);
    expect(app.seen).toEqual([]);
    const download = await request(`${front.url}/eicar-in-chunks`);
    expect(download.status).toBe(403);
    expect(download.text).toContain('EICAR');
    const logged = await front.weir.logged(({ kind }) => kind === 'proxy', 2);
    expect(logged).toMatchObject([
      {
        method: 'POST',
        url: 'http://app.example/upload',
        status: 403,
        verdict: 'blocked',
        client: '127.0.0.1',
      },
      {
        method: 'GET',
        url: `${front.url}/eicar-in-chunks`,
        status: 403,
        verdict: 'blocked',
        threat: { blade: 'antivirus' },
      },
    ]);
    expect(logged[0]!.adaptation).toMatchObject([{ service: 'sandblast', method: 'REQMOD' }]);
  });

  test('parts of files and endless streams, as adaptation.ranges and adaptation.streams say', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const headers = { range: 'bytes=5-9' };
    {
      await using front = await inFrontOf(origin.url);
      expect((await request(`${front.url}/eicar-in-parts`, { headers })).status).toBe(403);
      const letters = await request(`${front.url}/letters`, { headers });
      expect([letters.status, letters.text]).toEqual([206, 'fghij']);
      await using client = await rawClient(front.port);
      client.send('GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
      await client.until('data: 1');
    }
    const adaptation = { ranges: { mode: 'fragment' }, streams: { policy: 'block' } };
    await using front = await inFrontOf(origin.url, {}, { adaptation });
    expect((await request(`${front.url}/letters`, { headers })).status).toBe(206);
    expect(app.seen.at(-1)!.headers.range).toBe('bytes=5-9');
    expect((await request(`${front.url}/events`)).status).toBe(403);
  });

  test('parts of what no rule is for are left to the application', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const rules = [{ point: 'respmod', use: ['sandblast'], when: { paths: ['/eicar*'] } }];
    await using front = await inFrontOf(
      origin.url,
      {},
      {
        adaptation: { rules, ranges: { mode: 'block' }, notScanned: { range: 'block' } },
      },
    );
    const headers = { range: 'bytes=5-9' };
    const letters = await request(`${front.url}/letters`, { headers });
    expect([letters.status, letters.text]).toEqual([206, 'fghij']);
    expect(app.seen.map((seen) => seen.headers.range)).toEqual(['bytes=5-9']);
    expect((await request(`${front.url}/eicar-in-parts`, { headers })).status).toBe(403);
    expect(app.seen).toHaveLength(1);
  });

  test('rules of the configuration decide which messages are', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const rules = [{ point: 'reqmod', use: ['sandblast'], when: { hosts: ['scanned.test'] } }];
    await using front = await inFrontOf(origin.url, {}, { adaptation: { rules } });
    const ask = (host: string) => request(`${front.url}/upload`, { body: eicar(), headers: { host } });
    expect((await ask('scanned.test')).status).toBe(403);
    expect((await ask('other.test')).status).toBe(200);
    await front.weir.reload({
      proxy: { reverse: [{ listen: '127.0.0.1:0', target: origin.url }] },
      adaptation: { rules: [{ point: 'reqmod', use: ['sandblast'] }] },
    });
    expect((await ask('other.test')).status).toBe(403);
  });

  test('a service that is down blocks, or lets pass, as the configuration says', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const url = `icap://127.0.0.1:${await freePort()}/scan`;
    for (const [onError, status] of [
      ['block', 502],
      ['bypass', 200],
    ] as const) {
      const adaptation = {
        services: { scan: { url, onError } },
        rules: [{ point: 'reqmod', use: ['scan'] }],
      };
      await using front = await inFrontOf(origin.url, {}, { adaptation });
      expect((await request(`${front.url}/upload`, { body: bytesOfSize(500_000) })).status).toBe(status);
    }
  });

  test('WebSockets pass, and an application that declines one is inspected', async () => {
    const app = application();
    const server = http.createServer(app.handle);
    const sockets = new WebSocketServer({ noServer: true });
    server.on('upgrade', (req, socket, head) => {
      if (req.url !== '/chat') {
        const response = new http.ServerResponse(req);
        response.assignSocket(socket as never);
        response.once('finish', () => socket.end());
        return (app.handle(Object.assign(req, { url: '/eicar' }), response), void req.resume());
      }
      sockets.handleUpgrade(req, socket, head, (ws) => {
        ws.on('message', (data) => ws.send(`${req.headers['x-forwarded-for'] as string} ${String(data)}`));
      });
    });
    await using origin = await listening(server, () => {});
    await using front = await inFrontOf(origin.url);
    const client = new WebSocket(`${front.url.replace('http', 'ws')}/chat`);
    const reply = new Promise((resolve, reject) => {
      client.once('message', (data) => resolve(String(data)));
      client.once('error', reject);
    });
    client.once('open', () => client.send('hello'));
    expect(await reply).toBe('127.0.0.1 hello');
    client.terminate();
    const declined = new WebSocket(`${front.url.replace('http', 'ws')}/file`);
    const status = await new Promise((resolve) => {
      declined.once('unexpected-response', (_req, res) => resolve(res.statusCode));
      declined.once('error', () => {});
    });
    expect(status).toBe(403);
    declined.terminate();
    const logged = await front.weir.logged(({ kind }) => kind === 'proxy', 2);
    expect(logged.map((record) => record.status)).toEqual([101, 403]);
  });

  test('another protocol than WebSocket is declined: the request is answered as a plain one', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url);
    const h2c =
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';
    const answer = (
      await rawExchange(front.port, `GET /fields HTTP/1.1\r\nHost: a\r\n${h2c}\r\n`)
    ).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 201 Made\r\n/);
    expect(app.seen[0]!.headers.upgrade).toBeUndefined();
    const body = `POST /upload HTTP/1.1\r\nHost: a\r\n${h2c}Content-Length: 4\r\n\r\nbody`;
    expect((await rawExchange(front.port, body)).toString()).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('what the application sees', () => {
  test('who the client is, and nothing that the client says of itself', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url);
    await rawExchange(
      front.port,
      'GET /fields?a=1 HTTP/1.1\r\nHost: app.example\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n' +
        'X-Forwarded-Host: evil\r\nForwarded: for=10.0.0.1\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n',
    );
    const { url, headers } = app.seen[0]!;
    expect(url).toBe('/fields?a=1');
    expect(headers).toMatchObject({
      host: 'app.example',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'app.example',
    });
    expect(headers.via).toMatch(/^1\.1 weir-/);
    for (const name of ['forwarded', 'x-hop', 'te']) expect(headers[name]).toBeUndefined();
  });

  test('what a trusted balancer says, with its address added', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url, { trustForwarded: ['127.0.0.0/8'] });
    const headers = {
      'x-forwarded-for': '6.6.6.6, 192.0.2.7, 127.0.0.9',
      ...{ 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' },
    };
    await request(`${front.url}/fields`, { headers });
    expect(app.seen[0]!.headers).toMatchObject({
      'x-forwarded-for': '6.6.6.6, 192.0.2.7, 127.0.0.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-port': '443',
    });
    const [record] = await front.weir.logged(({ kind }) => kind === 'proxy');
    expect(record).toMatchObject({ client: '192.0.2.7' });
  });

  test('the client in the fields that the listener is set to, and its own name where it wants that', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    const trustForwarded = ['127.0.0.1'];
    const listeners = [
      { forwarded: 'forwarded' },
      { forwarded: 'both' },
      { forwarded: 'none' },
      { forwarded: 'forwarded', trustForwarded },
      { passHost: false },
    ].map((more) => ({ listen: '127.0.0.1:0', target: origin.url, ...more }));
    await using weir = await startTestWeir({ proxy: { reverse: listeners } });
    const fields = async (listener: number, headers: Record<string, string> = {}) => {
      const url = `http://${weir.weir.reverseAddresses[listener]!}/fields`;
      await request(url, { headers: { host: 'app.example:80', ...headers } });
      const { host, forwarded = null, 'x-forwarded-for': older = null } = app.seen.at(-1)!.headers;
      return [host, forwarded, older];
    };
    const own = 'for=127.0.0.1;host="app.example:80";proto=http';
    const older = { 'x-forwarded-for': '::1, 192.0.2.7, x', 'x-forwarded-host': 'h' };
    const claims = { forwarded: 'for=10.0.0.1', ...older };
    expect(await fields(0, claims)).toEqual(['app.example:80', own, null]);
    expect(await fields(1)).toEqual(['app.example:80', own, '127.0.0.1']);
    expect(await fields(2, claims)).toEqual(['app.example:80', null, null]);
    expect((await fields(3, claims))[1]).toBe('for=10.0.0.1, for=127.0.0.1;host="h";proto=http');
    expect((await fields(3, older))[1]).toBe(
      'for="[::1]", for=192.0.2.7, for=unknown, for=127.0.0.1;host="h";proto=http',
    );
    expect(await fields(4)).toEqual([`127.0.0.1:${origin.port}`, null, '127.0.0.1']);
    const records = await weir.logged(({ kind }) => kind === 'proxy', 6);
    expect(records[3]!['client']).toBe('10.0.0.1');
  });

  test('a path of the target in front of its own', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(`${origin.url}/base`);
    await request(`${front.url}/x?y`);
    await rawExchange(
      front.port,
      'GET http://a.test/z HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n',
    );
    expect(app.seen.map(({ url }) => url)).toEqual(['/base/x?y', '/base/z']);
    expect(app.seen[1]!.headers.host).toBe('a.test');
  });

  test('the body of a DELETE in chunks with its length, never as another request', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using front = await inFrontOf(origin.url);
    const body = [Buffer.from('GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n')];
    await request(`${front.url}/upload`, { method: 'DELETE', body });
    expect(app.seen).toMatchObject([{ method: 'DELETE', bytes: 35, headers: { 'content-length': '35' } }]);
  });

  test('a connection to the client that goes on, whatever the application does with its own', async () => {
    await using origin = await originServer((_req, res) =>
      res.writeHead(200, { connection: 'close' }).end('x'),
    );
    await using front = await inFrontOf(origin.url);
    await using client = await rawClient(front.port);
    for (let i = 0; i < 3; i++) {
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      expect((await client.take(/x$/)).toString()).toMatch(/^HTTP\/1\.1 200 [^]*Connection: keep-alive/i);
    }
  });

  test('redirects to itself lead to the address that the client has used', async () => {
    await using origin = await originServer((req, res) => {
      const { port } = req.socket.address() as AddressInfo;
      res.writeHead(302, { location: `http://127.0.0.1:${port}/there` }).end();
    });
    await using front = await inFrontOf(origin.url);
    expect((await request(front.url)).headers.location).toBe(`${front.url}/there`);
  });
});

describe('TLS', () => {
  test('a listener with a certificate speaks HTTPS, and says so', async () => {
    const app = application();
    await using origin = await originServer(app.handle);
    await using folder = await tempDir();
    const { key, cert } = await (await testCa()).issue(['127.0.0.1', 'localhost']);
    const tls = {
      cert: await folder.write('cert.pem', cert),
      key: await folder.write('key.pem', key, 0o600),
    };
    await using front = await inFrontOf(origin.url, { tls });
    expect(front.url).toMatch(/^https:/);
    const { cert: ca } = await testCa();
    expect((await request(`${front.url}/upload`, { body: eicar(), ca })).status).toBe(403);
    await request(`${front.url}/fields`, { ca });
    expect(app.seen[0]!.headers['x-forwarded-proto']).toBe('https');
    const [record] = await front.weir.logged(({ status }) => status === 403);
    expect(record).toMatchObject({
      url: `${front.url}/upload`,
      tls: { version: 'TLSv1.3', action: 'serve' },
    });
  });

  test('the certificate of an https application is verified', async () => {
    const app = application();
    await using origin = await originServer(app.handle, { tls: true });
    await using trusted = await inFrontOf(origin.url);
    expect((await request(`${trusted.url}/fields`)).status).toBe(201);
    await using untrusted = await inFrontOf(origin.url, {}, { proxy: { upstream: { trust: [] } } });
    const answer = await request(`${untrusted.url}/fields`);
    expect([answer.status, answer.text.includes('ERR_ORIGIN_UNTRUSTED')]).toEqual([502, true]);
  });

  test('a key that belongs to another certificate is refused at the start', async () => {
    await using folder = await tempDir();
    const ca = await testCa();
    const [one, other] = [await ca.issue(['a.test']), await ca.issue(['b.test'])];
    const tls = {
      cert: await folder.write('cert.pem', one.cert),
      key: await folder.write('key.pem', other.key, 0o600),
    };
    await expect(inFrontOf('http://127.0.0.1:1', { tls })).rejects.toThrow(
      /reverse listener .*does not belong/,
    );
  });
});

describe('connections to the application', () => {
  /** Sends what is asked for, one request after the other; the answers' texts. */
  const ask = async (url: string, ...methods: string[]): Promise<string[]> => {
    const texts: string[] = [];
    for (const method of methods) {
      const body = method === 'POST' ? { body: Buffer.from('x') } : {};
      texts.push((await request(url, { method, ...body })).text);
    }
    return texts;
  };

  test('are kept for requests that may be sent again, and made anew for others', async () => {
    await using origin = await originServer((_req, res) => res.end('fine'));
    await using front = await inFrontOf(origin.url);
    await ask(front.url, ...Array<string>(20).fill('GET'));
    expect(origin.connections()).toBe(1);
    await ask(front.url, 'POST', 'GET', 'POST', 'GET', 'DELETE');
    expect(origin.connections()).toBe(4);
    await Promise.all(Array.from({ length: 10 }, () => request(front.url)));
    await front.weir.reload({
      proxy: { reverse: [{ listen: '127.0.0.1:0', target: origin.url }] },
    });
    const before = origin.connections();
    await ask(front.url, 'GET', 'GET');
    expect(origin.connections()).toBe(before + 1); // those of before a reload are not used any more
  });

  test('are not kept where the listener, or the application, does not want it', async () => {
    await using origin = await originServer((_req, res) => res.end('fine'));
    await using front = await inFrontOf(origin.url, { keepAlive: '0s' });
    await ask(front.url, 'GET', 'GET');
    expect(origin.connections()).toBe(2);
    for (const field of ['Connection: close', 'Keep-Alive: timeout=1']) {
      await using short = await rawOrigin((socket) => {
        socket.on('data', () => socket.write(`HTTP/1.1 200 OK\r\n${field}\r\nContent-Length: 1\r\n\r\nx`));
        socket.on('end', () => socket.end());
      });
      await using behind = await inFrontOf(short.url);
      expect(await ask(behind.url, 'GET', 'GET')).toEqual(['x', 'x']);
      expect(short.connections()).toBe(2);
    }
  });

  test('that are found dead, or on which something came unasked, cost no request', async () => {
    const conversations: string[][] = [];
    await using origin = await rawOrigin((socket) => {
      const seen: string[] = [];
      const number = conversations.push(seen);
      socket.on('data', (data) => {
        seen.push(String(data).split(' ', 1)[0]!);
        if (seen.length === 2) return void socket.destroy(); // no answer to the second request
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${number}`);
        if (number === 4) setImmediate(() => socket.write('HTTP/1.1 408 Late\r\nContent-Length: 1\r\n\r\n!'));
      });
    });
    await using front = await inFrontOf(origin.url);
    expect(await ask(front.url, 'GET', 'GET', 'POST', 'GET')).toEqual(['1', '2', '3', '4']);
    expect(conversations.slice(0, 3)).toEqual([['GET', 'GET'], ['GET'], ['POST', 'GET']]);
    await front.weir.logged(({ kind }) => kind === 'proxy', 4);
    expect(await ask(front.url, 'GET')).toEqual(['5']);
  });

  test('are closed when a block has come before the end of the response', async () => {
    await using icap = await startPeerServer((peer, { waits }) => {
      expect(waits).toBe(true); // for 100, which does not come
      const head = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n';
      peer.send(
        `ICAP/1.0 200 OK\r\nISTag: "t1"\r\nConnection: close\r\nEncapsulated: res-hdr=0, null-body=${head.length}\r\n\r\n${head}`,
      );
      throw new Error('the connection is over');
    });
    let gone = (): void => {};
    const closed = new Promise<void>((resolve) => (gone = resolve));
    await using origin = await originServer((_req, res) => {
      res.once('close', gone);
      const writeOn = (): void => {
        while (!res.destroyed && res.write(Buffer.alloc(65_536)));
      };
      res.on('drain', writeOn);
      writeOn();
    });
    const adaptation = {
      services: { scan: { url: icap.url } },
      rules: [{ point: 'respmod', use: ['scan'] }],
    };
    await using front = await inFrontOf(origin.url, {}, { adaptation });
    expect((await request(front.url)).status).toBe(403);
    await closed;
  });

  test('are not tried for a while when the application is down, and are when it is back', async () => {
    const port = await freePort();
    await using front = await inFrontOf(`http://127.0.0.1:${port}`);
    for (let i = 0; i < 3; i++) expect((await request(front.url)).status).toBe(502);
    const down = await request(front.url);
    expect([down.status, down.headers['retry-after']]).toEqual([503, '1']);
    expect(down.text).toContain('ERR_ORIGIN_DOWN');
    const server = http.createServer((_req, res) => res.end('back')).listen(port, '127.0.0.1');
    await delay(1000); // as Retry-After says
    expect((await request(front.url)).text).toBe('back');
    const told = (text: string) => front.weir.logged(({ msg }) => msg?.includes(text) === true);
    await told('does not answer');
    await told('answers again');
    server.close();
    server.closeAllConnections();
  });
});

describe('failures and limits', () => {
  test('an application that is down, silent or breaks off is a page, or a cut answer', async () => {
    await using down = await inFrontOf(`http://127.0.0.1:${await freePort()}`);
    expect(await request(down.url)).toMatchObject({ status: 502 });
    await using silent = await rawOrigin(() => {});
    const upstream = { responseTimeout: '300ms' };
    await using waiting = await inFrontOf(silent.url, {}, { proxy: { upstream } });
    const late = await request(waiting.url);
    expect([late.status, late.text.includes('ERR_ORIGIN_TIMEOUT')]).toEqual([504, true]);
    await using broken = await originServer(application().handle);
    await using front = await inFrontOf(broken.url);
    const cut = await request(`${front.url}/broken`);
    expect([cut.status, cut.text.includes('ERR_ORIGIN_CLOSED')]).toEqual([502, true]);
    const [record] = await waiting.weir.logged(({ kind }) => kind === 'proxy');
    expect(record).toMatchObject({ status: 504, verdict: 'error', error: { code: 'ERR_ORIGIN_TIMEOUT' } });
  });

  test('a target that is Weir itself is refused, by address and by Via', async () => {
    const port = await freePort();
    const own = { listen: `127.0.0.1:${port}`, target: `http://127.0.0.1:${port}` };
    await using front = await inFrontOf('http://unused.test', own);
    const answer = await request(front.url);
    expect([answer.status, answer.text.includes('ERR_PROXY_SELF')]).toEqual([403, true]);
    // Over somebody else, who hands the request back.
    let back = '';
    await using detour = await originServer((req, res) => {
      void request(back, { headers: req.headers }).then(({ status }) => res.end(`came back with ${status}`));
    });
    await using loop = await inFrontOf(detour.url);
    back = loop.url;
    expect((await request(loop.url)).text).toBe('came back with 508');
    // The forward proxy does not lead there either.
    expect((await loop.weir.curl(loop.url)).status).toBe(403);
  });

  test('heads beyond the limits, and what is no HTTP, are answered and logged', async () => {
    await using origin = await originServer(application().handle);
    const limits = { headerFields: 20, uriBytes: 300, headerBytes: '4KiB' };
    await using front = await inFrontOf(origin.url, {}, { proxy: { limits } });
    const ask = async (text: string): Promise<string> => {
      return (await rawExchange(front.port, text)).toString().slice(0, 12);
    };
    const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
    expect(await ask(`${get}${'X: 1\r\n'.repeat(20)}\r\n`)).toBe('HTTP/1.1 431');
    expect(await ask(`GET /${'a'.repeat(300)} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).toBe(
      'HTTP/1.1 414',
    );
    expect(await ask(`${get}X: ${'a'.repeat(5000)}\r\n\r\n`)).toBe('HTTP/1.1 431');
    expect(await ask('not http\r\n\r\n')).toBe('HTTP/1.1 400');
    expect(await ask(`GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`)).toBe('HTTP/1.1 400');
    expect(await ask(`OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)).toBe('HTTP/1.1 400');
    const both = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(await ask(both)).toBe('HTTP/1.1 400');
    const logged = await front.weir.logged(({ kind }) => kind === 'proxy', 7);
    expect(logged.map(({ status }) => status)).toEqual([431, 414, 431, 400, 400, 400, 400]);
  });

  test('a client that stops in the middle of its upload is cut after the idle time', async () => {
    await using origin = await originServer(application().handle);
    await using front = await inFrontOf(origin.url, {}, { proxy: { limits: { idleTimeout: '200ms' } } });
    await using client = await rawClient(front.port);
    client.send('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    await client.closed();
    const [record] = await front.weir.logged(({ kind }) => kind === 'proxy');
    expect(record).toMatchObject({ status: 0, verdict: 'error' });
  });
});

describe('starting, reloading and stopping', () => {
  test('an address in use is an error that names it', async () => {
    await using origin = await originServer(() => {});
    const listen = `127.0.0.1:${origin.port}`;
    await expect(inFrontOf(origin.url, { listen })).rejects.toMatchObject({ code: 'ERR_LISTEN' });
  });

  test('a reload opens, moves and closes listeners', async () => {
    const apps = [application(), application()];
    await using first = await originServer(apps[0]!.handle);
    await using second = await originServer(apps[1]!.handle);
    const port = await freePort();
    const at = (target: string) => ({ proxy: { reverse: [{ listen: `127.0.0.1:${port}`, target }] } });
    await using weir = await startTestWeir();
    const { applied } = await weir.reload(at(first.url));
    expect(applied).toContain('proxy.reverse');
    expect((await request(`http://127.0.0.1:${port}/fields`)).status).toBe(201);
    await weir.reload(at(second.url));
    expect((await request(`http://127.0.0.1:${port}/fields`)).status).toBe(201);
    expect([apps[0]!.seen.length, apps[1]!.seen.length]).toEqual([1, 1]);
    await weir.reload({});
    await expect(request(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  test('a stop lets a transaction under way finish', async () => {
    let answer = (): void => {};
    let asked = (): void => {};
    const arrived = new Promise<void>((resolve) => (asked = resolve));
    await using origin = await originServer((_req, res) => {
      answer = () => void res.end('late');
      asked();
    });
    await using front = await inFrontOf(origin.url);
    const agent = new http.Agent({ keepAlive: true });
    const pending = request(front.url, { agent });
    await arrived;
    const stopped = front.weir.stop(60_000);
    answer();
    expect((await pending).text).toBe('late');
    await stopped; // not by the end of the grace
    agent.destroy();
  });
});

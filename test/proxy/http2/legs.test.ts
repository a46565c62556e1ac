// HTTP/2 on both legs of the proxy, and each with HTTP/1.1 on the other: what goes through unchanged, who
// chooses, and how the end of one side becomes the end of the other.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fetchH2, received } from '../../http2/http2-server.ts';
import { eicar } from '../../support/eicar.ts';
import type { OriginServer } from '../../support/originServer.ts';
import { originServer } from '../../support/originServer.ts';
import { runCli } from '../../support/runCli.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';
import type { Http2Origin, StreamHandler } from './origins.ts';
import { http1Fetch, http2Origin, http2Through } from './origins.ts';

const MiB = 1024 * 1024;
const BIG = randomBytes(1 * MiB); // sent many times over

let weir: LocalWeir;
let scanning: LocalWeir;
let origin2: Http2Origin;
let origin1: OriginServer;
let onStream: StreamHandler = () => {};

beforeAll(async () => {
  weir = await startTestWeir({ adaptation: { rules: [] }, proxy: { http2: { origin: 'always' } } });
  scanning = await startTestWeir((port) => ({
    adaptation: { services: { sandblast: { url: `icap://127.0.0.1:${port}/sandblast`, inProcess: false } } },
  }));
  origin2 = await http2Origin((...args) => onStream(...args), { allowHTTP1: true });
  origin1 = await originServer(
    (request, response) => {
      if (request.url === '/eicar') return void response.end(eicar());
      if (request.url === '/big') return sendBig((chunk) => response.write(chunk), response);
      if (request.url === '/broken') {
        response.writeHead(200, { 'Content-Length': 1000 });
        response.write('some');
        return void setImmediate(() => request.socket.destroy());
      }
      const hash = createHash('sha256');
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        bytes += chunk.length;
      });
      request.on('end', () => {
        response.writeHead(200, ['Alt-Svc', 'h3=":443"', 'X-Case', 'kept', 'Trailer', 'X-Sum']);
        response.addTrailers({ 'X-Sum': hash.digest('hex') });
        response.end(JSON.stringify({ bytes, headers: request.rawHeaders, trailers: request.rawTrailers }));
      });
    },
    { tls: true },
  );
});
afterAll(async () => {
  for (const part of [weir, scanning, origin1, origin2]) await part?.[Symbol.asyncDispose]();
});

/** 64 MiB, in step with whoever takes it. */
function sendBig(write: (chunk: Buffer) => boolean, target: NodeJS.WritableStream): void {
  let left = 64;
  const go = (): void => {
    while (left > 0) {
      left--;
      if (!write(BIG)) return void target.once('drain', go);
    }
    target.end();
  };
  go();
}

function hashOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  return (async () => {
    const hash = createHash('sha256');
    for await (const chunk of chunks) hash.update(chunk);
    return hash.digest('hex');
  })();
}

const bigHash = (): string => {
  const hash = createHash('sha256');
  for (let i = 0; i < 64; i++) hash.update(BIG);
  return hash.digest('hex');
};

/** Answers with what came: pseudo-header fields, fields, body length, trailers; and trailers of its own. */
const echo: StreamHandler = (stream, headers, raw) => {
  let bytes = 0;
  let trailers: http2.IncomingHttpHeaders = {};
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  stream.on('trailers', (fields) => (trailers = fields));
  stream.on('end', () => {
    stream.respond(
      { ':status': 200, 'alt-svc': 'h3=":443"', 'x-method': headers[':method'] },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(bytes) }));
    stream.end(JSON.stringify({ bytes, raw, trailers }));
  });
};

describe('which version', () => {
  test('a client of HTTP/2 reaches an origin of HTTP/2 by HTTP/2, its log says h2 and weir why both legs', async () => {
    onStream = echo;
    const before = origin2.served.http2;
    const session = await http2Through(scanning, origin2.port);
    const got = await fetchH2(session, { ':path': '/who', 'x-mine': 'yes' });
    expect([got.status, origin2.served.http2 - before]).toEqual([200, 1]);
    const { raw } = JSON.parse(got.body.toString()) as { raw: string[] };
    expect(raw.slice(0, 8)).toEqual([
      ...[':method', 'GET', ':scheme', 'https', ':authority', `www.origin.test:${origin2.port}`],
      ...[':path', '/who'],
    ]);
    expect(raw[raw.indexOf('via') + 1]).toMatch(/^2\.0 weir-/);
    expect(raw).not.toContain('host');
    const [record] = await scanning.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/who'));
    expect(record!.tls).toMatchObject({ alpn: 'h2', action: 'bump' });
    await scanning.weir.traces!.flush();
    const trace = await scanning.weir.traces!.find(record!.id);
    expect([trace!.request.version, trace!.tls!.alpn, trace!.origin!.protocol]).toEqual([
      '2.0',
      'h2',
      'HTTP/2',
    ]);
    const { stdout } = await runCli(['why', record!.id, '--config', scanning.folder.join('weir.yaml')]);
    expect(stdout).toContain('GET HTTP/2, 0 B of body');
    expect(stdout).toMatch(/status 200, .*TLSv1\.3, HTTP\/2, connected/);
    session.close();
  });

  test('a client of HTTP/1 goes to it by HTTP/1, unless the configuration says always', async () => {
    onStream = echo;
    expect((await http1Fetch(scanning, origin2.port, '/')).body.toString()).toBe('http1');
    const always = await http1Fetch(weir, origin2.port, '/always');
    expect(JSON.parse(always.body.toString())).toMatchObject({ bytes: 0 });
    expect(always.trailers['x-sum']).toBe('0');
  });

  test('an origin without HTTP/2 is asked by HTTP/1, over the connection that found it out', async () => {
    const session = await http2Through(weir, origin1.port);
    const before = origin1.connections();
    const first = await fetchH2(session, { ':path': '/one', cookie: ['a=1', 'b=2'] });
    const second = await fetchH2(session, { ':path': '/two' });
    expect([first.status, second.status, origin1.connections() - before]).toEqual([200, 200, 1]);
    const { headers } = JSON.parse(first.body.toString()) as { headers: string[] };
    expect(headers.slice(0, 4)).toEqual(['Host', `www.origin.test:${origin1.port}`, 'cookie', 'a=1; b=2']);
    session.close();
  });

  test('a client of HTTP/1 reaches an origin that speaks HTTP/2 only', async () => {
    await using only = await http2Origin(echo, { allowHTTP1: false, ALPNProtocols: ['h2'] });
    const got = await http1Fetch(scanning, only.port, '/');
    expect([got.status, JSON.parse(got.body.toString())]).toMatchObject([200, { bytes: 0 }]);
  });

  test('neither is offered where it is switched off', async () => {
    await using off = await startTestWeir({ proxy: { http2: { client: false, origin: false } } });
    await using only = await originServer((_, response) => response.end('one'), { tls: true });
    const session = await off.curl('-s', '--http2', `https://www.origin.test:${only.port}/`);
    expect(session.headers).toContain('HTTP/1.1 200');
  });
});

describe('what goes through', () => {
  test('64 MiB down, byte for byte, h2 to h2, h2 to h1 and h1 to h2', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      sendBig((chunk) => stream.write(chunk), stream);
    };
    const hashes: string[] = [];
    for (const port of [origin2.port, origin1.port]) {
      const session = await http2Through(weir, port, { initialWindowSize: MiB });
      hashes.push(await hashOf(session.request({ ':path': '/big' })));
      session.close();
    }
    const h1 = await http1Fetch(weir, origin2.port, '/big');
    hashes.push(createHash('sha256').update(h1.body).digest('hex'));
    expect(hashes).toEqual([bigHash(), bigHash(), bigHash()]);
  });

  test('64 MiB up, likewise', async () => {
    onStream = (stream) => {
      void hashOf(stream).then((hash) => {
        stream.respond({ ':status': 200, 'x-sum': hash }, { endStream: true });
      });
    };
    const sums: unknown[] = [];
    for (const port of [origin2.port, origin1.port]) {
      const session = await http2Through(weir, port);
      const stream = session.request({ ':method': 'POST', ':path': '/up' });
      sendBig((chunk) => stream.write(chunk), stream);
      const got = await received(stream);
      sums.push(got.headers['x-sum'] ?? got.trailers!['x-sum']);
      session.close();
    }
    const h1 = await http1Fetch(
      weir,
      origin2.port,
      '/up',
      { method: 'POST' },
      Buffer.concat(Array(64).fill(BIG)),
    );
    expect([...sums, h1.headers['x-sum']]).toEqual([bigHash(), bigHash(), bigHash()]);
  });

  test('trailers both ways', async () => {
    onStream = echo;
    const outcomes: unknown[] = [];
    for (const port of [origin2.port, origin1.port]) {
      const session = await http2Through(weir, port);
      const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-up': 'yes' }));
      stream.end('body');
      const got = await received(stream);
      outcomes.push(
        (JSON.parse(got.body.toString()) as { trailers: unknown }).trailers,
        Object.keys(got.trailers!),
      );
      session.close();
    }
    expect(outcomes).toMatchObject([{ 'x-up': 'yes' }, ['x-sum'], ['x-up', 'yes'], ['x-sum']]);
  });

  test('interim answers, h2 to h2 and h2 to h1', async () => {
    onStream = (stream) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>; rel=preload' });
      stream.respond({ ':status': 200 }, { endStream: true });
    };
    const h2 = await fetchH2(await http2Through(weir, origin2.port), { ':path': '/' });
    const h1 = await fetchH2(
      await http2Through(weir, origin1.port),
      { ':path': '/', ':method': 'POST', expect: '100-continue' },
      Buffer.from('x'),
    );
    expect(h2.informed.map(({ status, headers }) => [status, headers.link])).toEqual([
      [103, '</a.css>; rel=preload'],
    ]);
    expect(h1.informed.map(({ status }) => status)).toEqual([100]);
  });

  test('100 requests at a time on one connection each way', async () => {
    onStream = (stream, headers) => {
      stream.respond({ ':status': 200 });
      stream.end(`${headers[':path']} ${'x'.repeat(5000)}`);
    };
    const session = await http2Through(weir, origin2.port);
    const sessions = origin2.sessions.length;
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => fetchH2(session, { ':path': `/${i}` })),
    );
    expect(all.every(({ body }, i) => body.toString().startsWith(`/${i} x`))).toBe(true);
    expect(origin2.sessions.length - sessions).toBeLessThanOrEqual(1);
    session.close();
  });

  test('no Alt-Svc, unless it is to be kept', async () => {
    onStream = echo;
    const session = await http2Through(weir, origin2.port);
    expect((await fetchH2(session, { ':path': '/' })).headers['alt-svc']).toBeUndefined();
    expect((await http1Fetch(weir, origin1.port, '/')).headers['alt-svc']).toBeUndefined();
    await weir.reload({ adaptation: { rules: [] }, proxy: { http2: { origin: 'always', altSvc: 'keep' } } });
    expect((await http1Fetch(weir, origin1.port, '/')).headers['alt-svc']).toBe('h3=":443"');
    await weir.reload({ adaptation: { rules: [] }, proxy: { http2: { origin: 'always' } } });
    session.close();
  });

  test('EICAR does not: a 403 page over HTTP/2, judged over ICAP', async () => {
    const session = await http2Through(scanning, origin1.port);
    const got = await fetchH2(session, { ':path': '/eicar', accept: 'text/html' });
    expect([got.status, got.headers['content-type'], got.headers['cache-control']]).toEqual([
      ...[403, 'text/html; charset=utf-8', 'no-store'],
    ]);
    expect(got.body.toString()).toContain('EICAR');
    const [record] = await scanning.logged(({ kind, url }) => kind === 'proxy' && url.endsWith('/eicar'));
    expect([record!.verdict, record!.tls]).toMatchObject(['blocked', { alpn: 'h2' }]);
    session.close();
  });
});

describe('how it ends', () => {
  test('a client that resets its stream ends the one at the origin', async () => {
    const closed = new Promise<number>((resolve) => {
      onStream = (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('begin');
        stream.once('close', () => resolve(stream.rstCode));
      };
    });
    const session = await http2Through(weir, origin2.port);
    const stream = session.request({ ':path': '/' });
    await once(stream, 'data');
    stream.close(http2.constants.NGHTTP2_CANCEL);
    expect(await closed).toBe(http2.constants.NGHTTP2_CANCEL);
    session.close();
  });

  test.each([
    ['INTERNAL_ERROR', 2, 2],
    ['CANCEL', 8, 8],
    ['ENHANCE_YOUR_CALM', 11, 11],
  ])('an origin that resets with %s in the middle resets the client', async (_, code, expected) => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true }); // or close() would end it first
      stream.write('begin', () => stream.close(code));
    };
    const session = await http2Through(weir, origin2.port);
    const got = await fetchH2(session, { ':path': '/' });
    expect([got.status, got.ended, got.rstCode]).toEqual([200, expected === 8, expected]);
    const h1 = await http1Fetch(weir, origin2.port, '/');
    expect(h1.complete).toBe(false);
    session.close();
  });

  test('an origin that resets with NO_ERROR has ended its body, if that is as long as it said', async () => {
    const outcomes: unknown[] = [];
    for (const length of [null, 5, 6]) {
      onStream = (stream) => {
        const more = length === null ? {} : { 'content-length': length };
        stream.respond({ ':status': 200, ...more }, { waitForTrailers: true });
        stream.write('begin', () => resetRaw(stream));
      };
      const session = await http2Through(weir, origin2.port);
      const got = await fetchH2(session, { ':path': '/' });
      outcomes.push([got.body.toString(), got.ended, got.rstCode]);
      session.close();
    }
    expect(outcomes).toEqual([
      ['begin', true, 0],
      ['begin', true, 0],
      ['begin', false, 2],
    ]);
  });

  test('an origin whose connection is lost resets the stream', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('begin', () => lost.cut());
    };
    await using lost = await http2Origin((...args) => onStream(...args));
    const session = await http2Through(weir, lost.port);
    const got = await fetchH2(session, { ':path': '/' });
    expect([got.status, got.ended, got.rstCode]).toEqual([200, false, 2]);
    session.close();
  });

  test('an origin of HTTP/1 that breaks off resets the stream, and only that', async () => {
    const session = await http2Through(weir, origin1.port);
    const got = await fetchH2(session, { ':path': '/broken' });
    expect([got.status, got.ended, got.rstCode]).toEqual([200, false, 2]);
    expect((await fetchH2(session, { ':path': '/next' })).status).toBe(200);
    session.close();
  });

  test('an origin that resets before its answer is a 502 page', async () => {
    onStream = (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    const session = await http2Through(weir, origin2.port);
    const got = await fetchH2(session, { ':path': '/' });
    expect(got.status).toBe(502);
    expect(got.body.toString()).toContain('ERR_ORIGIN_CLOSED');
    session.close();
  });

  test('a refused stream is sent once more, whatever its method', async () => {
    let seen = 0;
    onStream = (stream, ...rest) => {
      if (++seen === 1) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      else echo(stream, ...rest);
    };
    const session = await http2Through(scanning, origin2.port);
    const got = await fetchH2(
      session,
      { ':method': 'POST', ':path': '/', 'content-length': 4 },
      Buffer.from('once'),
    );
    expect([got.status, seen]).toEqual([200, 2]);
    expect(JSON.parse(got.body.toString())).toMatchObject({ bytes: 4 });
    session.close();
  });

  test('HTTP_1_1_REQUIRED makes the request go by HTTP/1', async () => {
    onStream = (stream) => stream.close(http2.constants.NGHTTP2_HTTP_1_1_REQUIRED);
    await using picky = await http2Origin((...args) => onStream(...args), { allowHTTP1: true });
    const session = await http2Through(weir, picky.port);
    expect((await fetchH2(session, { ':path': '/' })).body.toString()).toBe('http1');
    expect(picky.served).toEqual({ http2: 1, http1: 1 });
    session.close();
  });

  test('GOAWAY of the origin lets the answer under way finish and the next request open a connection', async () => {
    onStream = (stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half ', () => {
        stream.session!.goaway();
        setImmediate(() => stream.end('and half'));
      });
    };
    const session = await http2Through(weir, origin2.port);
    const first = await fetchH2(session, { ':path': '/' });
    const sessions = origin2.sessions.length;
    onStream = echo;
    const second = await fetchH2(session, { ':path': '/' });
    expect([first.body.toString(), first.rstCode, second.status]).toEqual(['half and half', 0, 200]);
    expect(origin2.sessions.length).toBe(sessions + 1);
    session.close();
  });

  test('a graceful stop sends GOAWAY and finishes what runs', async () => {
    await using stopping = await startTestWeir({ adaptation: { rules: [] } });
    const half = new Promise<http2.ServerHttp2Stream>((resolve) => {
      onStream = (stream) => {
        stream.respond({ ':status': 200 });
        stream.write('half ', () => resolve(stream));
      };
    });
    const session = await http2Through(stopping, origin2.port);
    const got = fetchH2(session, { ':path': '/' });
    const stream = await half;
    const goaway = once(session, 'goaway');
    const stopped = stopping.stop(5000);
    expect((await goaway)[0]).toBe(0);
    stream.end('and half');
    expect((await got).body.toString()).toBe('half and half');
    await stopped;
  });
});

/** RST_STREAM with NO_ERROR in the middle of a body, which node's close() would turn into a clean end. */
function resetRaw(stream: http2.ServerHttp2Stream): void {
  const symbol = Object.getOwnPropertySymbols(stream).find(({ description }) => description === 'kHandle')!;
  (Reflect.get(stream, symbol) as { rstStream(code: number): void }).rstStream(0);
}

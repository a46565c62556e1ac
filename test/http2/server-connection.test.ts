// A client's HTTP/2 connection against node's client: what arrives as a request, what leaves as an answer,
// and who slows or stops whom.

import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { HttpError } from '../../src/errors.ts';
import { Body, collectBody } from '../../src/http/body.ts';
import type { ServerExchange } from '../../src/http/server-exchange.ts';
import type { Http2TestServer } from './http2-server.ts';
import { answerOf, deferred, fetchH2, http2Server, received } from './http2-server.ts';

const MiB = 1024 * 1024;

let server: Http2TestServer;
let onRequest: (exchange: ServerExchange) => void = () => {};

beforeAll(async () => {
  server = await http2Server((exchange) => onRequest(exchange));
});
afterAll(async () => server[Symbol.asyncDispose]());

function text(body: string): Body {
  return Body.of(Buffer.from(body));
}

/** Answers and ignores that the client may have left. */
function respond(exchange: ServerExchange, ...answer: Parameters<typeof answerOf>): void {
  exchange.respond(answerOf(...answer)).catch(() => {});
}

describe('a request', () => {
  test('looks as in HTTP/1: request line, Host, one Cookie', async () => {
    let seen: ServerExchange | null = null;
    onRequest = (exchange) => {
      seen = exchange;
      respond(exchange, text('yes'));
    };
    const got = await fetchH2(server.connect(), {
      ':path': '/a?b=c',
      ':authority': 'www.origin.test',
      cookie: ['a=1', 'b=2'],
      te: 'trailers',
      'X-Mixed': 'Value',
    });
    expect([got.status, got.body.toString(), got.headers['content-length']]).toEqual([200, 'yes', '3']);
    const { head, facts, body } = seen!;
    expect([head.method, head.target, head.version, body]).toEqual(['GET', '/a?b=c', '2.0', null]);
    expect(facts.endToEnd).toEqual(['Host', 'www.origin.test', 'cookie', 'a=1; b=2', 'x-mixed', 'Value']);
    expect(facts.te).toBe('trailers');
  });

  test('brings its body and trailers', async () => {
    onRequest = (exchange) => {
      const { body, framing } = exchange;
      void collectBody(body!, MiB).then((bytes) =>
        respond(exchange, text(`${framing.kind} ${bytes.length} ${body!.trailers.join('=')}`)),
      );
    };
    const session = server.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42' }));
    stream.end(Buffer.alloc(200_000));
    expect((await received(stream)).body.toString()).toBe('chunked 200000 x-sum=42');
    const sized = await fetchH2(
      session,
      { ':method': 'PUT', ':path': '/', 'content-length': 3 },
      Buffer.from('abc'),
    );
    expect(sized.body.toString()).toBe('length 3 ');
  });
});

describe('an answer', () => {
  test.each([
    ['HEAD', 200, { contentLength: 5, headers: ['Content-Length', '5'] }],
    ['GET', 204, {}],
    ['GET', 304, { headers: ['ETag', '"1"'] }],
  ])('to %s with %d has no body', async (method, status, extra) => {
    onRequest = (exchange) => respond(exchange, null, { status, ...extra });
    const got = await fetchH2(server.connect(), { ':method': method, ':path': '/' });
    expect([got.status, got.body.length, got.ended, got.rstCode]).toEqual([status, 0, true, 0]);
  });

  test('comes behind interim answers and before trailers', async () => {
    onRequest = (exchange) => {
      exchange.inform(103, 'Early Hints', ['Link', '</a.css>; rel=preload']);
      const body = new Body();
      respond(exchange, body, { trailer: 'X-End' });
      body.push(Buffer.from('body'));
      body.end(['X-End', 'yes']);
    };
    const got = await fetchH2(server.connect(), { ':path': '/' });
    expect(got.informed.map(({ status, headers }) => [status, headers.link])).toEqual([
      [103, '</a.css>; rel=preload'],
    ]);
    expect([got.body.toString(), got.headers.trailer, got.trailers!['x-end']]).toEqual([
      'body',
      'X-End',
      'yes',
    ]);
  });

  test('keeps several Set-Cookie, joins other repeated fields, and leaves out those of a connection', async () => {
    const headers = ['Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'Vary', 'A', 'vary', 'B'];
    headers.push('Connection', 'close', 'Keep-Alive', 'timeout=5', 'Transfer-Encoding', 'chunked');
    headers.push('Content-Type', 'text/plain', 'Content-Type', 'text/html');
    onRequest = (exchange) => respond(exchange, text('x'), { headers });
    const got = await fetchH2(server.connect(), { ':path': '/' });
    expect(got.headers).toMatchObject({
      'set-cookie': ['a=1', 'b=2'],
      vary: 'A, B',
      'content-type': 'text/plain, text/html',
    });
    expect(Object.keys(got.headers)).not.toContain('connection');
    expect(Object.keys(got.headers)).not.toContain('transfer-encoding');
  });

  test('to a request with a body may be long and is complete for both sides', async () => {
    const outcome = deferred<string>();
    onRequest = (exchange) => {
      void collectBody(exchange.body!, MiB).then(() => {
        const body = new Body();
        exchange.respond(answerOf(body)).then(
          () => outcome.resolve(`complete, ${String(exchange.cancellation.reason)}`),
          (error: Error) => outcome.resolve(error.message),
        );
        for (let i = 0; i < 100; i++) body.push(Buffer.alloc(16 * 1024));
        body.end();
      });
    };
    const got = await fetchH2(server.connect(), { ':method': 'POST', ':path': '/' }, Buffer.from('ask'));
    expect([got.body.length, got.ended, got.rstCode]).toEqual([100 * 16 * 1024, true, 0]);
    expect(await outcome.promise).toBe('complete, null');
  });

  test('before the end of the request ends both', async () => {
    const answered = deferred<ServerExchange>();
    onRequest = (exchange) => {
      respond(exchange, text('too much'), { status: 413 });
      answered.resolve(exchange);
    };
    const stream = server.connect().request({ ':method': 'POST', ':path': '/' });
    stream.write(Buffer.alloc(1000));
    const got = await received(stream);
    expect([got.status, got.body.toString(), got.rstCode]).toEqual([413, 'too much', 0]);
    expect((await answered.promise).cancellation.reason).toBeNull();
  });

  test('with trailers before the end of the request still has them', async () => {
    onRequest = (exchange) => {
      const body = new Body();
      respond(exchange, body);
      body.push(Buffer.alloc(100));
      body.end(['grpc-status', '0']);
    };
    const stream = server.connect().request({ ':method': 'POST', ':path': '/' });
    stream.write(Buffer.alloc(10));
    expect((await received(stream)).trailers!['grpc-status']).toBe('0');
  });

  test.each([
    ['breaks off', (body: Body) => body.fail(new HttpError('ERR_ORIGIN_CLOSED', 'gone'))],
    ['is too short', (body: Body) => body.end()],
    ['is too long', (body: Body) => void body.push(Buffer.alloc(100))],
  ])('that %s is reset with INTERNAL_ERROR and never ends', async (_, spoil) => {
    const rejected = deferred<string>();
    onRequest = (exchange) => {
      const body = new Body();
      exchange
        .respond(answerOf(body, { contentLength: 20, headers: ['Content-Length', '20'] }))
        .catch((error: HttpError) => rejected.resolve(error.code));
      body.push(Buffer.alloc(10));
      setImmediate(spoil, body);
    };
    const got = await fetchH2(server.connect(), { ':path': '/' });
    expect([got.status, got.ended, got.rstCode]).toEqual([200, false, 2]);
    expect(await rejected.promise).toMatch(/^ERR_(ORIGIN_CLOSED|HTTP_FRAMING)$/);
  });

  test('is not made any more for a client that has reset the stream', async () => {
    const arrived = deferred<ServerExchange>();
    onRequest = arrived.resolve;
    const session = server.connect();
    const stream = session.request({ ':path': '/' });
    stream.on('error', () => {});
    const exchange = await arrived.promise;
    const cancelled = new Promise<Error>((resolve) => exchange.cancellation.onCancel(resolve));
    stream.close(8);
    expect((await cancelled).message).toContain('CANCEL');
    const body = text('late');
    await expect(exchange.respond(answerOf(body))).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    expect(body.settled).toBe(true);
  });
});

describe('flow control', () => {
  test('one stream that nobody reads stops neither the others nor is it kept in memory', async () => {
    const endless = new Body();
    let room = true;
    onRequest = (exchange) => {
      if (exchange.head.target !== '/stuck') return respond(exchange, Body.of(Buffer.alloc(2 * MiB, 'x')));
      respond(exchange, endless);
      for (let i = 0; i < 1000 && room; i++) room = endless.push(Buffer.alloc(16 * 1024));
    };
    const session = server.connect();
    const stuck = session.request({ ':path': '/stuck' });
    stuck.on('error', () => {});
    await once(stuck, 'response');
    const others = await Promise.all(
      Array.from({ length: 10 }, () => fetchH2(session, { ':path': '/other' })),
    );
    expect(others.map(({ body }) => body.length)).toEqual(Array.from({ length: 10 }, () => 2 * MiB));
    expect(room).toBe(false);
    expect(endless.pushedBytes).toBeLessThan(256 * 1024);
    stuck.close();
  });

  test('a client that uploads faster than it is read is stopped by its window', async () => {
    const arrived = deferred<ServerExchange>();
    onRequest = arrived.resolve;
    const session = server.connect();
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    const sent = Buffer.alloc(4 * MiB, 'u');
    stream.end(sent);
    const { body } = await arrived.promise;
    await new Promise((resolve) => session.ping(() => resolve(null))); // whatever it may send has arrived
    expect(body!.pushedBytes).toBeLessThan(512 * 1024);
    const bytes = await collectBody(body!, 8 * MiB);
    expect(bytes.equals(sent)).toBe(true);
    stream.close();
  });

  test('100 requests at a time each get their own answer', async () => {
    onRequest = (exchange) => respond(exchange, text(`${exchange.head.target} ${'x'.repeat(3000)}`));
    const session = server.connect();
    const all = await Promise.all(
      Array.from({ length: 100 }, (_, i) => fetchH2(session, { ':path': `/${i}` })),
    );
    expect(all.every(({ body }, i) => body.toString().startsWith(`/${i} x`))).toBe(true);
    expect(server.connections.at(-1)!.streams).toBe(0);
  });
});

// What no well-behaved client of HTTP/2 sends, written frame by frame: requests that mean two things,
// limits, floods, and streams that stall. RFC 9113 §8.1.1, §10.5.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Body, collectBody } from '../../src/http/body.ts';
import type { ServerExchange } from '../../src/http/server-exchange.ts';
import {
  CANCEL,
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  FrameClient,
  GOAWAY,
  HEADERS,
  INITIAL_WINDOW,
  PING,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  block,
  code,
  frame,
  get,
  setting,
} from './frame-client.ts';
import type { Fields } from './frame-client.ts';
import type { Http2TestServer } from './http2-server.ts';
import { answerOf, deferred, http2Server } from './http2-server.ts';

let server: Http2TestServer;
let requests: ServerExchange[] = [];
let onRequest: (exchange: ServerExchange) => void = () => {};

beforeAll(async () => {
  server = await http2Server((exchange) => {
    requests.push(exchange);
    onRequest(exchange);
  });
});
afterAll(async () => server[Symbol.asyncDispose]());

function answer(exchange: ServerExchange, body = Body.of(Buffer.from('fine'))): void {
  exchange.respond(answerOf(body)).catch(() => {});
}

/** Sends one request and says what becomes of it, and of the connection: a second request must succeed. */
async function outcomeOf(fields: Fields, body: string | null = null): Promise<string> {
  requests = [];
  onRequest = answer;
  using client = await FrameClient.connect(server.port);
  client.request(1, fields, body !== null);
  if (body !== null) client.send(DATA, END_STREAM, 1, Buffer.from(body));
  client.request(3, get('/second'));
  await client.next(HEADERS, 3);
  const reset = client.frames.find((got) => got.type === RST_STREAM && got.stream === 1);
  const head = client.frames.find((got) => got.type === HEADERS && got.stream === 1);
  const served = requests.some(({ head: seen }) => seen.target !== '/second');
  const status = { 0x88: '200', 0x8c: '400' }[head?.payload[0] ?? 0] ?? 'other';
  if (served) expect(requests[0]!.head.headers).toEqual(['Host', 'www.origin.test']);
  if (head !== undefined) return served ? `served ${status} without it` : `refused ${status}`;
  return `reset ${reset?.payload.readUInt32BE(0) ?? 'not'}${served ? ', served' : ''}`;
}

const without = (name: string, ...more: Fields): Fields => [
  ...get('/').filter(([field]) => field !== name),
  ...more,
];

describe('a request that means two things never becomes one', () => {
  test.each<[string, Fields, string]>([
    ['an upper-case name', get('/', ['X-Upper', '1']), 'refused 400'],
    ['a blank in a name', get('/', ['x y', '1']), 'refused 400'],
    ['connection', get('/', ['connection', 'close']), 'refused 400'],
    ['transfer-encoding', get('/', ['transfer-encoding', 'chunked']), 'refused 400'],
    ['upgrade', get('/', ['upgrade', 'h2c']), 'refused 400'],
    ['te other than trailers', get('/', ['te', 'gzip']), 'refused 400'],
    ['CR LF in a value', get('/', ['x-a', 'b\r\nx-c: d']), 'refused 400'],
    ['NUL in a value', get('/', ['x-a', 'b\0c']), 'refused 400'],
    ['two :path', get('/', [':path', '/other']), 'refused 400'],
    ['a pseudo-header field behind others', get('/', ['a', 'b'], [':path', '/x']), 'refused 400'],
    ['an unknown pseudo-header field', get('/', [':smuggle', 'x']), 'refused 400'],
    ['no :path', without(':path'), 'refused 400'],
    ['no :method', without(':method'), 'refused 400'],
    ['no :scheme', without(':scheme'), 'refused 400'],
    ['neither :authority nor Host', without(':authority'), 'refused 400'],
    ['a :path without a slash', get('evil'), 'refused 400'],
    ['a blank in :path', get('/a HTTP/1.1'), 'refused 400'],
    ['an absolute :path', get('http://other.test/'), 'refused 400'],
    ['the scheme http', without(':scheme', [':scheme', 'http']), 'refused 400'],
    ['another Host', get('/', ['host', 'other.test']), 'refused 400'],
    ['userinfo in :authority', without(':authority', [':authority', 'a@www.origin.test']), 'refused 400'],
    ['two content-length', get('/', ['content-length', '0'], ['content-length', '0']), 'refused 400'],
    ['a length without a body', get('/', ['content-length', '5']), 'refused 400'],
    [
      'an extended CONNECT that was not offered',
      without(':method', [':method', 'CONNECT'], [':protocol', 'websocket']),
      'refused 400',
    ],
  ])('%s', async (_, fields, expected) => {
    expect(await outcomeOf(fields)).toBe(expected);
  });

  test('a body longer or shorter than its Content-Length', async () => {
    const outcomes: unknown[] = [];
    for (const length of ['2', '9']) {
      requests = [];
      const ended = deferred<string>();
      onRequest = ({ body }) => {
        collectBody(body!, 100).then(
          () => ended.resolve('complete'),
          (error: { code: string }) => ended.resolve(error.code),
        );
      };
      using client = await FrameClient.connect(server.port);
      client.request(1, without(':method', [':method', 'POST'], ['content-length', length]), true);
      client.send(DATA, END_STREAM, 1, Buffer.from('four'));
      outcomes.push(await client.resetCode(1), await ended.promise);
    }
    expect(outcomes).toEqual([PROTOCOL_ERROR, 'ERR_HTTP_FRAMING', PROTOCOL_ERROR, 'ERR_HTTP_FRAMING']);
  });

  test('a body that the client resets with NO_ERROR is not complete', async () => {
    const ended = deferred<string>();
    onRequest = ({ body, cancellation }) => {
      collectBody(body!, 100).then(
        () => ended.resolve('complete'),
        () => ended.resolve(cancellation.reason!.message),
      );
    };
    using client = await FrameClient.connect(server.port);
    client.request(1, without(':method', [':method', 'POST']), true);
    client.send(DATA, 0, 1, Buffer.from('four'));
    client.send(RST_STREAM, 0, 1, code(0));
    expect(await ended.promise).toBe('the client gave up the stream (NO_ERROR)');
  });
});

describe('limits', () => {
  test.each([
    [
      'more header fields than in HTTP/1',
      get('/', ...Array.from({ length: 201 }, (_, i) => [`x-${i}`, 'v'] as const)),
      'ERR_HTTP_HEAD_TOO_LARGE',
    ],
    [
      'more bytes of them',
      get('/', ...Array.from({ length: 9 }, (_, i) => [`x-${i}`, 'v'.repeat(8000)] as const)),
      'ERR_HTTP_HEAD_TOO_LARGE',
    ],
    ['a longer target', get(`/${'a'.repeat(32 * 1024)}`), 'ERR_HTTP_TARGET_TOO_LONG'],
  ])('%s is answered, and the connection goes on', async (_, fields, expected) => {
    server.refused.length = 0;
    onRequest = answer;
    using client = await FrameClient.connect(server.port);
    const bytes = block(fields);
    client.socket.write(frame(HEADERS, END_STREAM, 1, bytes.subarray(0, 16_000)));
    for (let at = 16_000; at < bytes.length; at += 16_000) {
      client.socket.write(frame(CONTINUATION, 0, 1, bytes.subarray(at, at + 16_000)));
    }
    client.socket.write(frame(CONTINUATION, END_HEADERS, 1));
    expect((await client.next(HEADERS, 1))?.stream).toBe(1);
    expect(server.refused.map((error) => error.code)).toEqual([expected]);
    client.request(3, get('/'));
    expect((await client.next(HEADERS, 3))?.payload[0]).toBe(0x88);
  });

  test('a stream beyond maxStreams is refused, and the others are served', async () => {
    const waiting: ServerExchange[] = [];
    onRequest = (exchange) => waiting.push(exchange);
    await using small = await http2Server((exchange) => onRequest(exchange), { maxStreams: 4 });
    using client = await FrameClient.connect(small.port);
    for (let i = 0; i < 5; i++) client.request(1 + 2 * i, get(`/${i}`));
    expect(await client.resetCode(9)).toBe(REFUSED_STREAM);
    expect(waiting.map(({ head }) => head.target)).toEqual(['/0', '/1', '/2', '/3']);
    for (const exchange of waiting) answer(exchange);
    client.request(11, get('/again'));
    await client.next(HEADERS, 7);
    await client.until(() => waiting.length === 5);
    expect(small.troubles).toEqual([]);
  });

  test('a client that goes on beyond maxStreams is sent away', async () => {
    await using small = await http2Server(() => {}, { maxStreams: 4 });
    using client = await FrameClient.connect(small.port);
    for (let i = 0; i < 300; i++) client.request(1 + 2 * i, get('/'));
    expect(await client.goaway()).toBe(ENHANCE_YOUR_CALM);
    expect(small.troubles.map((error) => error.code)).toEqual(['ERR_HTTP2_FLOOD']);
  });
});

describe('floods end the connection', () => {
  async function flood(
    write: (client: FrameClient) => void,
  ): Promise<{ codes: string[]; goaway: number | null }> {
    server.troubles.length = 0;
    onRequest = () => {};
    using client = await FrameClient.connect(server.port);
    await client.next(SETTINGS, 0);
    write(client);
    await client.closed;
    return { codes: server.troubles.map((error) => error.code), goaway: await client.goaway() };
  }

  test('rapid reset', async () => {
    requests = [];
    const { codes, goaway } = await flood((client) => {
      for (let i = 0; i < 300; i++) {
        client.request(1 + 2 * i, get('/'));
        client.send(RST_STREAM, 0, 1 + 2 * i, code(CANCEL));
      }
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
    expect(requests.every(({ cancellation }) => cancellation.reason !== null)).toBe(true);
  });

  test('streams that the client makes us reset', async () => {
    const { codes, goaway } = await flood((client) => {
      for (let i = 0; i < 2000; i++) {
        client.request(1 + 2 * i, get('/'));
        client.send(WINDOW_UPDATE, 0, 1 + 2 * i, code(0));
      }
    });
    expect(codes).toHaveLength(1);
    expect(goaway).not.toBeNull();
  });

  test('CONTINUATION without end', async () => {
    const { codes, goaway } = await flood((client) => {
      client.socket.write(frame(HEADERS, END_STREAM, 1, block(get('/'))));
      for (let i = 0; i < 200; i++) client.socket.write(frame(CONTINUATION, 0, 1, block([['x', 'y']])));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('pings', async () => {
    const { codes, goaway } = await flood((client) => {
      for (let i = 0; i < 1100; i++) client.send(PING, 0, 0, Buffer.alloc(8));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('settings', async () => {
    const { codes, goaway } = await flood((client) => {
      for (let i = 0; i < 80; i++) client.send(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 1000 + i));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('windows that open byte by byte', async () => {
    const { codes, goaway } = await flood((client) => {
      client.request(1, get('/'));
      for (let i = 0; i < 5000; i++) client.send(WINDOW_UPDATE, 0, 1, code(1));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('priorities', async () => {
    const { codes, goaway } = await flood((client) => {
      for (let i = 0; i < 5000; i++) client.send(2, 0, 1, Buffer.alloc(5));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('frames for a stream that is over', async () => {
    const { codes, goaway } = await flood((client) => {
      client.request(1, get('/'));
      client.send(RST_STREAM, 0, 1, code(CANCEL));
      for (let i = 0; i < 5000; i++) client.send(RST_STREAM, 0, 1, code(CANCEL));
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });

  test('empty DATA frames', async () => {
    const { codes, goaway } = await flood((client) => {
      client.request(1, without(':method', [':method', 'POST']), true);
      for (let i = 0; i < 5000; i++) client.send(DATA, 0, 1);
    });
    expect([codes, goaway]).toEqual([['ERR_HTTP2_FLOOD'], ENHANCE_YOUR_CALM]);
  });
});

describe('time', () => {
  test('a connection without requests is closed with GOAWAY', async () => {
    await using idle = await http2Server(answer, { idleTimeoutMs: 50 });
    using client = await FrameClient.connect(idle.port);
    expect(await client.goaway()).toBe(0);
    await client.closed;
  });

  test('a request body that stalls is given up', async () => {
    const ended = deferred<string>();
    await using idle = await http2Server(
      ({ body }) =>
        void collectBody(body!, 100).catch((error: { code: string }) => ended.resolve(error.code)),
      { idleTimeoutMs: 50 },
    );
    using client = await FrameClient.connect(idle.port);
    client.request(1, without(':method', [':method', 'POST']), true);
    client.send(DATA, 0, 1, Buffer.from('some'));
    expect([await client.resetCode(1), await ended.promise]).toEqual([CANCEL, 'ERR_HTTP_TIMEOUT']);
  });

  test('an answer that nobody takes is given up, with the window shut', async () => {
    const ended = deferred<string>();
    await using idle = await http2Server(
      (exchange) => {
        const body = Body.of(Buffer.alloc(200_000));
        exchange.respond(answerOf(body)).catch((error: { code: string }) => ended.resolve(error.code));
      },
      { idleTimeoutMs: 50 },
    );
    using client = await FrameClient.connect(idle.port, setting(INITIAL_WINDOW, 0));
    client.request(1, get('/'));
    expect([await client.resetCode(1), await ended.promise]).toEqual([CANCEL, 'ERR_HTTP_TIMEOUT']);
    expect(client.bytes(1)).toBe(0);
  });

  test('a silent client of a gRPC call keeps its stream as long as it answers pings', async () => {
    const arrived = deferred<ServerExchange>();
    await using idle = await http2Server(arrived.resolve, { idleTimeoutMs: 50 });
    using client = await FrameClient.connect(idle.port);
    client.request(
      1,
      without(':method', [':method', 'POST'], ['content-type', 'application/grpc+proto']),
      true,
    );
    const exchange = await arrived.promise;
    const ping = await client.next(PING, 0);
    client.send(PING, 1, 0, ping!.payload);
    client.frames.length = 0;
    await client.next(PING, 0);
    expect(exchange.cancellation.reason).toBeNull();
    expect(client.frames.some(({ type }) => type === RST_STREAM || type === GOAWAY)).toBe(false);
  });
});

test.each([0, 1, 20_000, 3_000_000])(
  'an answer of %d bytes ends with END_STREAM and no reset',
  async (size) => {
    onRequest = ({ head }) => {
      const body = new Body({ resume: () => go(), cancel() {} });
      let left = size;
      const go = (): void => {
        while (left > 0) {
          const piece = Math.min(left, 16_384);
          left -= piece;
          if (!body.push(Buffer.alloc(piece))) return;
        }
        body.end(head.target === '/trailers' ? ['x-end', 'yes'] : []);
      };
      requests
        .at(-1)!
        .respond(answerOf(body))
        .catch(() => {});
      go();
    };
    using client = await FrameClient.connect(server.port, setting(INITIAL_WINDOW, 10_000_000));
    client.send(WINDOW_UPDATE, 0, 0, code(10_000_000));
    client.request(1, get('/'));
    client.request(3, get('/trailers'));
    await client.until(() =>
      [1, 3].every((id) => client.frames.some((got) => got.stream === id && (got.flags & END_STREAM) !== 0)),
    );
    const trailers = client.frames.filter(({ type, stream }) => type === HEADERS && stream === 3);
    expect([client.bytes(1), client.bytes(3), trailers.length]).toEqual([size, size, 2]);
    expect(client.frames.some(({ type }) => type === RST_STREAM)).toBe(false);
  },
);

test('an extended CONNECT that was offered carries bytes both ways (RFC 8441)', async () => {
  await using offering = await http2Server(
    (exchange) => {
      exchange.inform(101, 'Switching Protocols', [
        'Upgrade',
        'websocket',
        'Sec-WebSocket-Accept',
        'x',
        'X-A',
        'b',
      ]);
      const { socket } = exchange.takeOver();
      socket.on('data', (chunk: Buffer) => socket.write(`re: ${chunk.toString()}`));
      socket.on('end', () => socket.end());
      socket.resume();
    },
    { extendedConnect: true },
  );
  using client = await FrameClient.connect(offering.port);
  client.request(1, [[':method', 'CONNECT'], [':protocol', 'websocket'], ...get('/chat').slice(1)], true);
  expect((await client.next(HEADERS, 1))?.payload[0]).toBe(0x88);
  client.send(DATA, 0, 1, Buffer.from('hello'));
  expect((await client.next(DATA, 1))!.payload.toString()).toBe('re: hello');
  client.send(DATA, END_STREAM, 1);
  await client.until(() =>
    client.frames.some(({ type, flags }) => type === DATA && (flags & END_STREAM) !== 0),
  );
  expect(offering.connections[0]!.streams).toBeLessThanOrEqual(1);
});

test('a drained connection finishes what is open and begins nothing', async () => {
  requests = [];
  const arrived = deferred<ServerExchange>();
  onRequest = arrived.resolve;
  using client = await FrameClient.connect(server.port);
  client.request(1, get('/first'));
  const exchange = await arrived.promise;
  server.connections.at(-1)!.drain();
  expect(await client.goaway()).toBe(0);
  client.request(3, get('/late'));
  answer(exchange);
  await client.closed;
  expect(client.bytes(1)).toBe(4);
  expect(client.frames.find(({ type }) => type === GOAWAY)!.payload.readUInt32BE(0)).toBe(1); // the last one served
  expect(requests.map(({ head }) => head.target)).toEqual(['/first']);
});

// States of streams and windows, frame by frame, and a crowd of requests that node's client makes, breaks off
// and uploads at random: each must get its own bytes. RFC 9113 §5.1, §5.2, §6.9.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Body, collectBody } from '../../src/http/body.ts';
import type { ServerExchange } from '../../src/http/server-exchange.ts';
import {
  DATA,
  FrameClient,
  GOAWAY,
  INITIAL_WINDOW,
  PING,
  PROTOCOL_ERROR,
  RST_STREAM,
  SETTINGS,
  WINDOW_UPDATE,
  code,
  get,
  setting,
} from './frame-client.ts';
import type { Http2TestServer } from './http2-server.ts';
import { answerOf, fetchH2, http2Server, received } from './http2-server.ts';

const FLOW_CONTROL_ERROR = 3;
const STREAM_CLOSED = 5;
const ENHANCE_YOUR_CALM = 11;
const POST = [[':method', 'POST'] as const, ...get('/').slice(1)];

let server: Http2TestServer;
let onRequest: (exchange: ServerExchange) => void = () => {};

beforeAll(async () => {
  server = await http2Server((exchange) => onRequest(exchange));
});
afterAll(async () => server[Symbol.asyncDispose]());

function answer(exchange: ServerExchange, body = Body.of(Buffer.from('fine'))): void {
  exchange.respond(answerOf(body)).catch(() => {});
}

describe('a frame that the state of its stream forbids', () => {
  test.each<[string, (client: FrameClient) => void, number]>([
    ['DATA before HEADERS', (client) => client.send(DATA, 0, 1, Buffer.from('x')), PROTOCOL_ERROR],
    ['RST_STREAM before HEADERS', (client) => client.send(RST_STREAM, 0, 1, code(8)), PROTOCOL_ERROR],
    ['WINDOW_UPDATE before HEADERS', (client) => client.send(WINDOW_UPDATE, 0, 1, code(1)), PROTOCOL_ERROR],
    ['a stream with an even number', (client) => client.request(2, get()), PROTOCOL_ERROR],
    [
      'a stream with a lower number',
      (client) => {
        client.request(5, get());
        client.request(3, get());
      },
      STREAM_CLOSED,
    ],
    [
      'a window of the connection that grows by nothing',
      (client) => client.send(WINDOW_UPDATE, 0, 0, code(0)),
      1,
    ],
    [
      'a window of the connection past its end',
      (client) => client.send(WINDOW_UPDATE, 0, 0, code(0x7fffffff)),
      FLOW_CONTROL_ERROR,
    ],
    ['a window setting past its end', (client) => client.send(SETTINGS, 0, 0, setting(4, 0x80000000)), 3],
    [
      'a frame size below the least',
      (client) => client.send(SETTINGS, 0, 0, setting(5, 100)),
      PROTOCOL_ERROR,
    ],
  ])('%s ends the connection with that code', async (_, send, expected) => {
    onRequest = answer;
    using client = await FrameClient.connect(server.port);
    send(client);
    expect(await client.goaway()).toBe(expected);
    await client.closed;
  });

  test('HEADERS on a stream that is over ends the connection', async () => {
    onRequest = answer;
    using client = await FrameClient.connect(server.port);
    client.request(1, get());
    await client.until(() => client.bytes(1) > 0);
    client.request(1, get());
    expect(await client.goaway()).toBe(STREAM_CLOSED);
  });

  test.each<[string, (client: FrameClient) => void, number]>([
    [
      'DATA behind the end of a request',
      (client) => client.send(DATA, 0, 1, Buffer.from('x')),
      STREAM_CLOSED,
    ],
    ['a window that grows by nothing', (client) => client.send(WINDOW_UPDATE, 0, 1, code(0)), PROTOCOL_ERROR],
    ['HEADERS behind the end of a request', (client) => client.request(1, [['x', 'y']]), STREAM_CLOSED],
  ])('%s resets the stream alone', async (_, send, expected) => {
    const requests: ServerExchange[] = [];
    onRequest = (exchange) => {
      if (requests.push(exchange) === 2) answer(exchange);
    };
    using client = await FrameClient.connect(server.port);
    client.request(1, get());
    send(client);
    expect(await client.resetCode(1)).toBe(expected);
    expect(requests[0]!.cancellation.reason).not.toBeNull();
    client.request(3, get());
    await client.until(() => client.bytes(3) === 4);
    expect(client.frames.some(({ type }) => type === GOAWAY)).toBe(false);
  });

  test('trailers past the limit reset their stream, and no part of them arrives', async () => {
    const requests: ServerExchange[] = [];
    onRequest = (exchange) => void requests.push(exchange);
    using client = await FrameClient.connect(server.port);
    client.request(1, POST, true);
    client.request(
      1,
      Array.from({ length: 3000 }, () => ['x', 'y'] as const),
    );
    expect(await client.resetCode(1)).toBe(ENHANCE_YOUR_CALM);
    await expect(collectBody(requests[0]!.body!, 1000)).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  });

  test('what is on its way to a stream that we have reset does no harm', async () => {
    onRequest = (exchange) => answer(exchange); // before the body has come: the stream is reset with NO_ERROR
    using client = await FrameClient.connect(server.port);
    client.request(1, POST, true);
    expect(await client.resetCode(1)).toBe(0);
    client.send(DATA, 0, 1, Buffer.alloc(10_000));
    client.send(WINDOW_UPDATE, 0, 1, code(5));
    client.send(RST_STREAM, 0, 1, code(0));
    client.request(3, get());
    await client.until(() => client.bytes(3) === 4);
    expect(client.frames.some(({ type }) => type === GOAWAY)).toBe(false);
  });
});

describe('windows', () => {
  test('a body past the window of its stream ends the connection', async () => {
    onRequest = () => {};
    using client = await FrameClient.connect(server.port);
    client.request(1, POST, true);
    for (let i = 0; i < 20; i++) client.send(DATA, 0, 1, Buffer.alloc(16_000));
    expect(await client.goaway()).toBe(FLOW_CONTROL_ERROR);
  });

  test('a stream sends what its window has, also when a setting has taken from it meanwhile', async () => {
    onRequest = (exchange) => answer(exchange, Body.of(Buffer.alloc(1000)));
    using client = await FrameClient.connect(server.port, setting(INITIAL_WINDOW, 400));
    client.request(1, get());
    await client.until(() => client.bytes(1) === 400);
    client.send(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 100)); // 300 below nothing now
    client.send(WINDOW_UPDATE, 0, 1, code(250));
    client.send(PING, 0, 0, Buffer.alloc(8));
    await client.next(PING, 0);
    expect(client.bytes(1)).toBe(400);
    client.send(WINDOW_UPDATE, 0, 1, code(150)); // 100 above
    await client.until(() => client.bytes(1) === 500);
    client.send(SETTINGS, 0, 0, setting(INITIAL_WINDOW, 10_000));
    await client.until(() => client.bytes(1) === 1000);
  });

  test('two long answers take turns', async () => {
    onRequest = (exchange) => answer(exchange, Body.of(Buffer.alloc(1_000_000)));
    using client = await FrameClient.connect(server.port, setting(INITIAL_WINDOW, 2_000_000));
    client.request(1, get());
    client.request(3, get());
    await client.until(() => client.bytes(1) + client.bytes(3) >= 65_535);
    client.send(WINDOW_UPDATE, 0, 0, code(2_000_000));
    const isOver = (id: number): boolean =>
      client.frames.some(({ stream, flags, type }) => type === DATA && stream === id && (flags & 1) !== 0);
    await client.until(() => isOver(1) && isOver(3));
    const order = client.frames.filter(({ type }) => type === DATA).map(({ stream }) => stream);
    const changes = order.filter((stream, at) => stream !== order[at - 1]).length;
    expect(changes).toBeGreaterThan(order.length / 2);
    expect([client.bytes(1), client.bytes(3)]).toEqual([1_000_000, 1_000_000]);
  });

  test('the window of the connection comes back for bodies that nobody took', async () => {
    onRequest = (exchange) => answer(exchange);
    using client = await FrameClient.connect(server.port);
    for (let id = 1; id < 400; id += 2) {
      client.request(id, POST, true);
      for (let i = 0; i < 6; i++) client.send(DATA, 0, id, Buffer.alloc(15_000)); // 18 MB of 16 MiB in all
      await client.resetCode(id);
    }
    client.request(401, get());
    await client.until(() => client.bytes(401) === 4);
    expect(client.frames.some(({ type, stream }) => type === WINDOW_UPDATE && stream === 0)).toBe(true);
    expect(client.frames.some(({ type }) => type === GOAWAY)).toBe(false);
  });
});

/** A pattern that tells each request's bytes from those of all others. */
function pattern(seed: number, size: number): Buffer {
  const first = (seed * 17) & 0xff;
  return Buffer.alloc(size, Buffer.from(Array.from({ length: 251 }, (_, at) => (at * 31 + first) & 0xff)));
}

test('a crowd of uploads, downloads and resets at random: each gets its own bytes', async () => {
  server.troubles.length = 0;
  onRequest = (exchange) => {
    const [, seed, size] = exchange.head.target.split('/').map(Number);
    const respond = (): void => answer(exchange, Body.of(pattern(seed!, size!)));
    if (exchange.body === null) return respond();
    collectBody(exchange.body, 1_000_000).then(
      (bytes) =>
        bytes.equals(pattern(seed! + 1, bytes.length)) ? respond() : exchange.demandHttp1(new Error()),
      () => {},
    );
  };
  const size = fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 150_000 }));
  const wish = fc.record({ down: size, up: fc.option(size), resets: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(wish, { minLength: 5, maxLength: 40 }), async (wishes) => {
      const session = server.connect({ initialWindowSize: 20_000 });
      await Promise.all(
        wishes.map(async ({ down, up, resets }, seed) => {
          const headers = { ':path': `/${seed}/${down}`, ':method': up === null ? 'GET' : 'POST' };
          if (resets) {
            const stream = session.request(headers, { endStream: up === null });
            stream.on('error', () => {});
            if (up !== null) stream.write(pattern(seed + 1, up));
            setImmediate(() => stream.close(8));
            return received(stream);
          }
          const got = await fetchH2(session, headers, up === null ? null : pattern(seed + 1, up));
          expect([got.status, got.rstCode, got.body.equals(pattern(seed, down))]).toEqual([200, 0, true]);
          return got;
        }),
      );
      expect(server.connections.at(-1)!.streams).toBe(0);
      session.destroy();
    }),
    { numRuns: 6 },
  );
  expect(server.troubles).toEqual([]);
}, 30_000);

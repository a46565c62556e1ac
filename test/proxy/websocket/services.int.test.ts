// What ICAP services see of WebSocket messages and what they may do with them: a scripted server that keeps
// every request, under one policy after the other.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import { type PeerRequest, type PeerServer, startPeerServer } from '../../support/icap-peer.ts';
import { type LocalWeir, startTestWeir } from '../../support/weir.ts';
import { answerStart, readAll } from '../adaptation/faults.ts';
import { connectPair, type Pair, webSocketOrigin, type WebSocketOrigin } from './ends.ts';

interface Seen {
  readonly method: PeerRequest['method'];
  readonly icap: string;
  readonly heads: string;
  readonly body: Buffer;
}

let server: PeerServer;
let weir: LocalWeir;
let plain: WebSocketOrigin;
let secure: WebSocketOrigin;
let seen: Seen[] = [];
let pairs: Pair[] = [];
/** What the service makes of a body; null: it stays. */
let adapt: (body: Buffer, method: PeerRequest['method']) => Buffer | null = () => null;
let inForce = '';

beforeAll(async () => {
  server = await startPeerServer(async (peer, request) => {
    const pieces: Buffer[] = [];
    await readAll(peer, request, (piece) => void pieces.push(Buffer.from(piece)));
    const body = Buffer.concat(pieces);
    const heads = Buffer.concat(request.sections).toString('latin1');
    if (request.hasBody) seen.push({ method: request.method, icap: request.head, heads, body });
    const adapted = request.hasBody ? adapt(body, request.method) : null;
    if (adapted === null)
      return peer.send('ICAP/1.0 204 No Content\r\nISTag: "t1"\r\nEncapsulated: null-body=0\r\n\r\n');
    const chunk = adapted.length === 0 ? '' : `${adapted.length.toString(16)}\r\n`;
    peer.send(answerStart(request.method), chunk, adapted, chunk === '' ? '' : '\r\n', '0\r\n\r\n');
  });
  [plain, secure] = [await webSocketOrigin(false), await webSocketOrigin(true)];
  weir = await startTestWeir({ adaptation: settings({}) });
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
  await secure?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  adapt = () => null;
  await configure({});
  seen = [];
});
afterEach(() => {
  for (const { client } of pairs) client.socket.terminate();
  pairs = [];
});

function settings({
  service = {},
  ...more
}: {
  service?: object;
  [key: string]: unknown;
}): Record<string, unknown> {
  return {
    services: { scripted: { url: server.url, onError: 'block', ...service } },
    rules: [
      { point: 'reqmod', use: ['scripted'] },
      { point: 'respmod', use: ['scripted'] },
    ],
    ...more,
  };
}

async function configure(adaptation: { service?: object; [key: string]: unknown }): Promise<void> {
  const wanted = JSON.stringify(adaptation);
  if (wanted !== inForce) await weir.reload({ adaptation: settings(adaptation) });
  inForce = wanted;
}

async function connect(isSecure = false, options = {}): Promise<Pair> {
  const pair = await connectPair(weir, isSecure ? secure : plain, isSecure, options);
  pairs.push(pair);
  return pair;
}

test('an outgoing message is shown as a POST to the URL, an incoming one as the response to a GET', async () => {
  const { client, origin, path } = await connect(true, {
    protocols: ['chat'],
    headers: { Cookie: 'secret=1', Origin: 'https://page.test' },
  });
  client.socket.send('out');
  await origin.received(1);
  origin.socket.send(Buffer.from('back'));
  await client.received(1);
  expect(seen.map(({ method, body }) => [method, body.toString()])).toEqual([
    ['REQMOD', 'out'],
    ['RESPMOD', 'back'],
  ]);
  const [out, back] = seen;
  expect(out!.heads).toMatch(new RegExp(`^POST https://origin\\.test:\\d+${path} HTTP/1\\.1\r\n`));
  for (const field of [
    ...['Host: origin.test', 'Origin: https://page.test', 'Sec-WebSocket-Protocol: chat'],
    ...['X-WebSocket-Direction: outgoing', 'X-WebSocket-Opcode: text'],
    ...['Content-Type: text/plain;charset=utf-8', 'Content-Length: 3'],
  ]) {
    expect(out!.heads.toLowerCase()).toContain(field.toLowerCase());
  }
  expect(out!.heads).not.toContain('secret');
  expect(out!.icap).toMatch(/^X-Weir-WebSocket: \S+; message=1; part=1\r$/m);
  expect(back!.heads).toMatch(/^GET https:[^]*\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
  expect(back!.heads).toMatch(
    /X-WebSocket-Direction: incoming\r\nX-WebSocket-Opcode: binary\r\nContent-Type: application\/octet-stream\r\n/,
  );
});

test.each([
  ['plain', { perMessageDeflate: false }],
  ['compressed', { perMessageDeflate: { threshold: 0 } }],
])('what a service makes of a %s message goes on in its place', async (_name, options) => {
  adapt = (body, method) => (method === 'REQMOD' ? Buffer.from(`${body.toString()}, seen`) : Buffer.alloc(0));
  const pair = await connect(false, options);
  pair.client.socket.send('one');
  pair.client.socket.send(Buffer.from('two'));
  expect(await pair.origin.received(2)).toEqual([
    { data: Buffer.from('one, seen'), binary: false },
    { data: Buffer.from('two, seen'), binary: true },
  ]);
  pair.origin.socket.send('three');
  expect(await pair.client.received(1)).toEqual([{ data: Buffer.alloc(0), binary: false }]);
  pair.client.socket.close(1000);
  await pair.origin.closed;
  const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(pair.path));
  expect(record).toMatchObject({ verdict: 'modified', coverage: { state: 'modified' } });
});

test('a service that fails closes with 1011 where errors block', async () => {
  const { client, origin, path } = await connect();
  await server.stop();
  try {
    client.socket.send('unseen');
    expect(await client.closed).toEqual({ code: 1011, reason: 'not inspected: ERR_ADAPT_UNAVAILABLE' });
    expect((await origin.closed).code).toBe(1011);
    expect(origin.messages).toEqual([]);
    const records = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path), 2);
    expect(records.map(({ method, verdict, error }) => [method, verdict, error?.code])).toEqual([
      ['WS', 'error', 'ERR_ADAPT_UNAVAILABLE'],
      ['GET', 'error', 'ERR_ADAPT_UNAVAILABLE'],
    ]);
  } finally {
    await server.listen();
  }
});

test('a service that fails lets messages pass where errors bypass', async () => {
  await configure({ service: { onError: 'bypass' } });
  const { client, origin, path } = await connect();
  await server.stop();
  try {
    client.socket.send('unseen');
    expect((await origin.received(1))[0]!.data.toString()).toBe('unseen');
    client.socket.close();
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path));
    expect(record).toMatchObject({
      verdict: 'bypassed',
      coverage: { state: 'not-scanned', reason: 'service-down' },
    });
  } finally {
    await server.listen();
  }
});

const long = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

test.each([
  ['in one frame', false, { perMessageDeflate: false }],
  ['in fragments', true, { perMessageDeflate: false }],
  ['compressed', false, { perMessageDeflate: { threshold: 0 } }],
])(
  'a message %s beyond maxMessage is shown in pieces and goes on as one',
  async (_name, inFragments, options) => {
    await configure({ webSocket: { maxMessage: '100KiB' } });
    const { client, origin, path } = await connect(true, options);
    const message = long(250 * 1024);
    if (inFragments) {
      for (let at = 0; at < message.length; at += 60_000)
        client.socket.send(message.subarray(at, at + 60_000), { fin: at + 60_000 >= message.length });
    } else client.socket.send(message);
    client.socket.send('next');
    const got = await origin.received(2);
    expect(got[0]!.data.equals(message)).toBe(true);
    expect(got[1]!.data.toString()).toBe('next');
    // Several are judged at a time: the service sees them in no order.
    const shown = seen.map(({ icap, body }) => `${/message=.*/.exec(icap)![0]}: ${body.length}`);
    expect(shown.sort()).toEqual([
      ...['message=1; part=1: 102400', 'message=1; part=2: 102400', 'message=1; part=3: 51200'],
      'message=2; part=1: 4',
    ]);
    client.socket.close();
    const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path));
    expect(record).toMatchObject({
      coverage: { state: 'not-scanned', reason: 'size' },
      webSocket: { toOrigin: { messages: 2, bytes: message.length + 4, scanned: 2 } },
    });
  },
);

test.each([
  ['in one frame', [20_000]],
  ['in fragments', [9_000, 9_000, 2_000]],
])('a message %s beyond maxMessage closes with 1009 where size blocks', async (_name, lengths) => {
  await configure({ webSocket: { maxMessage: '16KiB' }, notScanned: { size: 'block' } });
  const { client, origin } = await connect(true, { perMessageDeflate: false });
  lengths.forEach((length, index) => client.socket.send(long(length), { fin: index === lengths.length - 1 }));
  expect(await client.closed).toEqual({ code: 1009, reason: 'not scanned: size' });
  expect((await origin.closed).code).toBe(1009);
  expect(origin.messages).toEqual([]);
});

test.each([
  ['inspect: false', { webSocket: { inspect: false } }],
  [
    'a rule that leaves the host out',
    {
      rules: [
        { point: 'reqmod', use: [], when: { hosts: ['origin.test'] } },
        { point: 'reqmod', use: ['scripted'] },
      ],
    },
  ],
])('with %s messages pass unread, and the log says so', async (_name, adaptation) => {
  await configure(adaptation);
  const { client, origin, path, request } = await connect(false);
  expect(request.headers['sec-websocket-extensions']).toMatch(/permessage-deflate/);
  client.socket.send(eicar());
  expect((await origin.received(1))[0]!.data).toEqual(eicar());
  expect(seen).toEqual([]);
  const [record] = await weir.logged(({ kind, url }) => kind === 'proxy' && url.endsWith(path));
  expect(record).toMatchObject({ status: 101, coverage: { state: 'not-scanned', reason: 'stream' } });
  expect(record!['webSocket']).toBeUndefined();
});

test('a rule for one type leaves the other messages out', async () => {
  await configure({ rules: [{ point: 'reqmod', use: ['scripted'], when: { types: ['text/plain'] } }] });
  const { client, origin } = await connect();
  client.socket.send(Buffer.from('binary'));
  client.socket.send('text');
  await origin.received(2);
  expect(seen.map(({ body }) => body.toString())).toEqual(['text']);
});

test('messages behind a reload meet the new rules', async () => {
  const { client, origin } = await connect();
  client.socket.send('before');
  await origin.received(1);
  await configure({ rules: [{ point: 'respmod', use: ['scripted'] }] });
  client.socket.send('behind');
  await origin.received(2);
  expect(seen.map(({ body }) => body.toString())).toEqual(['before']);
});

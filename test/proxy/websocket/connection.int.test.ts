// How WebSockets through the proxy end when an end dies or breaks the protocol, what of a handshake is passed
// on, and how little is held while a receiver does not read.

import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eicar } from '../../support/eicar.ts';
import { type Origin, rawOrigin } from '../../support/originServer.ts';
import { type RawClient, rawClient } from '../../support/rawClient.ts';
import { runCli } from '../../support/runCli.ts';
import { type LocalWeir, type LogRecord, startTestWeir } from '../../support/weir.ts';
import { connectPair, type Pair, webSocketOrigin, type WebSocketOrigin } from './ends.ts';

const KEY = randomBytes(16).toString('base64');
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

let weir: LocalWeir;
let origin: WebSocketOrigin;

beforeAll(async () => {
  origin = await webSocketOrigin(true);
  weir = await startTestWeir();
});
afterAll(async () => {
  await weir?.[Symbol.asyncDispose]();
  await origin?.[Symbol.asyncDispose]();
});

const connect = (options = {}): Promise<Pair> => connectPair(weir, origin, true, options);
const recordOf = async ({ path }: { path: string }): Promise<LogRecord> =>
  (
    await weir.logged(({ kind, url, method }) => kind === 'proxy' && url.endsWith(path) && method === 'GET')
  )[0]!;

describe('the end of a WebSocket', () => {
  test('without a Close by the client is passed on, behind what was sent before', async () => {
    const pair = await connect();
    pair.client.socket.send('last words');
    await new Promise((resolve) => pair.client.socket.send('and one more', resolve));
    pair.client.socket.terminate();
    expect(await pair.origin.closed).toMatchObject({ code: 1006 });
    expect(pair.origin.messages.map(({ data }) => data.toString())).toEqual(['last words', 'and one more']);
    expect(await recordOf(pair)).toMatchObject({
      ...{ verdict: 'allowed', webSocket: { close: { by: 'client', code: 1006 } } },
    });
  });

  test('without a Close by the origin is passed on', async () => {
    const pair = await connect();
    pair.origin.socket.terminate();
    expect(await pair.client.closed).toMatchObject({ code: 1006 });
    expect(await recordOf(pair)).toMatchObject({ webSocket: { close: { by: 'origin', code: 1006 } } });
  });

  test('in the middle of a message leaves nothing of it', async () => {
    const pair = await connect({ perMessageDeflate: false });
    await new Promise((resolve) => pair.client.socket.send(Buffer.alloc(200_000), { fin: false }, resolve));
    pair.client.socket.terminate();
    expect(await pair.origin.closed).toMatchObject({ code: 1006 });
    expect(pair.origin.messages).toEqual([]);
    expect(await recordOf(pair)).toMatchObject({ webSocket: { toOrigin: { messages: 0 } } });
  });

  test('comes with the end of Weir', async () => {
    await using other = await startTestWeir();
    const pair = await connectPair(other, origin, true);
    const asked = performance.now();
    await other.stop(20_000);
    expect(performance.now() - asked).toBeLessThan(20_000); // nobody has to be cut
    for (const end of [pair.client, pair.origin]) {
      expect(await end.closed).toEqual({ code: 1001, reason: 'the proxy stops' });
    }
    const [record] = await other.logged(({ webSocket }) => webSocket !== undefined);
    expect(record).toMatchObject({ verdict: 'allowed', webSocket: { close: { by: 'weir', code: 1001 } } });
    expect(record!.error).toBeUndefined();
  });
});

/** An origin that switches as the test says and leaves the rest to it. */
async function switchingOrigin(fields = '', then: (socket: Socket) => void = () => {}): Promise<Origin> {
  return rawOrigin((socket) => {
    let head = '';
    socket.on('data', function read(chunk: Buffer) {
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', read);
      socket.emit('head', head);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n${fields}\r\n`,
      );
      then(socket);
    });
  });
}

async function handshake(port: number, fields = ''): Promise<RawClient> {
  const client = await rawClient(weir.proxyPort);
  client.send(
    `GET http://origin.test:${port}/raw HTTP/1.1\r\nHost: origin.test:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${fields}\r\n`,
  );
  return client;
}

const DEFLATE = 'Sec-WebSocket-Extensions: permessage-deflate\r\n';
const closeOf = (bytes: Buffer): { code: number; reason: string } => {
  const at = bytes.indexOf('\r\n\r\n') + 4;
  expect(bytes[at]).toBe(0x88);
  const payload = bytes.subarray(at + 2, at + 2 + bytes[at + 1]!);
  return { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() };
};

/** Answers a Close as clients do, and resolves with everything that came. */
async function lastOf(client: RawClient): Promise<Buffer> {
  await client.until(/\r\n\r\n\x88[^]{3}/);
  client.send(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  return client.closed();
}

describe('frames that break the protocol', () => {
  test.each([
    ['a frame without a mask', '', Buffer.from([0x81, 1, 0x41]), 1002, /mask/],
    ['RSV1 without compression', '', Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002, /RSV1/],
    [
      'data that does not inflate',
      DEFLATE,
      Buffer.from([0xc1, 0x82, 0, 0, 0, 0, 0xff, 0xff]),
      1007,
      /compressed/,
    ],
  ])('%s closes with its code', async (_name, extensions, frame, code, reason) => {
    await using broken = await switchingOrigin(extensions, (socket) => socket.resume());
    await using client = await handshake(broken.port, extensions);
    await client.until('\r\n\r\n');
    client.send(frame);
    const closed = closeOf(await lastOf(client));
    expect(closed.code).toBe(code);
    expect(closed.reason).toMatch(reason);
  });

  test('of an origin close the client as well', async () => {
    await using broken = await switchingOrigin('', (socket) => {
      socket.once('end', () => socket.end()).resume();
      socket.write(Buffer.from([0x83, 0]));
    });
    await using client = await handshake(broken.port);
    expect(closeOf(await lastOf(client))).toEqual({ code: 1002, reason: 'there is no opcode 3' });
    const [record] = await weir.logged(
      ({ kind, url }) => kind === 'proxy' && url.endsWith(`:${broken.port}/raw`),
    );
    expect(record).toMatchObject({ verdict: 'error', error: { code: 'ERR_WEBSOCKET_FRAME' } });
  });
});

describe('a handshake', () => {
  test('offers only extensions that can be read', async () => {
    let asked = '';
    await using readable = await rawOrigin((socket) => {
      socket.on('data', (chunk: Buffer) => {
        asked += chunk.toString('latin1');
        if (asked.includes('\r\n\r\n'))
          socket.end('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n');
      });
    });
    await using client = await handshake(
      readable.port,
      'Sec-WebSocket-Extensions: x-private, permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: chat\r\n',
    );
    expect((await client.until('\r\n\r\n')).toString()).toMatch(/^HTTP\/1\.1 426 /);
    expect(asked).toMatch(/^Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r$/m);
    expect(asked).toMatch(/^Sec-WebSocket-Protocol: chat\r$/m);
    expect(asked).toMatch(new RegExp(`^Sec-WebSocket-Key: ${KEY.replace(/[+]/g, '\\+')}\r$`, 'm'));
  });

  test('that is answered with an extension nobody asked for is refused', async () => {
    await using odd = await switchingOrigin('Sec-WebSocket-Extensions: x-private\r\n');
    await using client = await handshake(odd.port);
    expect((await client.until('\r\n\r\n')).toString()).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('with the first message right behind it loses nothing', async () => {
    const echoed: Buffer[] = [];
    await using quick = await switchingOrigin('', (socket) => {
      socket.write(Buffer.from([0x81, 2, 0x68, 0x69]));
      socket.on('data', (chunk: Buffer) => void echoed.push(chunk));
    });
    await using client = await handshake(quick.port);
    expect((await client.until(/hi$/)).subarray(-4)).toEqual(Buffer.from([0x81, 2, 0x68, 0x69]));
  });

  test('towards another protocol joins the connections as they are', async () => {
    await using other = await rawOrigin((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n');
        socket.on('data', (chunk: Buffer) => void socket.write(chunk));
      });
    });
    await using client = await rawClient(weir.proxyPort);
    client.send(
      `GET http://origin.test:${other.port}/raw HTTP/1.1\r\nHost: origin.test\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n`,
    );
    await client.take('\r\n\r\n');
    client.send(eicar());
    expect(await client.until((received) => received.length === eicar().length)).toEqual(eicar());
  });
});

test('a compressed message that ends its stream for good is read, and so is the next', async () => {
  const pieces: Buffer[] = [];
  let heard: () => void = () => {};
  const both = new Promise<void>((resolve) => (heard = resolve));
  await using plain = await switchingOrigin(DEFLATE, (socket) => {
    socket.on('data', (chunk: Buffer) => {
      pieces.push(chunk);
      if (Buffer.concat(pieces).length >= 2 * 6 + 2) heard();
    });
  });
  await using client = await handshake(plain.port, DEFLATE);
  await client.until('\r\n\r\n');
  const payload = deflateRawSync(Buffer.from('final block'));
  const frame = Buffer.concat([Buffer.from([0xc1, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
  client.send(frame, frame);
  await both;
  expect(client.received().toString('latin1')).toMatch(/\r\n\r\n$/); // no Close
});

test('weir why tells of a message that was blocked, and of its connection', async () => {
  const pair = await connect();
  pair.client.socket.send('harmless');
  pair.client.socket.send(eicar());
  await pair.client.closed;
  const connection = await recordOf(pair);
  const [message] = await weir.logged(({ url, method }) => method === 'WS' && url.endsWith(pair.path));
  await weir.weir.traces?.flush();
  const why = async (id: string): Promise<string> =>
    (await runCli(['why', id, '--config', weir.folder.join('weir.yaml')])).stdout;
  const told = await why(message!.incident!);
  expect(told).toContain(`outgoing, binary, number 2 of the WebSocket ${connection.id}`);
  expect(told).toMatch(/decided by +adaptation\.rules\[0\]: blocked by sandblast/);
  const whole = await why(connection.id);
  expect(whole).toMatch(
    /WebSocket +1 message and 1 held \(8 B\) to the origin, 0 messages \(0 B\) to the client; closed by weir with 1008/,
  );
  expect(whole).toMatch(/user got +101 from the origin/);
});

test('a receiver that does not read holds the sender back', async () => {
  // Text is scanned, and the rest only passed: it is the sockets that are slow here.
  const rules = [{ point: 'reqmod', use: ['sandblast'], when: { types: ['text/plain'] } }];
  await using other = await startTestWeir({ adaptation: { rules } });
  const { client, origin: end } = await connectPair(other, origin, true, { perMessageDeflate: false });
  end.socket.pause();
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let sent = 0;
  // What the sockets on the way take; then the proxy must stop reading.
  while (sent < 2000 && client.socket.bufferedAmount < 8 * 1024 * 1024) {
    for (let number = 0; number < 20; number++, sent++) client.socket.send(chunk);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(sent).toBeLessThan(2000);
  end.socket.resume();
  const messages = await end.received(sent);
  expect(messages.every(({ data }) => data.length === chunk.length)).toBe(true);
  client.socket.terminate();
});

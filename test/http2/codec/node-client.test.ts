// Heads that our encoder and writer send, read by node's HTTP/2 client (nghttp2): tables of every size and
// changes of it, evictions, values of every byte, blocks that need CONTINUATION.

import http2 from 'node:http2';
import net from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FrameReader } from '../../../src/http2/codec/frame-reader.ts';
import type { FrameHandler } from '../../../src/http2/codec/frame-reader.ts';
import { DEFAULT_FRAME_SIZE, FRAME_HEAD, HEADER_TABLE_SIZE } from '../../../src/http2/codec/frame-types.ts';
import {
  SETTINGS_ACK_FRAME,
  frameHeaderBlock,
  settingsFrame,
} from '../../../src/http2/codec/frame-writer.ts';
import { HpackEncoder } from '../../../src/http2/codec/hpack-encoder.ts';

const LIMITS = { listBytes: 64 * 1024, fields: 100, tableBytes: 4096 };
const ROUNDS = 40;
const PRINTABLE = Array.from({ length: 0xff }, (_, at) => String.fromCharCode(at + 1))
  .join('')
  .replaceAll(/[\p{Cc}]/gu, '');

/** The fields of the answer to a path `/n`: some stay, some change, some come back when they were evicted. */
function fieldsOf(path: string): string[] {
  const n = Number(path.slice(1));
  return [
    ...['content-type', 'text/html', 'server', 'origin', 'x-every-byte', `x${PRINTABLE}x`],
    ...['etag', `"${n}"`, 'x-returning', `${'r'.repeat(300)}${Math.floor(n / 2) % 9}`],
    ...['x-number', String(10 ** (n % 12)), 'x-empty', '', 'x-large', 'l'.repeat(n % 7 === 0 ? 40_000 : 200)],
  ];
}

/** Answers each request on a socket with nothing but a head. */
class HeadsOnly implements FrameHandler {
  readonly #socket: net.Socket;
  readonly #encoder = new HpackEncoder();

  constructor(socket: net.Socket) {
    this.#socket = socket;
    const reader = new FrameReader(this, LIMITS);
    socket.write(settingsFrame([]));
    socket.on('data', (chunk: Buffer) => reader.push(chunk));
    socket.on('error', () => {});
  }

  onHeaders(stream: number, fields: string[]): void {
    const answer = fieldsOf(fields[fields.indexOf(':path') + 1]!);
    const into = Buffer.alloc(HpackEncoder.roomFor(answer) + 10 * FRAME_HEAD);
    const end = this.#encoder.encode(200, answer, into, FRAME_HEAD);
    this.#socket.write(into.subarray(0, frameHeaderBlock(into, 0, end, stream, true, DEFAULT_FRAME_SIZE)));
  }
  onSettings(settings: readonly (readonly [id: number, value: number])[]): void {
    for (const [id, value] of settings) if (id === HEADER_TABLE_SIZE) this.#encoder.setMaxTableSize(value);
    this.#socket.write(SETTINGS_ACK_FRAME);
  }
  onData(): void {}
  onReset(): void {}
  onSettingsAck(): void {}
  onPing(): void {}
  onGoaway(): void {}
  onWindowUpdate(): void {}
  onIgnored(): void {}
}

const server = net.createServer((socket) => void new HeadsOnly(socket));
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => void server.close());

async function expectAnswer(session: http2.ClientHttp2Session, path: string): Promise<void> {
  const request = session.request({ ':path': path });
  const [headers] = (await once(request, 'response')) as [http2.IncomingHttpHeaders];
  const expected = fieldsOf(path);
  for (let i = 0; i < expected.length; i += 2) expect(headers[expected[i]!]).toBe(expected[i + 1]);
  request.resume();
  await once(request, 'close');
}

test.each([
  ['no table', [0]],
  ['a table for one small field', [64]],
  ['a table of 1000 bytes, which evicts', [1000]],
  ['the usual table', [4096]],
  ['a table larger than we use', [65_536]],
  ['tables that shrink and grow', [4096, 0, 64, 4096, 700, 65_536, 0, 4096]],
])("node's client reads every head with %s", async (_, sizes) => {
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { headerTableSize: sizes[0]! } });
  for (const [turn, size] of sizes.entries()) {
    if (turn > 0) {
      session.settings({ headerTableSize: size });
      await once(session, 'localSettings');
    }
    for (let n = 0; n < ROUNDS / sizes.length; n++) await expectAnswer(session, `/${turn * 5 + n}`);
  }
  session.close();
  await once(session, 'close');
});

test("node's client takes two changes of the table between two heads for the smaller and then the last", async () => {
  const { port } = server.address() as AddressInfo;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  for (const path of ['/1', '/1', '/1']) await expectAnswer(session, path);
  session.settings({ headerTableSize: 0 });
  session.settings({ headerTableSize: 2000 });
  await once(session, 'localSettings');
  await once(session, 'localSettings');
  for (const path of ['/1', '/1', '/1']) await expectAnswer(session, path);
  session.close();
  await once(session, 'close');
});

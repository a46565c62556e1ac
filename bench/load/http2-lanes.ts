// Streams of one HTTP/2 connection through CONNECT and TLS, used like so many connections: one exchange at a
// time on each. It parses just what it needs to check status 200 and the length of the body, as the client of
// HTTP/1.1 does: node's own client costs more than the proxy under test and would pace it.
import type { Socket } from 'node:net';

import { HpackDecoder } from '../../src/http2/codec/hpack-decoder.ts';
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  FRAME_HEAD,
  HEADERS,
  INITIAL_WINDOW_SIZE,
  PADDED,
  PING,
  PREFACE,
  PUSH_PROMISE,
  ENABLE_PUSH,
  SETTINGS,
  WINDOW_UPDATE,
  WITH_PRIORITY,
} from '../../src/http2/codec/frame-types.ts';
import {
  pingFrame,
  SETTINGS_ACK_FRAME,
  settingsFrame,
  windowUpdateFrame,
  writeFrameHead,
} from '../../src/http2/codec/frame-writer.ts';
import { openSocket, type TunnelTarget } from './tunnel.ts';
import { WrongResponse } from './response.ts';

const STREAM_WINDOW = 1024 * 1024; // bytes
const CONNECTION_WINDOW = 64 * 1024 * 1024; // bytes, widened anew when half is used
const TABLE = 4096; // bytes, what both sides begin with

interface Exchange {
  readonly expectedBytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  status: string | undefined;
  received: number;
}

export class Http2Lanes {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #decoder = new HpackDecoder(TABLE, { listBytes: 65_536, fields: 200 });
  readonly #open = new Map<number, Exchange>();
  #pending: Buffer = Buffer.alloc(0);
  #toSend: Buffer[] = [];
  #nextStream = 1;
  #path: string | undefined;
  #unacknowledged = 0;
  #failure: Error | undefined;

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the proxy closed the connection')));
  }

  /** @throws {Error} as `openSocket`, or the proxy does not choose HTTP/2 */
  static async open(target: TunnelTarget): Promise<Http2Lanes> {
    const socket = await openSocket(target, ['h2']);
    const lanes = new Http2Lanes(socket, `${target.host}:${target.originPort}`);
    const settings = settingsFrame([
      [ENABLE_PUSH, 0],
      [INITIAL_WINDOW_SIZE, STREAM_WINDOW],
    ]);
    socket.write(Buffer.concat([PREFACE, settings, windowUpdateFrame(0, CONNECTION_WINDOW)]));
    return lanes;
  }

  /** One GET. @throws {WrongResponse} not a 200 with a body of `expectedBytes` @throws {Error} the stream failed */
  exchange(path: string, expectedBytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#open.set(stream, { expectedBytes, resolve, reject, status: undefined, received: 0 });
      const block = this.#requestBlock(path);
      const frame = Buffer.allocUnsafe(FRAME_HEAD + block.length);
      block.copy(frame, writeFrameHead(frame, 0, block.length, HEADERS, END_HEADERS | END_STREAM, stream));
      this.#send(frame);
    });
  }

  close(): void {
    this.#failure ??= new Error('closed');
    this.#socket.destroy();
  }

  /** Names all fields once and points at them in the table from then on, as browsers do. RFC 7541 §6.1, §6.2.1. */
  #requestBlock(path: string): Buffer {
    if (this.#path === path) return Buffer.from([0x82, 0x87, 0xc1, 0xc0, 0xbf, 0xbe]);
    if (this.#path !== undefined) throw new Error('one path for each connection');
    this.#path = path;
    const added = (nameIndex: number, value: string): Buffer =>
      Buffer.concat([Buffer.from([0x40 | nameIndex, value.length]), Buffer.from(value, 'latin1')]);
    return Buffer.concat([
      Buffer.from([0x82, 0x87]), // :method GET, :scheme https
      added(4, path),
      added(1, this.#authority),
      added(58, 'weir-bench'), // user-agent
      added(19, '*/*'), // accept
    ]);
  }

  /** What is sent in one turn goes out in one write. */
  #send(frame: Buffer): void {
    if (this.#toSend.push(frame) > 1) return;
    process.nextTick(() => {
      const frames = this.#toSend;
      this.#toSend = [];
      this.#socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
    });
  }

  #receive(chunk: Buffer): void {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    try {
      while (bytes.length - at >= FRAME_HEAD) {
        const end = at + FRAME_HEAD + bytes.readUIntBE(at, 3);
        if (end > bytes.length) break;
        const stream = bytes.readUInt32BE(at + 5) & 0x7fffffff;
        this.#onFrame(bytes[at + 3]!, bytes[at + 4]!, stream, bytes.subarray(at + FRAME_HEAD, end));
        at = end;
      }
    } catch (error) {
      return this.#fail(error as Error);
    }
    this.#pending = bytes.subarray(at);
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) return this.#send(SETTINGS_ACK_FRAME);
    if (type === PING && (flags & ACK) === 0) return this.#send(pingFrame(payload, true));
    if (type === SETTINGS || type === PING || type === WINDOW_UPDATE) return;
    const exchange = this.#open.get(stream);
    if (exchange === undefined || type >= PUSH_PROMISE || (flags & (PADDED | WITH_PRIORITY)) !== 0) {
      throw new WrongResponse(`a frame of type ${type} with flags ${flags} on stream ${stream}`);
    }
    if (type === HEADERS && (flags & END_HEADERS) !== 0) {
      const { fields } = this.#decoder.decode(payload);
      exchange.status ??= fields[0] === ':status' ? fields[1] : 'none';
    } else if (type === DATA) {
      exchange.received += payload.length;
      this.#widen(payload.length);
    } else {
      throw new WrongResponse(`a frame of type ${type} with flags ${flags}`);
    }
    if ((flags & END_STREAM) !== 0) this.#complete(stream, exchange);
  }

  #widen(used: number): void {
    this.#unacknowledged += used;
    if (this.#unacknowledged < CONNECTION_WINDOW / 2) return;
    this.#send(windowUpdateFrame(0, this.#unacknowledged));
    this.#unacknowledged = 0;
  }

  #complete(stream: number, { status, received, expectedBytes, resolve }: Exchange): void {
    if (status !== '200' || received !== expectedBytes) {
      throw new WrongResponse(`expected 200 and ${expectedBytes} bytes, got ${status} and ${received}`);
    }
    this.#open.delete(stream);
    resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#open.values()) reject(this.#failure);
    this.#open.clear();
    this.#socket.destroy();
  }
}

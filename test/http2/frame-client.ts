// A client of HTTP/2 that writes frames as the test has them, also those that no library would send. Header
// blocks are literals without Huffman coding; of answers only what tests look at is read.

import tls from 'node:tls';
import { once } from 'node:events';

export const DATA = 0;
export const HEADERS = 1;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const REFUSED_STREAM = 7;
export const CANCEL = 8;
export const ENHANCE_YOUR_CALM = 11;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export type Fields = readonly (readonly [string, string])[];

/** Pseudo-header fields of a GET, and what comes behind them. */
export function get(path = '/', ...more: (readonly [string, string])[]): Fields {
  return [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'www.origin.test'],
    [':path', path],
    ...more,
  ];
}

export function block(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]),
  );
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  const prefix: number[] = [];
  if (bytes.length < 127) prefix.push(bytes.length);
  else {
    prefix.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
    prefix.push(rest);
  }
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function code(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A setting and its value. */
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

export const INITIAL_WINDOW = 4; // of SETTINGS

export class FrameClient implements Disposable {
  readonly socket: tls.TLSSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<unknown>;
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(socket: tls.TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => {});
    this.closed = once(socket, 'close').then(() => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connects, and sends the preface with these settings. */
  static async connect(port: number, settings: Buffer = Buffer.alloc(0)): Promise<FrameClient> {
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      servername: 'www.origin.test',
    });
    await once(socket, 'secureConnect');
    const client = new FrameClient(socket);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
    client.send(SETTINGS, 0, 0, settings);
    return client;
  }

  send(type: number, flags: number, stream: number, payload?: Buffer): void {
    this.socket.write(frame(type, flags, stream, payload));
  }

  /** Opens a stream; without `body` it is complete. */
  request(stream: number, fields: Fields, body = false): void {
    this.send(HEADERS, END_HEADERS | (body ? 0 : END_STREAM), stream, block(fields));
  }

  /** The first frame of that type and stream, once it is there; null: the connection closed before. */
  async next(type: number, stream: number): Promise<Frame | null> {
    const find = (): Frame | undefined =>
      this.frames.find((got) => got.type === type && got.stream === stream);
    await this.until(() => find() !== undefined);
    return find() ?? null;
  }

  /** Resolves when that is true, and when the connection closes. */
  async until(holds: () => boolean): Promise<void> {
    while (!this.#isClosed && !holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** How a stream was reset; null: the connection closed before. */
  async resetCode(stream: number): Promise<number | null> {
    return (await this.next(RST_STREAM, stream))?.payload.readUInt32BE(0) ?? null;
  }

  /** How the connection was ended; null: it closed without GOAWAY. */
  async goaway(): Promise<number | null> {
    return (await this.next(GOAWAY, 0))?.payload.readUInt32BE(4) ?? null;
  }

  /** Bytes of DATA that a stream has got. */
  bytes(stream: number): number {
    const data = this.frames.filter((got) => got.type === DATA && got.stream === stream);
    return data.reduce((sum, got) => sum + got.payload.length, 0);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3);
      const got = {
        type: bytes[3]!,
        flags: bytes[4]!,
        stream: bytes.readUInt32BE(5),
        payload: bytes.subarray(9, end),
      };
      this.frames.push(got);
      if (got.type === SETTINGS && (got.flags & ACK) === 0) this.send(SETTINGS, ACK, 0);
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}

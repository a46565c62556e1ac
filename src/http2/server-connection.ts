// A client's HTTP/2 connection on a TLS socket: opens an exchange for each stream, keeps the windows and the
// turns of all of them, watches over time and over what the client may do for nothing, and ends with GOAWAY.
// Bytes of frames are the codec's (codec/), one stream's state is server-stream.ts (decision 0018).
// RFC 9113 §3.4, §5, §6.5–§6.9, §10.5.

import type { TLSSocket } from 'node:tls';
import type { WeirError } from '../errors.ts';
import { HttpError, isWeirError, messageOf } from '../errors.ts';
import type { Body } from '../http/body.ts';
import type { ServerConnectionOptions } from '../http/server-connection.ts';
import type { ServerConnection } from '../http/server-exchange.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { HasDeadline } from '../util/deadlines.ts';
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  FLOW_CONTROL_ERROR,
  Http2CodecError,
  INTERNAL_ERROR,
  NO_ERROR,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  STREAM_CLOSED,
} from './codec/codec-error.ts';
import type { FrameHandler, Setting } from './codec/frame-reader.ts';
import { FrameReader } from './codec/frame-reader.ts';
import {
  DEFAULT_FRAME_SIZE,
  DEFAULT_WINDOW,
  ENABLE_CONNECT_PROTOCOL,
  ENABLE_PUSH,
  FRAME_HEAD,
  HEADER_TABLE_SIZE,
  INITIAL_WINDOW_SIZE,
  LARGEST_WINDOW,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
} from './codec/frame-types.ts';
import {
  SETTINGS_ACK_FRAME,
  frameHeaderBlock,
  goawayFrame,
  pingFrame,
  resetFrame,
  settingsFrame,
  windowUpdateFrame,
} from './codec/frame-writer.ts';
import { HpackEncoder } from './codec/hpack-encoder.ts';
import { http2FieldList } from './fields.ts';
import { FrameOutput } from './frame-output.ts';
import type { Http2Request } from './request-head.ts';
import { readRequest } from './request-head.ts';
import { RefusedRequest } from './refused-request.ts';
import type { ExchangeSurroundings } from './server-exchange.ts';
import { Http2Exchange } from './server-exchange.ts';
import type { StreamHost } from './server-stream.ts';
import { ServerStream } from './server-stream.ts';
import type { Nuisance } from './session-guard.ts';
import { SessionGuard } from './session-guard.ts';

export interface Http2ClientSettings {
  /** Requests at a time on one connection. */
  readonly maxStreams: number;
  /** Bytes of one body that may arrive before anybody has read them. */
  readonly windowBytes: number;
}

/** For a connection whose ALPN chose h2 just before a reload took it away. */
export const DEFAULT_HTTP2: Http2ClientSettings = { maxStreams: 128, windowBytes: 1024 * 1024 };

export interface Http2ConnectionOptions extends ServerConnectionOptions, Http2ClientSettings {
  /** Extended CONNECT (RFC 8441) reaches `onRequest` as a GET with Upgrade. Default: it is refused. */
  readonly extendedConnect?: boolean;
  /** The client breaks HTTP/2 or overdoes it, and the connection ends: `ERR_HTTP2_PROTOCOL`, `ERR_HTTP2_FLOOD`. */
  onTrouble(error: WeirError): void;
}

const CONNECTION_WINDOW = 16 * 1024 * 1024; // bytes on their way in all streams together
/**
 * Bytes that a stream may be ahead beyond `windowBytes`. git by libcurl 7.88 reads past the end of its
 * pack, and hangs, where a window ends a few bytes before the pack does; a pack around a file of so many MiB
 * is just that much longer than a window of so many MiB.
 */
const WINDOW_EXTRA = 48 * 1024;
const MAX_LIST_SIZE = 16 * 1024 * 1024; // bytes
const TABLE_BYTES = 4096; // that the client may have us remember of its fields
const MAX_RESET_IDS = 1024; // streams that we reset and the client may not know of yet
const MAX_UNREAD = 1024 * 1024; // bytes of answers to pings and the like that the client does not take
const PING_TIMEOUT_MS = 10_000;
const LINGER_MS = 2000;
const PING = Buffer.from('weirping');

export class Http2ServerConnection implements ServerConnection, HasDeadline, FrameHandler, StreamHost {
  deadlineAt: number;
  sendWindow = DEFAULT_WINDOW;
  readonly #socket: TLSSocket;
  readonly #options: Http2ConnectionOptions;
  readonly #around: ExchangeSurroundings;
  readonly #guard: SessionGuard;
  readonly #reader: FrameReader;
  readonly #encoder = new HpackEncoder();
  readonly #output: FrameOutput;
  readonly #windowBytes: number;
  readonly #streams = new Map<number, ServerStream>();
  /** Streams that have something to send, in the order of their turns. */
  readonly #turns: ServerStream[] = [];
  #isPumping = false;
  #lastStream = 0;
  #servedStream = 0; // the highest one that GOAWAY may name
  readonly #resetIds = new Set<number>();
  #peerWindow = DEFAULT_WINDOW; // of each new stream
  #receiveWindow = DEFAULT_WINDOW;
  #owed = 0; // of the connection's window, not given back yet
  #closing = false;
  #over = false;
  #pinged = false;

  /** @param socket  after its handshake, unread; ALPN chose h2 */
  constructor(socket: TLSSocket, options: Http2ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#windowBytes = options.windowBytes + WINDOW_EXTRA;
    this.#guard = new SessionGuard(options.maxStreams);
    this.#output = new FrameOutput(socket);
    const { deadlines, idleTimeoutMs } = options;
    this.#around = {
      idleTimeoutMs,
      watch: (exchange) => deadlines.add(exchange),
      unwatch: (exchange) => deadlines.delete(exchange),
    };
    // Twice our limits, so that what is past them can still be answered with 431.
    const listBytes = Math.min(MAX_LIST_SIZE, options.limits.headerBytes * 2);
    const fields = options.limits.headerFields * 2 + 16;
    this.#reader = new FrameReader(this, { listBytes, fields, tableBytes: TABLE_BYTES });
    this.deadlineAt = performance.now() + idleTimeoutMs;
    deadlines.add(this);
    this.#output.write(settingsFrame(this.#ownSettings(listBytes)));
    this.#output.write(windowUpdateFrame(0, CONNECTION_WINDOW - DEFAULT_WINDOW));
    this.#receiveWindow = CONNECTION_WINDOW;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#pump());
    socket.on('end', () => this.#clientEnded());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#closed());
  }

  #ownSettings(listBytes: number): Setting[] {
    const { maxStreams, extendedConnect = false } = this.#options;
    const settings: Setting[] = [
      [ENABLE_PUSH, 0],
      [MAX_CONCURRENT_STREAMS, maxStreams],
      [INITIAL_WINDOW_SIZE, this.#windowBytes],
      [MAX_HEADER_LIST_SIZE, listBytes],
    ];
    if (extendedConnect) settings.push([ENABLE_CONNECT_PROTOCOL, 1]);
    return settings;
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size;
  }

  /** GOAWAY: what is open is finished, nothing more is begun. */
  drain(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    this.#servedStream = this.#lastStream;
    this.#output.write(goawayFrame(this.#servedStream, NO_ERROR));
    if (this.#streams.size === 0) this.#leave();
  }

  onDeadline(): void {
    if (this.#over || (this.#closing && this.#streams.size === 0)) return void this.#socket.destroy();
    if (this.#streams.size === 0) return this.drain();
    if (this.#pinged) return void this.#socket.destroy(); // nobody is there any more
    this.#pinged = true;
    this.#output.write(pingFrame(PING, false));
    this.deadlineAt = performance.now() + PING_TIMEOUT_MS;
  }

  // --- frames that come ---

  #read(chunk: Buffer): void {
    if (this.#over) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#end(
        error instanceof Http2CodecError ? error : new Http2CodecError(INTERNAL_ERROR, messageOf(error)),
      );
    }
    this.#pump();
  }

  onHeaders(id: number, fields: string[], endStream: boolean, tooLarge: boolean): void {
    if (this.#over) return;
    const open = this.#streams.get(id);
    if (open !== undefined) return this.#onTrailers(open, fields, endStream);
    if (id % 2 === 0) throw idle('HEADERS', id);
    if (id <= this.#lastStream) return this.#onLate(id, 'HEADERS');
    this.#lastStream = id;
    if (this.#closing) return this.#count('late');
    if (this.#streams.size >= this.#options.maxStreams) {
      this.sendReset(id, REFUSED_STREAM);
      return this.#count('reset');
    }
    this.#servedStream = id;
    const stream = new ServerStream(this, id, endStream, this.#peerWindow, this.#windowBytes);
    this.#streams.set(id, stream);
    if (this.#streams.size === 1) this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    let request: Http2Request;
    try {
      request = this.#requestOf(fields, endStream, tooLarge);
    } catch (error) {
      return this.#refuse(stream, asHttpError(error));
    }
    this.#options.onRequest(new Http2Exchange(stream, request, this.#around));
  }

  #requestOf(fields: string[], endStream: boolean, tooLarge: boolean): Http2Request {
    const { limits, extendedConnect = false } = this.#options;
    if (tooLarge) {
      // What was kept of it is enough to tell which limit it is past.
      readRequest(fields, endStream, limits);
      throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `header longer than ${limits.headerBytes} bytes`);
    }
    const request = readRequest(fields, endStream, limits);
    if (request.protocol === null || extendedConnect) return request;
    throw new HttpError('ERR_HTTP_REQUEST_LINE', 'malformed HTTP/2 request: :protocol was not offered');
  }

  /** Answers a request that cannot be read; the other streams are not concerned. */
  #refuse(stream: ServerStream, error: WeirError): void {
    const { head, body }: { head: ResponseHead; body: Body } = this.#options.onBadRequest(error);
    new RefusedRequest(stream, head.status, http2FieldList(head.headers), body);
    this.#count('reset');
  }

  #onTrailers(stream: ServerStream, fields: readonly string[], endStream: boolean): void {
    if (stream.remoteDone) return this.#streamError(stream, STREAM_CLOSED);
    if (!endStream || fields.length === 0) return this.#streamError(stream, PROTOCOL_ERROR);
    stream.receiveEnd(fields);
  }

  onData(id: number, data: Buffer, flowBytes: number, endStream: boolean): void {
    if (this.#over) return;
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) {
      throw new Http2CodecError(FLOW_CONTROL_ERROR, 'bodies beyond the window of the connection');
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.credit(flowBytes);
      return this.#onLate(id, 'DATA');
    }
    if (stream.remoteDone) {
      this.credit(flowBytes);
      return this.#streamError(stream, STREAM_CLOSED);
    }
    if (data.length === 0 && !endStream) this.#count('empty');
    stream.receive(data, flowBytes);
    if (endStream && !stream.closed) stream.receiveEnd([]);
  }

  onReset(id: number, code: number): void {
    if (this.#over) return;
    const stream = this.#streams.get(id);
    if (stream !== undefined) return stream.receiveReset(code, true);
    if (id > this.#lastStream) throw idle('RST_STREAM', id);
    this.#count('late');
  }

  onSettings(settings: readonly Setting[]): void {
    if (this.#over) return;
    for (const [id, value] of settings) this.#onSetting(id, value);
    this.#control(SETTINGS_ACK_FRAME);
    this.#count('settings');
  }

  #onSetting(id: number, value: number): void {
    if (id === HEADER_TABLE_SIZE) this.#encoder.setMaxTableSize(value);
    else if (id === INITIAL_WINDOW_SIZE) {
      if (value > LARGEST_WINDOW) throw new Http2CodecError(FLOW_CONTROL_ERROR, `windows of ${value} bytes`);
      const more = value - this.#peerWindow;
      this.#peerWindow = value;
      for (const stream of this.#streams.values()) stream.growSendWindow(more);
    } else if (
      id === ENABLE_PUSH
        ? value > 1
        : id === MAX_FRAME_SIZE && (value < DEFAULT_FRAME_SIZE || value > 0xffffff)
    ) {
      throw new Http2CodecError(PROTOCOL_ERROR, `setting ${id} of ${value}`);
    }
  }

  onSettingsAck(): void {}

  onPing(data: Buffer, ack: boolean): void {
    if (this.#over) return;
    if (!ack) {
      this.#control(pingFrame(data, true));
      return this.#count('ping');
    }
    if (!this.#pinged || !data.equals(PING)) return;
    this.#pinged = false;
    this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
  }

  /** The client begins nothing more; it has no streams of ours to lose. */
  onGoaway(): void {
    if (!this.#over) this.drain();
  }

  onWindowUpdate(id: number, increment: number): void {
    if (this.#over) return;
    if (id === 0) {
      if (increment === 0) throw new Http2CodecError(PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      this.sendWindow += increment;
      if (this.sendWindow > LARGEST_WINDOW) {
        throw new Http2CodecError(FLOW_CONTROL_ERROR, `a window of ${this.sendWindow} bytes`);
      }
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (id > this.#lastStream) throw idle('WINDOW_UPDATE', id);
      return;
    }
    if (increment === 0) return this.#streamError(stream, PROTOCOL_ERROR);
    stream.growSendWindow(increment);
  }

  onIgnored(): void {
    if (!this.#over) this.#count('ignored');
  }

  /** A frame that no open stream takes: on its way when we ended the stream, or against the rules. */
  #onLate(id: number, name: string): void {
    if (id > this.#lastStream) throw idle(name, id);
    const known = this.#resetIds.has(id) || (this.#closing && id > this.#servedStream);
    if (!known) throw new Http2CodecError(STREAM_CLOSED, `${name} on stream ${id}, which is closed`);
    this.#count('late');
  }

  /** One stream breaks the rules; the others are not concerned. */
  #streamError(stream: ServerStream, code: number): void {
    stream.owner.onReset(code);
    stream.reset(code);
    this.#count('reset');
  }

  #count(kind: Nuisance): void {
    const flood = this.#guard.count(kind);
    if (flood !== null) this.#end(flood);
  }

  // --- frames that go ---

  sendHead(id: number, status: number | null, fields: readonly string[], endStream: boolean): void {
    if (this.#over) return;
    const room = HpackEncoder.roomFor(fields);
    // Room for the heads of the frames as well, should the block need several.
    const frames = Math.ceil(room / DEFAULT_FRAME_SIZE) + 1;
    const into = this.#output.reserve(room + frames * FRAME_HEAD);
    const at = this.#output.end;
    const end = this.#encoder.encode(status, fields, into, at + FRAME_HEAD);
    this.#output.advance(frameHeaderBlock(into, at, end, id, endStream, DEFAULT_FRAME_SIZE));
  }

  sendData(id: number, data: Buffer, from: number, to: number, endStream: boolean): void {
    if (!this.#over) this.#output.writeData(id, data, from, to, endStream);
  }

  sendReset(id: number, code: number): void {
    if (this.#over) return;
    this.#resetIds.add(id);
    if (this.#resetIds.size > MAX_RESET_IDS) this.#resetIds.delete(this.#resetIds.values().next().value!);
    this.#control(resetFrame(id, code));
  }

  sendWindowUpdate(id: number, increment: number): void {
    if (!this.#over) this.#output.write(windowUpdateFrame(id, increment));
  }

  credit(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed * 2 < CONNECTION_WINDOW || this.#over) return;
    this.#output.write(windowUpdateFrame(0, this.#owed));
    this.#receiveWindow += this.#owed;
    this.#owed = 0;
  }

  /** A frame that the client has asked for, and must take. */
  #control(frame: Buffer): void {
    this.#output.write(frame);
    if (this.#output.waiting > MAX_UNREAD) {
      this.#end(new HttpError('ERR_HTTP2_FLOOD', 'the client does not read what it asks for'));
    }
  }

  wantsTurn(stream: ServerStream): void {
    if (!stream.queued) {
      stream.queued = true;
      this.#turns.push(stream);
    }
    this.#pump();
  }

  /** Lets streams send, a frame each in turn, while windows and the socket allow it. */
  #pump(): void {
    if (this.#isPumping || this.#over) return;
    this.#isPumping = true;
    while (this.#turns.length > 0 && this.sendWindow > 0 && this.#output.room) {
      const stream = this.#turns.shift()!;
      stream.queued = false;
      this.sendWindow -= stream.takeTurn(this.sendWindow);
    }
    this.#isPumping = false;
  }

  onStreamClosed(stream: ServerStream, reset: boolean): void {
    this.#streams.delete(stream.id);
    if (this.#over) return;
    if (this.#streams.size === 0) {
      if (this.#closing) this.#leave();
      else this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    }
    if (reset) this.#count('reset');
  }

  // --- ending ---

  /** All is said: closes in good order. */
  #leave(): void {
    this.deadlineAt = performance.now() + LINGER_MS;
    this.#output.flush();
    this.#socket.end();
  }

  /** Ends the connection because of what the client does. */
  #end(error: WeirError): void {
    if (this.#over) return;
    const code = error instanceof Http2CodecError ? error.http2Code : ENHANCE_YOUR_CALM;
    this.#output.write(goawayFrame(this.#servedStream, code));
    this.#output.flush();
    this.#over = true;
    this.#cancelAll(CANCEL);
    this.deadlineAt = performance.now() + LINGER_MS;
    this.#socket.end();
    this.#options.onTrouble(error);
  }

  #cancelAll(code: number): void {
    for (const stream of [...this.#streams.values()]) stream.receiveReset(code, false);
  }

  /** The client sends no more: what it asked for it cannot take, either. */
  #clientEnded(): void {
    if (this.#streams.size > 0) this.#socket.destroy();
    else this.#socket.end();
  }

  #closed(): void {
    this.#over = true;
    this.#cancelAll(CANCEL);
    this.#options.deadlines.delete(this);
    this.#options.onClose?.();
  }
}

function idle(name: string, id: number): Http2CodecError {
  return new Http2CodecError(PROTOCOL_ERROR, `${name} on stream ${id}, which is not open`);
}

function asHttpError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new HttpError('ERR_HTTP_FIELD', messageOf(error), {}, error);
}

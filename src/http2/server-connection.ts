// A client's HTTP/2 connection on a TLS socket: opens an exchange for each stream, watches over time and over
// what the client may do for nothing, and ends with GOAWAY. Bytes of frames are the codec's (codec/), what goes
// out and whose turn it is frame-sender.ts, one stream's state server-stream.ts (decision 0018).
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
  HEADER_TABLE_SIZE,
  INITIAL_WINDOW_SIZE,
  LARGEST_WINDOW,
  MAX_CONCURRENT_STREAMS,
  MAX_FRAME_SIZE,
  MAX_HEADER_LIST_SIZE,
} from './codec/frame-types.ts';
import { SETTINGS_ACK_FRAME, goawayFrame, pingFrame } from './codec/frame-writer.ts';
import { http2FieldList } from './fields.ts';
import { FrameSender } from './frame-sender.ts';
import type { Http2Request } from './request-head.ts';
import { readRequest } from './request-head.ts';
import { RefusedRequest } from './refused-request.ts';
import type { ExchangeSurroundings } from './server-exchange.ts';
import { Http2Exchange } from './server-exchange.ts';
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

/**
 * Bytes that a stream may be ahead beyond `windowBytes`. git by libcurl 7.88 reads past the end of its
 * pack, and hangs, where a window ends a few bytes before the pack does; a pack around a file of so many MiB
 * is just that much longer than a window of so many MiB.
 */
const WINDOW_EXTRA = 48 * 1024;
const MAX_LIST_SIZE = 16 * 1024 * 1024; // bytes
const TABLE_BYTES = 4096; // that the client may have us remember of its fields
const TINY_WINDOW = 64; // bytes: whoever opens a window by so little makes frames of next to nothing
const PING_TIMEOUT_MS = 10_000;
const LINGER_MS = 2000;
const PING = Buffer.from('weirping');

export class Http2ServerConnection implements ServerConnection, HasDeadline, FrameHandler {
  deadlineAt: number;
  readonly #socket: TLSSocket;
  readonly #options: Http2ConnectionOptions;
  readonly #around: ExchangeSurroundings;
  readonly #guard: SessionGuard;
  readonly #reader: FrameReader;
  readonly #sender: FrameSender;
  readonly #windowBytes: number;
  readonly #streams = new Map<number, ServerStream>();
  #lastStream = 0;
  #servedStream = 0; // the highest one that GOAWAY may name
  #peerWindow = DEFAULT_WINDOW; // of each new stream
  #closing = false;
  #over = false;
  #pinged = false;

  /** @param socket  after its handshake, unread; ALPN chose h2 */
  constructor(socket: TLSSocket, options: Http2ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#windowBytes = options.windowBytes + WINDOW_EXTRA;
    this.#guard = new SessionGuard(options.maxStreams);
    this.#sender = new FrameSender(socket, {
      onStreamClosed: (stream, reset) => this.#onStreamClosed(stream, reset),
      onUnread: () =>
        this.#end(new HttpError('ERR_HTTP2_FLOOD', 'the client does not read what it asks for')),
    });
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
    this.#sender.begin(this.#ownSettings(listBytes));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#sender.pump());
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
    this.#sender.control(goawayFrame(this.#servedStream, NO_ERROR));
    if (this.#streams.size === 0) this.#leave();
  }

  onDeadline(): void {
    if (this.#over || (this.#closing && this.#streams.size === 0)) return void this.#socket.destroy();
    if (this.#streams.size === 0) return this.drain();
    if (this.#pinged) return void this.#socket.destroy(); // nobody is there any more
    this.#pinged = true;
    this.#sender.control(pingFrame(PING, false));
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
    this.#sender.pump();
  }

  onHeaders(id: number, fields: string[], endStream: boolean, tooLarge: boolean): void {
    if (this.#over) return;
    const open = this.#streams.get(id);
    if (open !== undefined) return this.#onTrailers(open, fields, endStream, tooLarge);
    if (id % 2 === 0) throw idle('HEADERS', id);
    if (id <= this.#lastStream) return this.#onLate(id, 'HEADERS');
    this.#lastStream = id;
    if (this.#closing) return this.#count('late');
    if (this.#streams.size >= this.#options.maxStreams) {
      this.#sender.sendReset(id, REFUSED_STREAM);
      return this.#count('reset');
    }
    this.#servedStream = id;
    const stream = new ServerStream(this.#sender, id, endStream, this.#peerWindow, this.#windowBytes);
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

  #onTrailers(stream: ServerStream, fields: readonly string[], endStream: boolean, tooLarge: boolean): void {
    if (stream.remoteDone) return this.#streamError(stream, STREAM_CLOSED);
    if (tooLarge) return this.#streamError(stream, ENHANCE_YOUR_CALM); // never half of them
    if (!endStream || fields.length === 0) return this.#streamError(stream, PROTOCOL_ERROR);
    stream.receiveEnd(fields);
  }

  onData(id: number, data: Buffer, flowBytes: number, endStream: boolean): void {
    if (this.#over) return;
    this.#sender.received(flowBytes);
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#sender.credit(flowBytes);
      return this.#onLate(id, 'DATA');
    }
    if (stream.remoteDone) {
      this.#sender.credit(flowBytes);
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
    this.#sender.control(SETTINGS_ACK_FRAME);
    this.#count('settings');
  }

  #onSetting(id: number, value: number): void {
    if (id === HEADER_TABLE_SIZE) this.#sender.setMaxTableSize(value);
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
      this.#sender.control(pingFrame(data, true));
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
    if (increment < TINY_WINDOW) this.#count('window');
    if (id === 0) {
      if (increment === 0) throw new Http2CodecError(PROTOCOL_ERROR, 'WINDOW_UPDATE of 0');
      return this.#sender.growSendWindow(increment);
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
    const known = this.#sender.hasReset(id) || (this.#closing && id > this.#servedStream);
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

  #onStreamClosed(stream: ServerStream, reset: boolean): void {
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
    this.#sender.flush();
    this.#socket.end();
  }

  /** Ends the connection because of what the client does. */
  #end(error: WeirError): void {
    if (this.#over) return;
    const code = error instanceof Http2CodecError ? error.http2Code : ENHANCE_YOUR_CALM;
    this.#over = true;
    this.#sender.close(goawayFrame(this.#servedStream, code));
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
    this.#sender.close(null);
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

// A client's HTTP/2 connection on a TLS socket: opens an exchange for each stream, watches over time and
// over what the client may do for nothing, and ends with GOAWAY. Frames, HPACK and flow control are node's
// (decision 0013). RFC 9113 §3.4, §6.5–§6.8, §10.5.

import { constants, performServerHandshake } from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { HttpError, isWeirError, messageOf } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { ServerConnectionOptions } from '../http/server-connection.ts';
import type { ServerConnection } from '../http/server-exchange.ts';
import type { HasDeadline } from '../util/deadlines.ts';
import { http2Fields } from './fields.ts';
import type { Http2Request } from './request-head.ts';
import { readRequest } from './request-head.ts';
import { Http2Exchange } from './server-exchange.ts';
import type { Nuisance } from './session-guard.ts';
import { SessionGuard } from './session-guard.ts';
import { sendWhole } from './stream-body.ts';

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

const SESSION_WINDOW = 16 * 1024 * 1024; // bytes on their way in all streams together
/**
 * Bytes that a stream may be ahead beyond `windowBytes`. git by libcurl 7.88 reads past the end of its
 * pack, and hangs, where a window ends a few bytes before the pack does; a pack around a file of so many MiB
 * is just that much longer than a window of so many MiB.
 */
const WINDOW_EXTRA = 48 * 1024;
const MAX_LIST_SIZE = 16 * 1024 * 1024 - 1; // bytes; node's own limit
const PING_TIMEOUT_MS = 10_000;
const LINGER_MS = 2000;
const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export class Http2ServerConnection implements ServerConnection, HasDeadline {
  deadlineAt: number;
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #options: Http2ConnectionOptions;
  readonly #guard: SessionGuard;
  readonly #exchangeOptions: ConstructorParameters<typeof Http2Exchange>[3];
  #streams = 0;
  #closing = false;
  #troubled = false;
  #pinged = false;

  /** @param socket  after its handshake, unread; ALPN chose h2 */
  constructor(socket: TLSSocket, options: Http2ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#guard = new SessionGuard(options.maxStreams);
    this.#exchangeOptions = {
      idleTimeoutMs: options.idleTimeoutMs,
      watch: (exchange) => options.deadlines.add(exchange),
      onClosed: (exchange, reset) => this.#onStreamClosed(exchange, reset),
    };
    this.deadlineAt = performance.now() + options.idleTimeoutMs;
    options.deadlines.add(this);
    const session = performServerHandshake(socket, sessionOptions(options));
    this.#session = session;
    session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW));
    session.on('stream', (stream, _fields, flags, raw?: string[]) => {
      this.#onStream(stream, (flags & END_STREAM) !== 0, raw ?? []);
    });
    session.on('error', (error: Error) => this.#onError(error));
    session.on('ping', () => this.#count('ping'));
    session.on('remoteSettings', () => this.#count('settings'));
    session.once('close', () => this.#closed());
    // Only sockets of a tls.Server are told that their handshake is over; http2 waits for that.
    socket.emit('secureConnect');
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams;
  }

  /** GOAWAY: what is open is finished, nothing more is begun. */
  drain(): void {
    if (this.#closing || this.#session.destroyed) return;
    this.#closing = true;
    if (this.#streams === 0) this.deadlineAt = performance.now() + LINGER_MS;
    this.#session.close();
  }

  onDeadline(): void {
    if (this.#session.destroyed || (this.#closing && this.#streams === 0)) return void this.#socket.destroy();
    if (this.#streams === 0) return this.drain();
    if (this.#pinged) return this.#session.destroy(); // nobody is there any more
    this.#pinged = true;
    const asked = this.#session.ping((error) => {
      if (error !== null) return;
      this.#pinged = false;
      this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    });
    if (asked) this.deadlineAt = performance.now() + PING_TIMEOUT_MS;
    else this.#session.destroy();
  }

  // --- streams ---

  #onStream(stream: ServerHttp2Stream, endOfStream: boolean, raw: readonly string[]): void {
    if (++this.#streams === 1) this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    let request: Http2Request;
    try {
      request = readRequest(raw, endOfStream, this.#options.limits);
    } catch (error) {
      return this.#refuse(stream, asHttpError(error));
    }
    this.#options.onRequest(new Http2Exchange(stream, request, endOfStream, this.#exchangeOptions));
  }

  #onStreamClosed(exchange: Http2Exchange | null, reset: boolean): void {
    if (exchange !== null) this.#options.deadlines.delete(exchange);
    if (--this.#streams === 0) {
      this.deadlineAt = performance.now() + (this.#closing ? LINGER_MS : this.#options.idleTimeoutMs);
    }
    if (reset) this.#count('reset');
  }

  /** Answers a request that cannot be read; the other streams are not concerned. */
  #refuse(stream: ServerHttp2Stream, error: WeirError): void {
    stream.pause();
    stream.on('error', () => {});
    stream.once('close', () => this.#onStreamClosed(null, true));
    const { head, body } = this.#options.onBadRequest(error);
    if (stream.destroyed || stream.closed) return;
    stream.respond(http2Fields(head.headers, head.status));
    sendWhole(stream, body);
    stream.close(constants.NGHTTP2_NO_ERROR);
  }

  // --- trouble ---

  #count(kind: Nuisance): void {
    const flood = this.#guard.count(kind);
    if (flood !== null) this.#end(flood, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  #onError(error: NodeJS.ErrnoException): void {
    // A lost connection is nothing to tell; its streams are cancelled.
    if (error.code?.startsWith('ERR_HTTP2') !== true || this.#session.destroyed === false) return;
    this.#tell(
      new HttpError('ERR_HTTP2_PROTOCOL', `the HTTP/2 connection broke: ${error.message}`, {}, error),
    );
  }

  #end(error: WeirError, code: number): void {
    if (this.#troubled || this.#session.destroyed) return;
    this.#tell(error);
    // Later, because GOAWAY does not leave while node is still reading frames.
    setImmediate(() => this.#session.destroy(error, code));
  }

  #tell(error: WeirError): void {
    if (this.#troubled) return;
    this.#troubled = true;
    this.#options.onTrouble(error);
  }

  #closed(): void {
    this.#options.deadlines.delete(this);
    this.#options.onClose?.();
  }
}

function sessionOptions(options: Http2ConnectionOptions): object {
  const { limits, maxStreams, windowBytes, extendedConnect = false } = options;
  return {
    settings: {
      enablePush: false,
      enableConnectProtocol: extendedConnect,
      initialWindowSize: windowBytes + WINDOW_EXTRA,
      maxConcurrentStreams: maxStreams,
      // Twice our limits, so that what is past them can still be answered with 431.
      maxHeaderListSize: Math.min(MAX_LIST_SIZE, limits.headerBytes * 2),
    },
    maxHeaderListPairs: limits.headerFields * 2 + 16,
    maxSessionMemory: Math.max(16, Math.ceil(maxStreams / 4)), // MB
  };
}

function asHttpError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new HttpError('ERR_HTTP_FIELD', messageOf(error), {}, error);
}

// One connection to an origin, written and read by undici's HTTP/1.1 client. The socket comes from our
// connector and the pool is ours; undici only speaks the protocol on it. What undici cannot say is not
// asked of it (undici-engine.ts); what it calls its errors is translated here.

import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import type { Client, Dispatcher } from 'undici';
import { HttpError, isWeirError, messageOf } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { persists, readHeaderFacts, responseFraming, safeTrailers } from '../../http/framing.ts';
import { DEFAULT_HEAD_LIMITS } from '../../http/message-reader.ts';
import type { RawHeaders, ResponseHead } from '../../icap/codec/http-head.ts';
import { asOriginError, closedEarly } from './origin-errors.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { bindsConnection } from './login-scheme.ts';
import { MAX_INTERIM } from './native-connection.ts';
import type { ConnectionEvents, OriginConnection } from './pooled-engine.ts';
import { bodyForUndici } from './undici-body.ts';

const BODY_IDLE_MS = 120_000; // silence of an origin in the middle of a body
const KEEP_ALIVE_MS = 120_000; // longer than our pool keeps an idle connection: the pool decides

const require = createRequire(import.meta.url);
/** Loaded by the first who has chosen it: a fifth of the time in which every process of Weir starts. */
const undici = (): typeof import('undici') => require('undici') as typeof import('undici');

export class UndiciConnection implements OriginConnection {
  deadlineAt = Infinity;
  idleSince = 0;
  /** Null: undici itself keeps to the Keep-Alive field. */
  readonly keepAliveMs = null;
  exchanges = 0;
  boundTo: Socket | null = null;
  readonly target: OriginTarget;
  readonly socket: Socket;
  readonly serverIp: string | null;
  readonly responseTimeoutMs: number;
  readonly #client: Client;
  readonly #events: ConnectionEvents;
  #exchange: UndiciExchange | null = null;

  constructor(socket: Socket, target: OriginTarget, responseTimeoutMs: number, events: ConnectionEvents) {
    this.socket = socket;
    this.target = target;
    this.responseTimeoutMs = responseTimeoutMs;
    this.serverIp = socket.remoteAddress ?? null;
    this.#events = events;
    let taken = false;
    const host = isIPv6(target.host) ? `[${target.host}]` : target.host;
    // Never https: the handshake is done, and undici would reconnect for another Host.
    const { Client } = undici();
    this.#client = new Client(`http://${host}:${target.port}`, {
      connect: (_options, callback) => {
        // Wanted a second time: the connection closed before the request could be written.
        if (taken) return callback(closedEarly(target), null);
        taken = true;
        queueMicrotask(() => callback(null, socket)); // undici forgets the request when told at once
      },
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: DEFAULT_HEAD_LIMITS.headerBytes,
    });
    (this.#client as EventEmitter).on('error', () => socket.destroy());
    // Before undici, which takes a body that ends with a reset instead of a close for complete.
    socket.on('error', (error) => this.#exchange?.onResponseError(null, error));
    socket.once('close', () => {
      this.#events.onClosed(this);
      this.#exchange?.onClosed();
    });
  }

  get usable(): boolean {
    return !this.socket.destroyed;
  }

  get answered(): boolean {
    return this.#exchange?.answered ?? false;
  }

  send(request: OriginRequest): Promise<OriginResponse> {
    this.exchanges++;
    return new Promise((resolve, reject) => {
      const exchange = new UndiciExchange(this, request, { resolve, reject });
      this.#exchange = exchange;
      exchange.start(this.#client);
    });
  }

  /** The exchange is over. */
  release(reusable: boolean): void {
    this.deadlineAt = Infinity;
    this.#exchange = null;
    if (reusable) this.#events.onIdle(this);
    else this.destroy();
  }

  destroy(): void {
    this.socket.destroy();
  }

  onDeadline(): void {
    if (this.#exchange === null) this.destroy();
    else this.#exchange.onDeadline();
  }
}

type Settle = { resolve: (response: OriginResponse) => void; reject: (error: Error) => void };

/** One request and its response, as undici's dispatcher reports it. */
class UndiciExchange implements Dispatcher.DispatchHandler {
  answered = false;
  readonly #connection: UndiciConnection;
  readonly #request: OriginRequest;
  #settle: Settle | null;
  #controller: Dispatcher.DispatchController | null = null;
  #body: Body | null = null;
  #requestSent = false;
  #reusable = false;
  #interim = 0;
  #done = false;
  #stopAbort: () => void = () => {};

  constructor(connection: UndiciConnection, request: OriginRequest, settle: Settle) {
    this.#connection = connection;
    this.#request = request;
    this.#settle = settle;
  }

  start(client: Client): void {
    const { head, body, contentLength } = this.#request;
    this.#stopAbort = this.#request.cancellation.onCancel((reason) => this.#abort(reason));
    if (this.#done) return;
    const options = {
      method: head.method,
      path: head.target,
      headers: head.headers,
      body: body === null ? null : bodyForUndici(body, contentLength!, () => this.#onRequestSent()),
      reset: false, // or undici closes the connection after HEAD and after bodies of unusual methods
    };
    // Undici takes any iterable of buffers, its types know only streams.
    client.dispatch(options as Dispatcher.DispatchOptions, this);
    if (body === null || body.settled) this.#onRequestSent();
    else if (!this.#done) this.#expectWithin(this.#connection.responseTimeoutMs);
  }

  #onRequestSent(): void {
    this.#requestSent = true;
    if (!this.#done && this.#settle !== null) this.#expectWithin(this.#connection.responseTimeoutMs);
  }

  #expectWithin(ms: number): void {
    this.#connection.deadlineAt = performance.now() + ms;
  }

  onDeadline(): void {
    const { target, socket, responseTimeoutMs } = this.#connection;
    // A client that sends slowly is watched elsewhere; here it is about an origin that does not read.
    if (!this.#requestSent && this.#settle !== null && !socket.writableNeedDrain) {
      return this.#expectWithin(responseTimeoutMs);
    }
    const { host, port } = target;
    this.#abort(
      new HttpError('ERR_ORIGIN_TIMEOUT', `${host}:${port} does not answer in time`, { host, port }),
    );
  }

  // --- what undici reports ---

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStarted(): void {
    this.answered = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _: unknown, reason = ''): void {
    const headers = rawFields(controller.rawHeaders);
    try {
      if (status < 100 || status > 999) throw new Error(`not a status: ${status}`);
      if (status < 200) this.#onInterim(status, reason, headers);
      else this.#onHead({ version: '1.1', status, reason, headers });
    } catch (error) {
      this.#abort(new HttpError('ERR_ORIGIN_RESPONSE', messageOf(error), {}, error));
    }
  }

  #onInterim(status: number, reason: string, headers: RawHeaders): void {
    if (status === 101) throw new HttpError('ERR_ORIGIN_RESPONSE', '101 without an upgrade');
    if (++this.#interim > MAX_INTERIM) {
      throw new HttpError('ERR_ORIGIN_RESPONSE', `more than ${MAX_INTERIM} interim responses`);
    }
    this.#request.onInformation(status, reason, readHeaderFacts(headers).endToEnd);
  }

  #onHead(head: ResponseHead): void {
    const { method, headers } = this.#request.head;
    if (head.headers.length > DEFAULT_HEAD_LIMITS.headerFields * 2) {
      throw new HttpError('ERR_ORIGIN_RESPONSE', 'too many header fields');
    }
    const facts = readHeaderFacts(head.headers);
    const framing = responseFraming(head, facts, method);
    const binds = bindsConnection(headers, head.status, head.headers);
    if (binds) this.#connection.boundTo ??= this.#request.loginScope ?? null;
    this.#reusable =
      framing.kind !== 'close' &&
      persists(head.version, facts) &&
      (!binds || this.#connection.boundTo !== null);
    if (framing.kind !== 'none') {
      const source = {
        // Undici parses at once when resumed and asserts that it does not parse anything else just then.
        resume: () => queueMicrotask(() => this.#resumeReading()),
        cancel: (reason: Error) => this.#abort(reason),
      };
      this.#body = new Body(source, framing.kind === 'length' ? framing.length : null);
    }
    this.#expectWithin(BODY_IDLE_MS);
    const { resolve } = this.#settle!;
    this.#settle = null;
    resolve({
      head,
      facts,
      framing,
      body: this.#body,
      serverIp: this.#connection.serverIp,
      upgraded: null,
      ...(head.status === 401 && binds ? { wantsConnectionLogin: true } : {}),
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body?.push(chunk) !== false) return this.#expectWithin(BODY_IDLE_MS);
    controller.pause();
    this.#connection.deadlineAt = Infinity; // held up by a slow reader, not by the origin
  }

  #resumeReading(): void {
    if (this.#done) return;
    this.#expectWithin(BODY_IDLE_MS);
    this.#controller!.resume();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#done) return;
    this.#finish();
    this.#body?.end(safeTrailers(rawFields(controller.rawTrailers)));
    if (!this.#requestSent) this.#request.body?.cancel();
    this.#connection.release(this.#reusable && this.#requestSent);
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(asHttpError(error, this.#connection));
  }

  // --- endings ---

  /** For a connection that closed before undici began with the request. */
  onClosed(): void {
    queueMicrotask(() => this.#fail(closedEarly(this.#connection.target)));
  }

  #abort(reason: Error): void {
    if (this.#done) return;
    this.#fail(reason);
    this.#controller?.abort(reason);
    this.#connection.destroy();
  }

  #finish(): void {
    this.#done = true;
    this.#stopAbort();
  }

  #fail(error: Error): void {
    if (this.#done) return;
    this.#finish();
    this.#connection.destroy();
    if (this.#settle === null) {
      this.#request.body?.cancel(error);
      this.#body?.fail(error);
    } else this.#settle.reject(error);
  }
}

/** Undici's flat list of buffers as our flat list of latin-1 strings. */
function rawFields(raw: Dispatcher.DispatchController['rawHeaders']): RawHeaders {
  return Array.isArray(raw)
    ? raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
    : [];
}

/** Undici's errors by what happened on the wire. */
function asHttpError(error: NodeJS.ErrnoException, { socket, target }: UndiciConnection): Error {
  if (isWeirError(error)) return error;
  if (error.code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new HttpError('ERR_HTTP_FRAMING', 'the body has not the length of its Content-Length', {}, error);
  }
  const isOfUndici = error instanceof undici().errors.HTTPParserError || error.code?.startsWith('UND_ERR');
  if (!isOfUndici) return asOriginError(error, target);
  // The same error stands for an origin that closed too early and for one that sent something illegal.
  if (socket.readableEnded) return closedEarly(target);
  return new HttpError('ERR_ORIGIN_RESPONSE', error.message, { host: target.host }, error);
}

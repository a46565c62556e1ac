// Stands between handlers and node's ServerResponse: what they write becomes a head and a Body, with
// backpressure, and leaves when somebody has decided what to send instead. Nothing is taken away from
// wrappers around `res` (compression, sessions): methods are replaced once and hand on when they are done.

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { OutgoingMessage } from 'node:http';
import { HttpError } from '../errors.ts';
import { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../icap/codec/http-head.ts';
import { bytesOf } from './node-streams.ts';

const NOTHING = Buffer.alloc(0);
const ONE_WRITE = 64 * 1024; // bytes of a complete body that leave in one call, with their length

/** What to send. `headers` null: those that are set on the response already. */
export interface ResponseToSend {
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders | null;
  readonly body: Body | null;
}

export interface CaptureEvents {
  /** False: this response leaves as the handler writes it. Asked once, when its head is known. */
  wants(status: number): boolean;
  /** The handler's response; `body` null where it has none. */
  onResponse(head: ResponseHead, body: Body | null): void;
  /** Something is about to be written. */
  beforeSending(): void;
}

type State = 'open' | 'captured' | 'passing';
type Callback = (error?: Error | null) => void;

export class CapturedResponse {
  readonly #res: ServerResponse;
  readonly #events: CaptureEvents;
  readonly #writeHead: (...args: unknown[]) => unknown;
  readonly #write: (...args: unknown[]) => boolean;
  readonly #end: (...args: unknown[]) => unknown;
  readonly #flushHeaders: () => void;
  readonly #emit: (...args: unknown[]) => boolean;
  #state: State = 'open';
  #sending = false; // our own calls go to the methods beneath
  #ended = false;
  #sent = false;
  #body: Body | null = null;
  #bytesOut = 0;
  #onDrain: (() => void) | null = null;
  #handlersDrain = false; // the `drain` that is being emitted is meant for the handler

  constructor(res: ServerResponse, events: CaptureEvents) {
    this.#res = res;
    this.#events = events;
    this.#writeHead = res.writeHead as never;
    this.#write = res.write as never;
    this.#end = res.end as never;
    this.#flushHeaders = res.flushHeaders;
    this.#emit = res.emit as never;
    res.writeHead = ((...args: unknown[]) => this.#onWriteHead(args)) as never;
    res.write = ((...args: unknown[]) => this.#onWrite(args)) as never;
    res.end = ((...args: unknown[]) => this.#onEnd(args)) as never;
    res.flushHeaders = () => this.#onFlushHeaders();
    res.emit = ((...args: unknown[]) => this.#onEmit(args)) as never;
    const override = (name: 'headersSent' | 'writableEnded', own: () => boolean): void => {
      const get = (): boolean => own() || nodeSays(name, res);
      Object.defineProperty(res, name, { configurable: true, get });
    };
    override('headersSent', () => this.#state === 'captured');
    override('writableEnded', () => this.#ended);
  }

  /** Bytes of the body that were handed to the connection so far. */
  get bytesOut(): number {
    return this.#bytesOut;
  }

  /** A head is on its way to the client: no other answer is possible. */
  get begun(): boolean {
    return nodeSays('headersSent', this.#res);
  }

  /**
   * Sends this in place of whatever the handler writes, now or later. What the handler's body is needed for
   * goes on; see `discard`.
   */
  send({ status, reason, headers, body }: ResponseToSend): void {
    const res = this.#res;
    if (res.destroyed || this.begun) return void body?.cancel();
    this.#state = 'captured'; // also where no handler was asked
    this.#sent = true;
    this.#body ??= Body.of();
    res.statusCode = status;
    res.statusMessage = reason;
    if (headers !== null) replaceHeaders(res, headers);
    this.#events.beforeSending();
    const whole = body === null ? NOTHING : wholeBody(body);
    if (whole === null) return this.#stream(body!);
    this.#bytesOut += whole.length;
    this.#asOurselves(() => this.#end.apply(res, whole.length === 0 ? [] : [whole]));
  }

  /** Whatever the handler has written and will write is dropped. */
  discard(error: Error): void {
    if (this.#state === 'passing') return;
    this.#state = 'captured';
    if (this.#body === null) this.#body = Body.of();
    else this.#body.fail(error);
  }

  #stream(body: Body): void {
    const res = this.#res;
    // Wrappers beneath us (compression) have a `drain` of their own, and hand `on` to it.
    const onDrain = (): void => {
      if (!this.#handlersDrain) body.resume();
    };
    const onClose = (): void => body.cancel(new HttpError('ERR_ABORTED', 'the client is gone'));
    const done = (): void => {
      res.off('drain', onDrain);
      res.off('close', onClose);
      this.#onDrain = null;
    };
    this.#onDrain = onDrain;
    res.on('drain', onDrain);
    res.on('close', onClose);
    body.consume({
      onData: (chunk) => {
        this.#bytesOut += chunk.length;
        return this.#asOurselves(() => this.#write.call(res, chunk));
      },
      onEnd: () => {
        done();
        this.#asOurselves(() => this.#end.call(res));
      },
      // The client must not take a part for the whole.
      onError: () => {
        done();
        res.destroy();
      },
    });
  }

  /** The connection has room: that is news for what we send, not for the handler, whose bytes wait here. */
  #onEmit(args: unknown[]): boolean {
    if (args[0] === 'drain' && this.#state === 'captured' && !this.#handlersDrain) {
      this.#onDrain?.();
      return true;
    }
    return this.#emit.apply(this.#res, args);
  }

  /** The handler may write on. */
  readonly #tellHandler = (): void => {
    this.#handlersDrain = true;
    try {
      this.#emit.call(this.#res, 'drain');
    } finally {
      this.#handlersDrain = false;
    }
  };

  #asOurselves<T>(act: () => T): T {
    const before = this.#sending;
    this.#sending = true;
    try {
      return act();
    } finally {
      this.#sending = before;
    }
  }

  // --- what handlers call ---

  #onWriteHead(args: unknown[]): unknown {
    const res = this.#res;
    const isOurs = this.#sending || (this.#sent && !this.begun); // the latter from a wrapper beneath us
    if (isOurs || this.#state === 'passing') return this.#writeHead.apply(res, args);
    if (this.#state === 'captured') return res; // wrappers look at `_header` and so come again
    const [status, second, third] = args;
    const code = Number(status) | 0;
    if (code < 100 || code > 999) return this.#writeHead.apply(res, args); // throws what node throws
    res.statusCode = code;
    if (typeof second === 'string') res.statusMessage = second;
    applyHeaders(res, (typeof second === 'string' ? third : second) as HeadersArgument);
    return res;
  }

  #onWrite(args: unknown[]): boolean {
    const res = this.#res;
    if (this.#sending) return this.#write.apply(res, args);
    const chunk = toBytes(args[0], args[1]);
    this.#begin(true);
    if (this.#state === 'passing') {
      this.#bytesOut += chunk.length;
      return this.#write.apply(res, args);
    }
    const callback = callbackOf(args);
    if (this.#ended) {
      const error = Object.assign(new Error('write after end'), { code: 'ERR_STREAM_WRITE_AFTER_END' });
      if (callback !== undefined) process.nextTick(callback, error);
      return false;
    }
    if (callback !== undefined) process.nextTick(callback, null);
    return this.#body!.push(chunk);
  }

  #onEnd(args: unknown[]): unknown {
    const res = this.#res;
    if (this.#sending) return this.#end.apply(res, args);
    const hasChunk = args[0] != null && typeof args[0] !== 'function';
    const chunk = hasChunk ? toBytes(args[0], args[1]) : null;
    this.#begin(chunk !== null && chunk.length > 0);
    if (this.#state === 'passing') {
      this.#bytesOut += chunk?.length ?? 0;
      return this.#end.apply(res, args);
    }
    if (this.#ended) return res;
    this.#ended = true;
    const callback = callbackOf(args);
    if (callback !== undefined) res.once('finish', callback);
    if (chunk !== null) this.#body!.push(chunk);
    this.#body!.end();
    return res;
  }

  #onFlushHeaders(): void {
    if (this.#sending) return this.#flushHeaders.call(this.#res);
    this.#begin(true);
    if (this.#state === 'passing') this.#flushHeaders.call(this.#res);
  }

  /** The head is final: the handler's first byte, or its end. */
  #begin(hasBody: boolean): void {
    if (this.#state !== 'open') return;
    const res = this.#res;
    const { statusCode } = res;
    if (!this.#events.wants(statusCode)) {
      this.#state = 'passing';
      this.#events.beforeSending();
      return;
    }
    this.#state = 'captured';
    const { endToEnd, contentLength } = readHeaderFacts(rawHeadersOf(res));
    const writeOn = (): void => {
      if (!this.#ended) process.nextTick(this.#tellHandler);
    };
    // Also after a cancel: whoever waits may write into nothing.
    this.#body = new Body({ resume: writeOn, cancel: writeOn }, contentLength);
    const head = { version: '1.1', status: statusCode, reason: res.statusMessage ?? '', headers: endToEnd };
    this.#events.onResponse(head, hasBody ? this.#body : null);
  }
}

/** A response that a service has made, as it is sent: hop-by-hop fields go, its length is what it says or chunks. */
export function sendable(
  { status, reason, headers: said }: ResponseHead,
  body: Body | null,
  method: string,
): ResponseToSend {
  const { endToEnd, contentLength } = readHeaderFacts(said);
  const bodiless = method === 'HEAD' || status === 204 || status === 304;
  if (bodiless) body?.cancel();
  const kept = bodiless ? null : body;
  const untrue = kept === null && !bodiless && contentLength !== null && contentLength > 0;
  const headers = untrue ? withoutField(endToEnd, 'content-length') : endToEnd;
  return { status, reason, headers, body: kept };
}

/** What the property is without our override. */
function nodeSays(name: 'headersSent' | 'writableEnded', res: ServerResponse): boolean {
  const property: unknown = Reflect.get(OutgoingMessage.prototype, name, res);
  return property === true;
}

type HeadersArgument = OutgoingHttpHeaders | (string | string[])[] | undefined;

/** As `writeHead` takes them: an object, a flat list, or a list of pairs. */
function applyHeaders(res: ServerResponse, headers: HeadersArgument): void {
  if (headers == null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const flat = (Array.isArray(headers[0]) ? headers.flat() : headers) as string[];
  for (let i = 0; i + 1 < flat.length; i += 2) res.removeHeader(flat[i]!);
  for (let i = 0; i + 1 < flat.length; i += 2) res.appendHeader(flat[i]!, flat[i + 1]!);
}

/** In place of all that are set. A handler that wants the connection closed still has it closed. */
function replaceHeaders(res: ServerResponse, headers: RawHeaders): void {
  const closes = /\bclose\b/i.test(String(res.getHeader('connection') ?? ''));
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (let i = 0; i < headers.length; i += 2) res.appendHeader(headers[i]!, headers[i + 1]!);
  if (closes) res.setHeader('Connection', 'close');
}

function rawHeadersOf(res: ServerResponse): RawHeaders {
  const raw: RawHeaders = [];
  // Set on the response, so that names have the case that the handler gave them.
  const names = (res as { getRawHeaderNames?: () => string[] }).getRawHeaderNames?.() ?? res.getHeaderNames();
  for (const name of names) {
    const value = res.getHeader(name);
    for (const one of Array.isArray(value) ? value : [value]) raw.push(name, String(one));
  }
  return raw;
}

/** All bytes of a body that is complete and small; it is used up then. */
function wholeBody(body: Body): Buffer | null {
  if (!body.ended || body.error !== null || body.queuedBytes > ONE_WRITE) return null;
  const bytes = Buffer.concat(body.take(body.queuedBytes));
  body.cancel();
  return bytes;
}

function toBytes(chunk: unknown, encoding: unknown): Buffer {
  try {
    return bytesOf(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  } catch (error) {
    throw new HttpError('ERR_EMBED_INPUT', 'a response takes text or bytes', {}, error);
  }
}

function callbackOf(args: readonly unknown[]): Callback | undefined {
  return args.find((arg) => typeof arg === 'function') as Callback | undefined;
}

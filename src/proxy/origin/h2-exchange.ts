// One request on an HTTP/2 stream to an origin, and its response. Says in its errors whether the origin can
// have begun with the request, so that the engine may send it again. RFC 9113 §8.1, §8.7.

import { STATUS_CODES } from 'node:http';
import { constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { HttpError, isWeirError, messageOf } from '../../errors.ts';
import type { Body } from '../../http/body.ts';
import type { Framing, HeaderFacts } from '../../http/framing.ts';
import { NO_BODY, readHeaderFacts, responseFraming } from '../../http/framing.ts';
import { streamErrorName } from '../../http2/error-codes.ts';
import { http2Fields, regularFields } from '../../http2/fields.ts';
import { isDialogue } from '../../http2/server-exchange.ts';
import { isSmallAndWhole, readBody, releaseStream, sendBody, sendWhole } from '../../http2/stream-body.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { ResponseHead } from '../../icap/codec/http-head.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { Deadlines, HasDeadline } from '../../util/deadlines.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { MAX_INTERIM } from './native-connection.ts';
import { closedEarly } from './origin-errors.ts';

const BODY_IDLE_MS = 120_000; // silence of an origin in the middle of a body
const REST_MS = 5_000; // for the END_STREAM of a response that can have no body
const END_STREAM = constants.NGHTTP2_FLAG_END_STREAM;

export interface StreamSurroundings {
  readonly target: OriginTarget;
  readonly serverIp: string | null;
  readonly responseTimeoutMs: number;
  readonly deadlines: Deadlines;
  readonly maxFields: number;
  /** Bytes of the response have come. */
  onAlive(): void;
  /** The stream is closed. */
  onClosed(): void;
}

export class Http2OriginExchange implements HasDeadline {
  deadlineAt = Infinity;
  readonly #request: OriginRequest;
  readonly #around: StreamSurroundings;
  readonly #isDialogue: boolean;
  #session: ClientHttp2Session | null = null;
  #stream: ClientHttp2Stream | null = null;
  #settle: { resolve: (response: OriginResponse) => void; reject: (error: Error) => void } | null = null;
  #body: Body | null = null;
  #requestSent = false;
  #over = false;
  #interim = 0;
  #stopAbort: () => void = () => {};

  constructor(request: OriginRequest, around: StreamSurroundings) {
    this.#request = request;
    this.#around = around;
    this.#isDialogue = isDialogue(request.head.headers);
  }

  /** @throws {HttpError} `ERR_ORIGIN_…`, `ERR_ABORTED`; with the field `unprocessed` the origin has not begun */
  send(session: ClientHttp2Session): Promise<OriginResponse> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#stopAbort = this.#request.cancellation.onCancel((reason) => this.#fail(reason));
      if (this.#over) return this.#around.onClosed();
      try {
        this.#start(session);
      } catch (error) {
        // The session closed, or has used up its stream numbers, since it was chosen.
        this.#fail(unprocessed(closedEarly(this.#around.target), error));
        if (this.#stream === null) this.#around.onClosed();
      }
    });
  }

  #start(session: ClientHttp2Session): void {
    const { body, contentLength } = this.#request;
    const whole = body !== null && isSmallAndWhole(body, contentLength);
    const options = { endStream: body === null, waitForTrailers: body !== null && !whole };
    this.#session = session;
    const stream = session.request(this.#fields(), options);
    this.#stream = stream;
    stream.on('response', (_fields, flags, raw?: string[]) => this.#onResponse(raw ?? [], flags));
    stream.on('headers', (_fields, _flags, raw?: string[]) => this.#onInterim(raw ?? []));
    stream.on('error', () => {}); // `close` follows
    stream.on('close', () => this.#closed());
    this.#around.deadlines.add(this);
    if (body === null) return this.#onRequestSent();
    if (whole) {
      sendWhole(stream, body);
      return this.#onRequestSent();
    }
    this.#wait(this.#around.responseTimeoutMs);
    const resume = sendBody(stream, body, contentLength, {
      onDone: () => this.#onRequestSent(),
      onBroken: (error) => this.#fail(error),
    });
    stream.on('drain', () => {
      if (this.#settle !== null) this.#wait(this.#around.responseTimeoutMs);
      resume();
    });
  }

  #fields(): OutgoingHttpHeaders {
    const { head, target, trailer, trailersWanted, body } = this.#request;
    const authority = fieldValue(head.headers, 'host') ?? formatAuthority(target.host, target.port, 443);
    return {
      ':method': head.method,
      ':scheme': 'https',
      ':authority': authority,
      ':path': head.target,
      ...http2Fields(head.headers),
      ...(trailersWanted === true ? { te: 'trailers' } : {}),
      ...(trailer === null || body === null ? {} : { trailer }),
    };
  }

  #onRequestSent(): void {
    this.#requestSent = true;
    if (this.#settle !== null) this.#wait(this.#around.responseTimeoutMs);
  }

  // --- response ---

  #onInterim(raw: readonly string[]): void {
    if (this.#over || this.#settle === null) return;
    this.#around.onAlive();
    try {
      const { status, reason, headers } = readHead(raw);
      if (status === 101) throw new HttpError('ERR_ORIGIN_RESPONSE', '101 does not exist in HTTP/2');
      if (++this.#interim > MAX_INTERIM) {
        throw new HttpError('ERR_ORIGIN_RESPONSE', `more than ${MAX_INTERIM} interim responses`);
      }
      this.#request.onInformation(status, reason, readHeaderFacts(headers).endToEnd);
    } catch (error) {
      this.#fail(asResponseError(error));
    }
  }

  #onResponse(raw: readonly string[], flags: number): void {
    if (this.#over || this.#settle === null) return;
    this.#around.onAlive();
    try {
      const head = readHead(raw);
      if (head.headers.length > this.#around.maxFields * 2) {
        throw new HttpError('ERR_ORIGIN_RESPONSE', 'too many header fields');
      }
      const facts = readHeaderFacts(head.headers);
      const endOfStream = (flags & END_STREAM) !== 0;
      const framing = endOfStream ? NO_BODY : framingOf(head, facts, this.#request.head.method);
      const { resolve } = this.#settle;
      this.#settle = null;
      if (framing.kind === 'none') this.#stream!.resume();
      else this.#body = this.#readBody(framing);
      this.#wait(this.#isDialogue ? Infinity : BODY_IDLE_MS);
      const { serverIp } = this.#around;
      resolve({ head, facts, framing, body: this.#body, serverIp, upgraded: null });
      if (framing.kind !== 'none') return;
      this.#responded();
      if (!endOfStream) this.#wait(REST_MS);
    } catch (error) {
      this.#fail(asResponseError(error));
    }
  }

  #readBody(framing: Framing): Body {
    const idleMs = this.#isDialogue ? Infinity : BODY_IDLE_MS;
    return readBody(this.#stream!, framing.kind === 'length' ? framing.length : null, {
      onProgress: () => {
        this.#around.onAlive();
        this.#wait(idleMs);
      },
      onHeld: () => this.#wait(Infinity), // by a slow reader, not by the origin
      onEnd: () => this.#responded(),
      onUnwanted: (reason) => this.#fail(reason),
      onMalformed: (error) => this.#fail(asResponseError(error)),
    });
  }

  #wait(ms: number): void {
    this.deadlineAt = performance.now() + ms;
  }

  onDeadline(): void {
    if (this.#over) return void this.#stream?.close(constants.NGHTTP2_CANCEL);
    const { host, port } = this.#around.target;
    const headMissing = this.#settle !== null;
    const ourTurn = !this.#requestSent && this.#stream?.writableLength === 0;
    // A client that sends slowly is watched elsewhere; in a dialogue the origin speaks when it has something.
    if (headMissing && (ourTurn || (this.#isDialogue && this.#requestSent))) {
      return this.#wait(this.#around.responseTimeoutMs);
    }
    const text = `${host}:${port} does not answer in time`;
    this.#fail(new HttpError('ERR_ORIGIN_TIMEOUT', text, { host, port }));
  }

  // --- endings ---

  /** The response is complete; what is left of the request nobody reads. */
  #responded(): void {
    if (this.#over) return;
    this.#finish();
    if (this.#requestSent || this.#stream!.writableEnded) return;
    this.#request.body?.cancel();
    this.#stream!.close(constants.NGHTTP2_NO_ERROR);
  }

  #finish(): void {
    this.#over = true;
    this.#stopAbort();
    this.deadlineAt = Infinity;
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#finish();
    this.#stream?.close(constants.NGHTTP2_CANCEL);
    const settle = this.#settle;
    this.#settle = null;
    // After a reject the request body may be sent elsewhere; whoever does not cancels it.
    if (settle !== null) return settle.reject(error);
    this.#request.body?.cancel(error);
    this.#body?.fail(error);
  }

  #closed(): void {
    this.#around.deadlines.delete(this);
    if (!this.#over) this.#fail(this.#lost(this.#stream!.rstCode));
    this.#around.onClosed();
    releaseStream(this.#stream!);
  }

  /** The stream is gone before the response was complete. */
  #lost(rstCode: number | undefined): HttpError {
    const { target } = this.#around;
    const { host, port } = target;
    const isUnsent = this.#stream?.id === undefined;
    if (isUnsent || rstCode === constants.NGHTTP2_REFUSED_STREAM) return unprocessed(closedEarly(target));
    // Of a lost connection node says CANCEL, too.
    const isLost = this.#session?.closed !== false;
    if (isLost || rstCode === undefined || rstCode === constants.NGHTTP2_NO_ERROR) return closedEarly(target);
    const text = `${host}:${port} reset the stream (${streamErrorName(rstCode)})`;
    return new HttpError('ERR_ORIGIN_CLOSED', text, { host, port, rstCode });
  }
}

function unprocessed(error: HttpError, cause?: unknown): HttpError {
  return new HttpError(error.code, error.message, { ...error.fields, unprocessed: true }, cause);
}

/** There is no end by closing in HTTP/2. */
function framingOf(head: ResponseHead, facts: HeaderFacts, method: string): Framing {
  const framing = responseFraming(head, facts, method);
  return framing.kind === 'close' ? { kind: 'chunked' } : framing;
}

/** @throws {HttpError} */
function readHead(raw: readonly string[]): ResponseHead {
  const text = raw[0] === ':status' ? raw[1]! : '';
  if (!/^[1-9]\d\d$/.test(text)) throw new HttpError('ERR_ORIGIN_RESPONSE', 'a response without :status');
  const status = Number(text);
  const reason = STATUS_CODES[status] ?? '';
  return { version: '1.1', status, reason, headers: regularFields(raw.slice(2)) };
}

function asResponseError(error: unknown): HttpError {
  if (isWeirError(error) && error.code === 'ERR_ORIGIN_RESPONSE') return error;
  return new HttpError('ERR_ORIGIN_RESPONSE', messageOf(error), {}, error);
}

// One request on an HTTP/2 stream of a client, and its answer. What it costs the other streams is the
// connection's affair (server-connection.ts). A client's reset is a cancellation; an answer that breaks off
// resets the stream. RFC 9113 §5.1, §8.1.

import { constants } from 'node:http2';
import type { ServerHttp2Stream, ServerStreamResponseOptions } from 'node:http2';
import type { Duplex } from 'node:stream';
import { HttpError, isWeirError } from '../errors.ts';
import type { Body } from '../http/body.ts';
import type { Framing, HeaderFacts } from '../http/framing.ts';
import type { Answer, ServerExchange } from '../http/server-exchange.ts';
import { fieldValue, withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import { Cancellation } from '../util/cancellation.ts';
import type { HasDeadline } from '../util/deadlines.ts';
import { http2Fields } from './fields.ts';
import type { Http2Request } from './request-head.ts';
import { streamErrorName } from './error-codes.ts';
import { isSmallAndWhole, readBody, releaseStream, sendBody, sendWhole } from './stream-body.ts';

export interface ExchangeSurroundings {
  /** Silence inside a request body, or of a client that does not take its answer. */
  readonly idleTimeoutMs: number;
  /** The exchange has something to wait for: `deadlineAt` counts from now on. */
  watch(exchange: HasDeadline): void;
  /** The stream is closed. @param reset  by the client, or because of what it sent */
  onClosed(exchange: Http2Exchange, reset: boolean): void;
}

/** Node adds a Date field unless told not to; its types do not know. */
const WHOLE = { sendDate: false } as ServerStreamResponseOptions;
const HEAD_ALONE = { ...WHOLE, endStream: true };
const STREAMED = { ...WHOLE, waitForTrailers: true };
const UNSWITCHED = 502;
const DONE = Promise.resolve();
const NOTHING = Buffer.alloc(0);
const ignore = (): void => {};

export class Http2Exchange implements ServerExchange, HasDeadline {
  readonly head: RequestHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  readonly body: Body | null;
  readonly cancellation = new Cancellation();
  readonly startedAt = performance.now();
  readonly loginScope = null;
  deadlineAt = Infinity;
  readonly #stream: ServerHttp2Stream;
  readonly #around: ExchangeSurroundings;
  readonly #protocol: string | null;
  #requestDone: boolean;
  #responding = false;
  #done = false; // answered whole, or handed over
  #over = false; // reset, by whom ever
  #resetByUs = false;
  #readAt = this.startedAt;
  #wroteAt = this.startedAt;
  #onBroken: ((error: Error) => void) | null = null;

  constructor(
    stream: ServerHttp2Stream,
    { head, facts, framing, protocol }: Http2Request,
    endOfStream: boolean,
    around: ExchangeSurroundings,
  ) {
    this.#stream = stream;
    this.#around = around;
    this.head = head;
    this.facts = facts;
    this.framing = framing;
    this.#protocol = protocol;
    this.#requestDone = endOfStream;
    this.body = framing.kind === 'none' ? null : this.#readBody(framing);
    // Each comes once at most; `once` would only wrap it.
    stream.on('error', ignore); // `close` follows
    stream.on('aborted', () => this.#gone());
    stream.on('close', () => this.#closed());
    // Left alone, node takes the stream for abandoned and may reset it before its last frame has left.
    if (endOfStream) stream.pause();
    else if (this.body === null && protocol === null) stream.resume();
  }

  #readBody(framing: Framing): Body {
    const length = framing.kind === 'length' ? framing.length : null;
    this.#arm();
    return readBody(this.#stream, length, {
      onEnd: () => (this.#requestDone = true),
      onProgress: () => (this.#readAt = performance.now()),
      onUnwanted: () => this.#stream.resume(),
      onMalformed: (error) => this.#fail(error, constants.NGHTTP2_PROTOCOL_ERROR),
    });
  }

  inform(status: number, _reason: string, headers: RawHeaders): void {
    const stream = this.#stream;
    if (this.#over || stream.headersSent || stream.closed || stream.destroyed) return;
    if (status === 101) this.#switch(headers);
    else stream.additionalHeaders(http2Fields(headers, status));
  }

  /** An extended CONNECT succeeds with 200; the fields of an upgrade do not exist there (RFC 8441 §5). */
  #switch(headers: RawHeaders): void {
    this.#responding = true;
    this.#stream.respond(http2Fields(withoutField(headers, 'sec-websocket-accept'), 200), WHOLE);
  }

  demandHttp1(error: Error): void {
    this.#fail(error, constants.NGHTTP2_HTTP_1_1_REQUIRED);
  }

  respond(answer: Answer): Promise<void> {
    const { body, contentLength } = answer;
    const stream = this.#stream;
    if (this.#over || this.#responding || stream.closed || stream.destroyed) {
      body?.cancel();
      return Promise.reject(
        this.cancellation.reason ?? new HttpError('ERR_ABORTED', 'the client has closed the stream'),
      );
    }
    this.#responding = true;
    const fields = http2Fields(answer.headers, this.#statusOf(answer));
    try {
      if (body === null || answer.status === 205) {
        body?.cancel();
        stream.respond(fields, HEAD_ALONE);
      } else if (isSmallAndWhole(body, contentLength)) {
        stream.respond(fields, WHOLE);
        sendWhole(stream, body);
      } else {
        if (answer.trailer != null) fields['trailer'] = answer.trailer;
        stream.respond(fields, STREAMED);
        return this.#streamBody(body, contentLength);
      }
    } catch (error) {
      return Promise.reject(this.#fail(error as Error, constants.NGHTTP2_INTERNAL_ERROR));
    }
    this.#answered();
    return DONE;
  }

  /** To an extended CONNECT a success says that the protocol was switched, which is not so here (RFC 8441 §5). */
  #statusOf({ status }: Answer): number {
    return this.#protocol !== null && status < 300 ? UNSWITCHED : status;
  }

  /** Sends a body as it comes. */
  #streamBody(body: Body, length: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopWatching = this.cancellation.onCancel((reason) => body.cancel(reason));
      this.#onBroken = reject;
      this.#wroteAt = performance.now();
      this.#arm();
      const resume = sendBody(this.#stream, body, length, {
        onDone: () => {
          stopWatching();
          this.#onBroken = null;
          this.#answered();
          resolve();
        },
        onBroken: (error) => {
          stopWatching();
          this.#fail(error, resetCode(error));
        },
      });
      this.#stream.on('drain', () => {
        this.#wroteAt = performance.now();
        resume();
      });
    });
  }

  takeOver(): { readonly socket: Duplex; readonly rest: Buffer } {
    if (this.#protocol === null)
      throw new HttpError('ERR_HTTP_TARGET', 'a stream of HTTP/2 is no connection');
    this.#done = true;
    this.deadlineAt = Infinity;
    return { socket: this.#stream, rest: NOTHING };
  }

  // --- endings ---

  /** The answer is out. What is left of the request is not wanted (RFC 9113 §8.1). */
  #answered(): void {
    this.#done = true;
    this.deadlineAt = Infinity;
    if (this.#requestDone) return;
    this.body?.cancel();
    this.#resetByUs = true;
    this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #fail(error: Error, code: number): Error {
    if (this.#over) return error;
    this.#over = true;
    this.#resetByUs = true;
    this.deadlineAt = Infinity;
    this.body?.fail(error);
    this.cancellation.cancel(error);
    this.#onBroken?.(error);
    this.#onBroken = null;
    this.#stream.close(code);
    return error;
  }

  /** The client has reset the stream, or its connection is lost. */
  #gone(): void {
    if (this.#over || this.#done) return;
    this.#over = true;
    this.deadlineAt = Infinity;
    const code = streamErrorName(this.#stream.rstCode);
    const gone = new HttpError('ERR_ABORTED', `the client gave up the stream (${code})`);
    this.cancellation.cancel(gone);
    this.body?.fail(gone);
    this.#onBroken?.(gone);
    this.#onBroken = null;
  }

  #closed(): void {
    this.#gone();
    const { aborted, rstCode } = this.#stream;
    this.#around.onClosed(this, !this.#resetByUs && (aborted || rstCode !== constants.NGHTTP2_NO_ERROR));
    releaseStream(this.#stream);
  }

  // --- time ---

  #arm(): void {
    if (this.deadlineAt !== Infinity) return;
    this.deadlineAt = performance.now() + this.#around.idleTimeoutMs;
    this.#around.watch(this);
  }

  onDeadline(): void {
    if (this.#over || this.#done) return;
    const now = performance.now();
    const waitsForClient = this.#waitsForBody() || this.#stream.writableLength > 0;
    const since = this.#stream.writableLength > 0 ? this.#wroteAt : this.#readAt;
    const idle = this.#around.idleTimeoutMs;
    if (!waitsForClient || now - since < idle) {
      this.deadlineAt = waitsForClient ? since + idle : now + idle;
      return;
    }
    const what = this.#responding
      ? 'the client does not take its answer'
      : 'the rest of the request did not arrive';
    this.#fail(new HttpError('ERR_HTTP_TIMEOUT', what), constants.NGHTTP2_CANCEL);
  }

  /** In a dialogue, which gRPC is, either side may be silent for as long as the connection lives. */
  #waitsForBody(): boolean {
    if (this.#requestDone || this.#responding || this.body?.settled === true) return false;
    return !this.#stream.isPaused() && !isDialogue(this.head.headers);
  }
}

/** True for gRPC, where both sides may be silent for long and time limits are the programs' own. */
export function isDialogue(headers: RawHeaders): boolean {
  return fieldValue(headers, 'content-type')?.startsWith('application/grpc') === true;
}

/** An origin's own code where it tells the client what to do, or INTERNAL_ERROR. */
function resetCode(error: Error): number {
  const code = isWeirError(error) ? error.fields['rstCode'] : null;
  if (code === constants.NGHTTP2_CANCEL || code === constants.NGHTTP2_ENHANCE_YOUR_CALM) return code;
  return constants.NGHTTP2_INTERNAL_ERROR;
}

// One request on an HTTP/2 stream of a client, and its answer. Windows and frames are the stream's
// (server-stream.ts). A client's reset is a cancellation; an answer that breaks off resets the stream.
// RFC 9113 §5.1, §8.1.

import type { Duplex } from 'node:stream';
import { HttpError, isWeirError } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { Framing, HeaderFacts } from '../http/framing.ts';
import { safeTrailers } from '../http/framing.ts';
import type { Answer, ServerExchange } from '../http/server-exchange.ts';
import { fieldValue, withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import { Cancellation } from '../util/cancellation.ts';
import type { HasDeadline } from '../util/deadlines.ts';
import {
  CANCEL,
  ENHANCE_YOUR_CALM,
  HTTP_1_1_REQUIRED,
  INTERNAL_ERROR,
  PROTOCOL_ERROR,
} from './codec/codec-error.ts';
import { streamErrorName } from './error-codes.ts';
import { http2FieldList, regularFields } from './fields.ts';
import type { Http2Request } from './request-head.ts';
import type { ServerStream, StreamOwner } from './server-stream.ts';
import { isSmallAndWhole } from './stream-body.ts';
import { StreamDuplex } from './stream-duplex.ts';

export interface ExchangeSurroundings {
  /** Silence inside a request body, or of a client that does not take its answer. */
  readonly idleTimeoutMs: number;
  /** The exchange has something to wait for: `deadlineAt` counts from now on. */
  watch(exchange: HasDeadline): void;
  /** The exchange is over, and need not be watched any more. */
  unwatch(exchange: HasDeadline): void;
}

const UNSWITCHED = 502;
const DONE = Promise.resolve();
const NOTHING = Buffer.alloc(0);
const NO_TRAILERS: RawHeaders = [];

export class Http2Exchange implements ServerExchange, HasDeadline, StreamOwner {
  readonly head: RequestHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  readonly body: Body | null;
  readonly cancellation = new Cancellation();
  readonly startedAt = performance.now();
  readonly loginScope = null;
  deadlineAt = Infinity;
  readonly #stream: ServerStream;
  readonly #around: ExchangeSurroundings;
  readonly #protocol: string | null;
  #received = 0; // bytes of the request's body
  #holding = false; // nobody takes the request's body for the moment
  #responding = false;
  #done = false; // answered whole, or handed over
  #over = false; // reset, by whom ever
  #readAt = this.startedAt;
  #wroteAt = this.startedAt;
  #answerBody: Body | null = null;
  #answerEnded = false;
  #answered: (() => void) | null = null;
  #onBroken: ((error: Error) => void) | null = null;

  /** Becomes the stream's owner. */
  constructor(
    stream: ServerStream,
    { head, facts, framing, protocol }: Http2Request,
    around: ExchangeSurroundings,
  ) {
    this.#stream = stream;
    this.#around = around;
    this.head = head;
    this.facts = facts;
    this.framing = framing;
    this.#protocol = protocol;
    this.body = framing.kind === 'none' ? null : this.#requestBody(framing);
    stream.owner = this;
  }

  // --- the request ---

  #requestBody(framing: Framing): Body {
    this.#arm();
    const goOn = (): void => {
      this.#holding = false;
      this.#readAt = performance.now();
      this.#stream.resume();
    };
    return new Body({ resume: goOn, cancel: goOn }, framing.kind === 'length' ? framing.length : null);
  }

  onData(data: Buffer): boolean {
    this.#received += data.length;
    this.#readAt = performance.now();
    const expected = this.body === null ? 0 : (this.body.declaredLength ?? Infinity);
    if (this.#received > expected) {
      this.#malformed(`body is longer than its Content-Length of ${expected}`);
      return true;
    }
    if (this.body!.push(data)) return true;
    this.#holding = true;
    return false;
  }

  onEnd(raw: readonly string[]): void {
    const { body } = this;
    if (body === null || this.#over) return;
    const { declaredLength } = body;
    if (declaredLength !== null && this.#received !== declaredLength) {
      return this.#malformed(`body has ${this.#received} bytes, its Content-Length says ${declaredLength}`);
    }
    let trailers = NO_TRAILERS;
    try {
      if (raw.length > 0) trailers = safeTrailers(regularFields(raw));
    } catch (error) {
      return void this.#fail(error as Error, PROTOCOL_ERROR);
    }
    body.end(trailers);
  }

  #malformed(text: string): void {
    this.#fail(new HttpError('ERR_HTTP_FRAMING', text), PROTOCOL_ERROR);
  }

  // --- the answer ---

  inform(status: number, _reason: string, headers: RawHeaders): void {
    if (this.#over || this.#responding || this.#stream.closed) return;
    if (status === 101) {
      // An extended CONNECT succeeds with 200; the fields of an upgrade do not exist there (RFC 8441 §5).
      this.#responding = true;
      this.#stream.sendHead(200, http2FieldList(withoutField(headers, 'sec-websocket-accept')), false);
    } else this.#stream.sendHead(status, http2FieldList(headers), false);
  }

  demandHttp1(error: Error): void {
    this.#fail(error, HTTP_1_1_REQUIRED);
  }

  respond(answer: Answer): Promise<void> {
    const { body, contentLength } = answer;
    const stream = this.#stream;
    if (this.#over || this.#responding || stream.closed) {
      body?.cancel();
      return Promise.reject(
        this.cancellation.reason ?? new HttpError('ERR_ABORTED', 'the client has closed the stream'),
      );
    }
    this.#responding = true;
    const status = this.#statusOf(answer);
    const fields = http2FieldList(answer.headers);
    if (body === null || answer.status === 205) {
      body?.cancel();
      stream.sendHead(status, fields, true);
    } else if (isSmallAndWhole(body, contentLength) && stream.hasWindow(body.queuedBytes)) {
      this.#sendWhole(status, fields, body);
    } else {
      if (answer.trailer != null) fields.push('trailer', answer.trailer);
      stream.sendHead(status, fields, false);
      return this.#streamBody(body, contentLength);
    }
    this.#finished();
    return DONE;
  }

  /** To an extended CONNECT a success says that the protocol was switched, which is not so here (RFC 8441 §5). */
  #statusOf({ status }: Answer): number {
    return this.#protocol !== null && status < 300 ? UNSWITCHED : status;
  }

  #sendWhole(status: number, fields: readonly string[], body: Body): void {
    const chunks = body.take(body.queuedBytes);
    body.cancel();
    this.#stream.sendHead(status, fields, chunks.length === 0);
    if (chunks.length > 0) this.#stream.finishWith(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    body.released(); // frames are copies
  }

  /** Sends a body as it comes. */
  #streamBody(body: Body, length: number | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopWatching = this.cancellation.onCancel((reason) => body.cancel(reason));
      this.#answerBody = body;
      this.#onBroken = (error) => {
        stopWatching();
        reject(error);
      };
      this.#answered = () => {
        stopWatching();
        body.released();
        resolve();
      };
      this.#wroteAt = performance.now();
      this.#arm();
      let sent = 0;
      body.consume({
        onData: (chunk) => {
          sent += chunk.length;
          if (this.#over) return true;
          if (length !== null && sent > length) {
            const text = `body is longer than its Content-Length of ${length}`;
            this.#breakOff(new HttpError('ERR_HTTP_FRAMING', text));
            return true;
          }
          return this.#stream.write(chunk);
        },
        onEnd: (trailers) => {
          if (length !== null && sent !== length) {
            const text = `body has ${sent} bytes, its Content-Length says ${length}`;
            return this.#breakOff(new HttpError('ERR_HTTP_FRAMING', text));
          }
          this.#answerEnded = true;
          this.#stream.end(trailers.length === 0 ? trailers : http2FieldList(trailers));
        },
        onError: (error) => this.#breakOff(error),
      });
    });
  }

  onDrain(): void {
    this.#wroteAt = performance.now();
    this.#answerBody?.resume();
  }

  onFinish(): void {
    if (!this.#answerEnded) return;
    this.#answerBody = null;
    this.#onBroken = null;
    this.#finished();
    this.#answered?.();
    this.#answered = null;
  }

  takeOver(): { readonly socket: Duplex; readonly rest: Buffer } {
    if (this.#protocol === null)
      throw new HttpError('ERR_HTTP_TARGET', 'a stream of HTTP/2 is no connection');
    this.#done = true;
    this.#around.unwatch(this);
    return { socket: new StreamDuplex(this.#stream), rest: NOTHING };
  }

  // --- endings ---

  /** The answer is out. What is left of the request is not wanted (RFC 9113 §8.1). */
  #finished(): void {
    this.#done = true;
    this.deadlineAt = Infinity;
    if (this.#stream.remoteDone) return;
    this.body?.cancel();
    this.#stream.endEarly();
  }

  #breakOff(error: Error): void {
    this.#fail(error, resetCode(error));
  }

  #fail(error: Error, code: number): Error {
    if (this.#over) return error;
    this.#end(error);
    this.#stream.reset(code);
    return error;
  }

  /** The client has reset the stream, or its connection is lost. */
  onReset(code: number): void {
    if (this.#over || this.#done) return;
    this.#end(new HttpError('ERR_ABORTED', `the client gave up the stream (${streamErrorName(code)})`));
  }

  #end(error: Error): void {
    this.#over = true;
    this.deadlineAt = Infinity;
    const broken = this.#onBroken;
    this.#onBroken = null;
    const answer = this.#answerBody;
    this.#answerBody = null;
    this.body?.fail(error);
    this.cancellation.cancel(error);
    answer?.cancel(error);
    broken?.(error);
  }

  onClose(): void {
    this.#around.unwatch(this);
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
    const { isBlocked } = this.#stream;
    const waitsForClient = isBlocked || this.#waitsForBody();
    const since = isBlocked ? this.#wroteAt : this.#readAt;
    const idle = this.#around.idleTimeoutMs;
    if (!waitsForClient || now - since < idle) {
      this.deadlineAt = waitsForClient ? since + idle : now + idle;
      return;
    }
    const what = this.#responding
      ? 'the client does not take its answer'
      : 'the rest of the request did not arrive';
    this.#fail(new HttpError('ERR_HTTP_TIMEOUT', what), CANCEL);
  }

  /** In a dialogue, which gRPC is, either side may be silent for as long as the connection lives. */
  #waitsForBody(): boolean {
    if (this.#stream.remoteDone || this.#responding || this.body === null || this.body.settled) return false;
    return !this.#holding && !isDialogue(this.head.headers);
  }
}

/** True for gRPC, where both sides may be silent for long and time limits are the programs' own. */
export function isDialogue(headers: RawHeaders): boolean {
  return fieldValue(headers, 'content-type')?.startsWith('application/grpc') === true;
}

/** An origin's own code where it tells the client what to do, or INTERNAL_ERROR. */
function resetCode(error: Error): number {
  const code = isWeirError(error) ? error.fields['rstCode'] : null;
  return code === CANCEL || code === ENHANCE_YOUR_CALM ? code : INTERNAL_ERROR;
}

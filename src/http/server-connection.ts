// The client's side of an HTTP/1 connection: reads requests one after another, hands each to the handler
// and writes its answer. Decides framing of answers and whether the connection goes on; what to answer
// is the handler's. A client that closes while it waits has given up: its exchange is cancelled.
// RFC 9112 §9; node-independent parts are message-reader.ts and framing.ts.

import type { Socket } from 'node:net';
import { HttpError, isWeirError, messageOf } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { formatFields } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import type { Deadlines, HasDeadline } from '../util/deadlines.ts';
import { Body } from './body.ts';
import type { OutgoingFraming } from './body-writer.ts';
import { encodeSmallMessage, writeMessage } from './body-writer.ts';
import type { Framing, HeaderFacts } from './framing.ts';
import { persists } from './framing.ts';
import { Http1Exchange } from './http1-exchange.ts';
import type { HeadLimits } from './message-reader.ts';
import { RequestReader } from './message-reader.ts';
import type { Answer, ServerConnection, ServerExchange } from './server-exchange.ts';

export type { Answer, ServerExchange } from './server-exchange.ts';

export interface ServerConnectionOptions {
  readonly limits: HeadLimits;
  /** From the first byte of a head to its end. */
  readonly headTimeoutMs: number;
  /** Silence between requests, inside a body, or of a client that does not read its answer. */
  readonly idleTimeoutMs: number;
  readonly deadlines: Deadlines;
  onRequest(exchange: ServerExchange): void;
  /** A request that cannot be read: what to answer before the connection is closed. */
  onBadRequest(error: WeirError): { head: ResponseHead; body: Body };
  onClose?(): void;
}

const LINGER_MS = 2000;
const MAX_PIPELINE = 64 * 1024; // bytes read ahead while a request is being answered
const MAX_UNREAD = 256 * 1024; // bytes of answers that the client has not taken, before it may ask for more
const MAX_DRAIN = 1024 * 1024; // bytes of an unwanted body that are read for the connection's sake

export class HttpServerConnection implements HasDeadline, ServerConnection {
  deadlineAt: number;
  /** For whoever must know when it closes; bytes are this class's affair. */
  readonly socket: Socket;
  readonly #options: ServerConnectionOptions;
  readonly #reader: RequestReader;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onDrain = (): void => this.#drained();
  readonly #onEnd = (): void => this.#clientEnded();
  readonly #onError = (): void => void this.socket.destroy();
  readonly #onClose = (): void => this.#closed();
  #pending: Buffer | null = null;
  #exchange: Http1Exchange | null = null;
  #undispatched = false;
  #requestDone = true;
  #responded = true;
  #drainedBytes = 0;
  #closing = false;
  #keepAlive = true;
  #resumeWriting: (() => void) | null = null;
  #answersUnread = false; // no further request until the client has taken what is written

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.socket = socket;
    this.#options = options;
    this.#reader = new RequestReader(
      {
        onHead: (head, facts, framing) => this.#onHead(head, facts, framing),
        onData: (chunk) => this.#onBody(chunk),
        onEnd: (trailers) => this.#onRequestEnd(trailers),
      },
      options.limits,
      true,
    );
    this.deadlineAt = performance.now() + options.idleTimeoutMs;
    options.deadlines.add(this);
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** No request is being read or answered. */
  get idle(): boolean {
    return this.#exchange === null && !this.#reader.headStarted;
  }

  /** Shutdown: the running exchange is the last. */
  drain(): void {
    this.#keepAlive = false;
    if (this.idle) this.#closeGracefully();
  }

  destroy(): void {
    this.socket.destroy();
  }

  onDeadline(): void {
    if (this.#closing || this.idle) return void this.socket.destroy();
    if (this.#resumeWriting !== null && !this.socket.writableNeedDrain) {
      // The answer comes slowly; the client has taken all of it so far.
      this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
      return;
    }
    if (this.#exchange === null || (!this.#requestDone && !this.#responded && this.#resumeWriting === null)) {
      return this.#refuse(new HttpError('ERR_HTTP_TIMEOUT', 'the rest of the request did not arrive'));
    }
    this.socket.destroy();
  }

  // --- reading ---

  #read(chunk: Buffer): void {
    if (this.#closing) return;
    const ahead = this.#pending;
    this.#pending = null;
    const bytes = ahead === null ? chunk : chunk.length === 0 ? ahead : Buffer.concat([ahead, chunk]);
    let at: number;
    try {
      at = this.#reader.execute(bytes);
    } catch (error) {
      return this.#refuse(asHttpError(error));
    }
    if (at < bytes.length && this.#reader.state !== 'head') {
      this.#pending = bytes.subarray(at);
      if (this.#pending.length > MAX_PIPELINE) this.socket.pause();
    }
    if (this.#undispatched) {
      this.#undispatched = false;
      this.#armDeadline();
      this.#options.onRequest(this.#exchange!);
    } else this.#armDeadline();
  }

  #armDeadline(): void {
    const now = performance.now();
    if (this.#exchange === null) {
      if (!this.#reader.headStarted) this.deadlineAt = now + this.#options.idleTimeoutMs;
      else this.deadlineAt = Math.min(this.deadlineAt, now + this.#options.headTimeoutMs);
    } else if (this.#responded && !this.#requestDone) {
      return; // the rest of a body that nobody wants has LINGER_MS, however it trickles
    } else if (this.#requestDone ? this.#resumeWriting === null : this.socket.isPaused()) {
      this.deadlineAt = Infinity; // it is our turn
    } else this.deadlineAt = now + this.#options.idleTimeoutMs;
  }

  #onHead(head: RequestHead, facts: HeaderFacts, framing: Framing): void {
    let body: Body | null = null;
    if (framing.kind !== 'none') {
      const length = framing.kind === 'length' ? framing.length : null;
      body = new Body({ resume: () => this.#resumeReading(), cancel: () => this.#resumeReading() }, length);
    }
    this.#requestDone = body === null;
    this.#responded = false;
    this.#drainedBytes = 0;
    this.#keepAlive &&= persists(head.version, facts);
    this.#exchange = new Http1Exchange(this, head, facts, framing, body);
    this.#undispatched = true;
  }

  #resumeReading(): void {
    if (this.#requestDone) return;
    this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    this.socket.resume();
  }

  #onBody(chunk: Buffer): void {
    const body = this.#exchange!.body!;
    if (body.settled) {
      this.#drainedBytes += chunk.length;
      if (this.#drainedBytes > MAX_DRAIN && this.#responded) this.#closeGracefully();
      return;
    }
    if (body.push(chunk)) return;
    this.socket.pause();
  }

  #onRequestEnd(trailers: RawHeaders): void {
    this.#requestDone = true;
    this.#exchange?.body?.end(trailers);
    if (this.#responded && this.#exchange !== null) this.#nextRequest();
  }

  // --- writing ---

  writeText(text: string): void {
    if (!this.socket.destroyed) this.socket.write(text, 'latin1');
  }

  respond(exchange: ServerExchange, answer: Answer): Promise<void> {
    if (this.#exchange !== exchange || this.socket.destroyed) {
      answer.body?.cancel();
      return Promise.reject(
        exchange.cancellation.reason ?? new HttpError('ERR_ABORTED', 'the client is gone'),
      );
    }
    const { body } = answer;
    const framing = body === null ? null : framingFor(exchange, answer);
    // An answer that comes before the request was read whole ends the connection, unless little is left.
    if (!this.#requestDone && remaining(exchange.framing) > MAX_DRAIN) this.#keepAlive = false;
    if (framing?.kind === 'close') this.#keepAlive = false;
    const head = this.#formatHead(exchange, answer, framing);
    if (body === null || framing === null) {
      this.writeText(head);
      this.#afterResponse(exchange);
      return DONE;
    }
    const small = encodeSmallMessage(head, body, framing);
    if (small !== null) {
      this.socket.write(small);
      this.#afterResponse(exchange);
      return DONE;
    }
    return new Promise((resolve, reject) => {
      const broken = (error: Error): void => {
        this.#resumeWriting = null;
        reject(error);
        this.socket.destroy();
      };
      const stopWatching = exchange.cancellation.onCancel((reason) => {
        body.cancel(reason);
        broken(reason);
      });
      this.#resumeWriting = () => {};
      const resume = writeMessage(this.socket, head, body, framing, {
        onDone: () => {
          stopWatching();
          this.#resumeWriting = null;
          this.#afterResponse(exchange);
          resolve();
        },
        onBroken: broken,
      });
      if (this.#resumeWriting !== null) {
        this.#resumeWriting = resume;
        this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
      }
    });
  }

  #formatHead(exchange: ServerExchange, answer: Answer, framing: OutgoingFraming | null): string {
    let text = `HTTP/1.1 ${answer.status} ${answer.reason}\r\n${formatFields(answer.headers)}`;
    if (framing?.kind === 'chunked') {
      if (answer.trailer != null) text += `Trailer: ${answer.trailer}\r\n`;
      text += 'Transfer-Encoding: chunked\r\n';
    } else if (framing === null && needsLength(exchange, answer)) text += 'Content-Length: 0\r\n';
    if (!this.#keepAlive) text += 'Connection: close\r\n';
    else if (exchange.head.version === '1.0') text += 'Connection: keep-alive\r\n';
    return `${text}\r\n`;
  }

  #drained(): void {
    if (this.#answersUnread) {
      this.#answersUnread = false;
      return this.#nextRequest();
    }
    if (this.#resumeWriting === null) return;
    this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    this.#resumeWriting();
  }

  #afterResponse(exchange: ServerExchange): void {
    this.#responded = true;
    exchange.body?.cancel();
    if (this.#requestDone) this.#nextRequest();
    else {
      this.deadlineAt = performance.now() + LINGER_MS;
      this.socket.resume();
    }
  }

  #nextRequest(): void {
    this.#exchange = null;
    if (!this.#keepAlive) return this.#closeGracefully();
    this.deadlineAt = performance.now() + this.#options.idleTimeoutMs;
    if (this.socket.writableLength > MAX_UNREAD) {
      this.#answersUnread = true;
      this.socket.pause();
      return;
    }
    this.#reader.next();
    if (this.socket.isPaused()) this.socket.resume();
    if (this.#pending !== null) setImmediate(this.#readPending);
  }

  /** What was read ahead stays in `#pending` until now: bytes that came meanwhile go behind it. */
  readonly #readPending = (): void => {
    if (this.#pending === null || this.#exchange !== null || this.#answersUnread) return;
    if (!this.socket.destroyed) this.#read(NOTHING);
  };

  takeOver(): { socket: Socket; rest: Buffer } {
    const socket = this.socket;
    socket.pause();
    socket.off('data', this.#onData);
    socket.off('drain', this.#onDrain);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#options.deadlines.delete(this);
    this.#reader.becomeOpaque();
    this.#exchange = null;
    const rest = this.#pending ?? Buffer.alloc(0);
    this.#pending = null;
    this.#options.onClose?.();
    return { socket, rest };
  }

  // --- ending ---

  /** Answers once and closes: after a broken request there is no way back into step. */
  #refuse(error: WeirError): void {
    const exchange = this.#exchange;
    const mayAnswer = exchange === null || (!this.#responded && this.#resumeWriting === null);
    exchange?.cancellation.cancel(error);
    exchange?.body?.fail(error);
    this.#keepAlive = false;
    this.#exchange = null;
    if (!mayAnswer) return void this.socket.destroy();
    const { head, body } = this.#options.onBadRequest(error);
    const text = `HTTP/1.1 ${head.status} ${head.reason}\r\n${formatFields(head.headers)}Connection: close\r\n\r\n`;
    const bytes = encodeSmallMessage(text, body, { kind: 'close' });
    if (bytes !== null) this.socket.write(bytes);
    this.#closeGracefully();
  }

  /** Half-closes and reads what is still on its way, so that no RST destroys the answer. */
  #closeGracefully(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#pending = null;
    this.deadlineAt = performance.now() + LINGER_MS;
    this.socket.end();
    this.socket.resume();
  }

  #clientEnded(): void {
    if (this.#exchange === null || this.#closing) return void this.socket.end();
    // The client closed while it waits for an answer, or in the middle of a body: it has given up.
    this.socket.destroy();
  }

  #closed(): void {
    this.#options.deadlines.delete(this);
    const exchange = this.#exchange;
    this.#exchange = null;
    if (exchange !== null) {
      const gone = new HttpError('ERR_ABORTED', 'the client closed the connection');
      exchange.cancellation.cancel(gone);
      exchange.body?.fail(gone);
    }
    this.#options.onClose?.();
  }
}

const DONE = Promise.resolve();
const NOTHING = Buffer.alloc(0);

function framingFor(exchange: ServerExchange, answer: Answer): OutgoingFraming {
  if (answer.contentLength !== null) return { kind: 'length', length: answer.contentLength };
  return exchange.head.version === '1.1' ? { kind: 'chunked' } : { kind: 'close' };
}

/** An answer without a body still has to say so, or the client waits for the connection to end. */
function needsLength(exchange: ServerExchange, answer: Answer): boolean {
  const { status } = answer;
  if (answer.contentLength !== null || status === 204 || status === 304) return false;
  return exchange.head.method !== 'HEAD';
}

function remaining(framing: Framing): number {
  return framing.kind === 'length' ? framing.length : framing.kind === 'none' ? 0 : Infinity;
}

function asHttpError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new HttpError('ERR_HTTP_FIELD', messageOf(error), {}, error);
}

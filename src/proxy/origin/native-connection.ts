// One HTTP/1.1 connection to an origin, written and read by our own codec: heads go out and come back
// with their case, order and duplicates; interim responses, trailers and odd methods pass. One exchange
// at a time. RFC 9112; a response cut short never ends its body (C-39).

import type { Socket } from 'node:net';
import { HttpError, isWeirError, messageOf } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { OutgoingFraming } from '../../http/body-writer.ts';
import { encodeSmallMessage, writeMessage } from '../../http/body-writer.ts';
import type { Framing, HeaderFacts } from '../../http/framing.ts';
import { persists } from '../../http/framing.ts';
import { DEFAULT_HEAD_LIMITS, ResponseReader } from '../../http/message-reader.ts';
import { formatFields } from '../../icap/codec/fields.ts';
import type { ResponseHead } from '../../icap/codec/http-head.ts';
import type { SlabLease, SlabReader } from '../../util/slab-reader.ts';
import { asOriginError, closedEarly } from './origin-errors.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { bindsConnection } from './login-scheme.ts';
import type { ConnectionEvents, OriginConnection } from './pooled-engine.ts';

const BODY_IDLE_MS = 120_000; // silence of an origin in the middle of a body
/** Interim responses to one request; an origin that goes on for ever would never be timed out otherwise. */
export const MAX_INTERIM = 32;

type Settle = { resolve: (response: OriginResponse) => void; reject: (error: Error) => void };

export class NativeConnection implements OriginConnection {
  deadlineAt = Infinity;
  idleSince = 0;
  keepAliveMs: number | null = null;
  exchanges = 0;
  answered = false;
  boundTo: Socket | null = null;
  readonly target: OriginTarget;
  readonly #socket: Socket;
  readonly #slabs: SlabReader | null;
  #lease: SlabLease | null = null; // on what the body keeps of the slabs
  readonly #serverIp: string | null;
  readonly #reader: ResponseReader;
  readonly #events: ConnectionEvents;
  #request: OriginRequest | null = null;
  #settle: Settle | null = null;
  #response: { head: ResponseHead; facts: HeaderFacts; framing: Framing } | null = null;
  #body: Body | null = null;
  #requestSent = false;
  #interim = 0;
  #responseDone = false;
  #reusable = false;
  #stopAbort: () => void = () => {};
  #resumeWriting: (() => void) | null = null;
  #lost = false;
  #responseTimeoutMs: number;

  constructor(
    socket: Socket,
    reader: SlabReader | null,
    target: OriginTarget,
    responseTimeoutMs: number,
    events: ConnectionEvents,
  ) {
    this.#socket = socket;
    this.#slabs = reader;
    this.target = target;
    this.#responseTimeoutMs = responseTimeoutMs;
    this.#serverIp = socket.remoteAddress ?? null;
    this.#events = events;
    this.#reader = new ResponseReader(
      {
        onHead: (head, facts, framing) => this.#onHead(head, facts, framing),
        onData: (chunk) => this.#onData(chunk),
        onEnd: (trailers) => {
          this.#responseDone = true;
          this.#body?.end(trailers);
        },
      },
      DEFAULT_HEAD_LIMITS,
      true,
    );
    if (reader === null) socket.on('data', this.#read).resume();
    else reader.sink = this.#read;
    socket.on('drain', this.#drain);
    socket.on('end', this.#ended);
    socket.on('error', this.#failed);
    socket.on('close', this.#closed);
  }

  get usable(): boolean {
    return !this.#lost && !this.#socket.destroyed;
  }

  send(request: OriginRequest): Promise<OriginResponse> {
    this.#request = request;
    this.#response = null;
    this.#body = null;
    this.#requestSent = false;
    this.#interim = 0;
    this.#responseDone = false;
    this.answered = false;
    this.exchanges++;
    this.#reader.expect(request.head.method);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#stopAbort = request.cancellation.onCancel((reason) => this.#fail(reason));
      if (this.#settle !== null) this.#write(request);
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onDeadline(): void {
    if (this.#request === null) return this.destroy();
    // A client that sends slowly is watched elsewhere; here it is about an origin that does not read.
    if (!this.#requestSent && this.#response === null && !this.#socket.writableNeedDrain) {
      this.deadlineAt = performance.now() + this.#responseTimeoutMs;
      return;
    }
    const { host, port } = this.target;
    this.#fail(
      new HttpError('ERR_ORIGIN_TIMEOUT', `${host}:${port} does not answer in time`, { host, port }),
    );
  }

  // --- request ---

  #write(request: OriginRequest): void {
    const { body } = request;
    const framing: OutgoingFraming =
      request.contentLength === null
        ? { kind: 'chunked' }
        : { kind: 'length', length: request.contentLength };
    const head = formatHead(request, body !== null && framing.kind === 'chunked');
    if (body === null) {
      this.#socket.write(head, 'latin1');
      return this.#onRequestSent();
    }
    const small = encodeSmallMessage(head, body, framing);
    if (small !== null) {
      this.#socket.write(small);
      return this.#onRequestSent();
    }
    this.#resumeWriting = () => {};
    const resume = writeMessage(this.#socket, head, body, framing, {
      onDone: () => {
        this.#resumeWriting = null;
        this.#onRequestSent();
      },
      onBroken: (error) => {
        this.#resumeWriting = null;
        this.#fail(error);
      },
    });
    if (this.#resumeWriting === null) return;
    this.#resumeWriting = resume;
    this.deadlineAt = performance.now() + this.#responseTimeoutMs;
  }

  #onRequestSent(): void {
    this.#requestSent = true;
    if (this.#responseDone) this.#finish();
    else if (this.#response === null) this.deadlineAt = performance.now() + this.#responseTimeoutMs;
  }

  readonly #drain = (): void => {
    if (this.#resumeWriting === null) return;
    if (this.#response === null) this.deadlineAt = performance.now() + this.#responseTimeoutMs;
    this.#resumeWriting();
  };

  // --- response ---

  readonly #read = (chunk: Buffer): void => {
    if (this.#request === null) return this.destroy(); // bytes that nobody asked for
    this.answered = true;
    let at: number;
    try {
      at = this.#reader.execute(chunk);
    } catch (error) {
      return this.#fail(
        isWeirError(error) ? error : new HttpError('ERR_ORIGIN_RESPONSE', messageOf(error), {}, error),
      );
    }
    if (this.#response !== null && this.#settle !== null) this.#deliver(chunk, at);
    else if (at < chunk.length) this.#reusable = false;
    if (this.#responseDone) this.#finish();
  };

  #onHead(head: ResponseHead, facts: HeaderFacts, framing: Framing): void {
    const request = this.#request!;
    if (head.status < 200 && !(head.status === 101 && request.upgrade !== null)) {
      if (head.status === 101) throw new HttpError('ERR_ORIGIN_RESPONSE', '101 without an upgrade');
      if (++this.#interim > MAX_INTERIM) {
        throw new HttpError('ERR_ORIGIN_RESPONSE', `more than ${MAX_INTERIM} interim responses`);
      }
      this.#reader.next();
      request.onInformation(head.status, head.reason, facts.endToEnd);
      return;
    }
    this.#response = { head, facts, framing };
    if (head.status === 101) return this.#reader.becomeOpaque();
    const binds = bindsConnection(request.head.headers, head.status, head.headers);
    if (binds) this.boundTo ??= request.loginScope ?? null;
    this.#reusable =
      framing.kind !== 'close' && persists(head.version, facts) && (!binds || this.boundTo !== null);
    if (framing.kind === 'none') {
      this.#responseDone = true;
      return;
    }
    const length = framing.kind === 'length' ? framing.length : null;
    const lease = this.#slabs?.lease() ?? null;
    this.#lease = lease;
    this.#body = new Body(
      {
        resume: () => this.#resumeReading(),
        cancel: (reason) => this.#fail(reason),
        released: () => lease?.release(),
      },
      length,
    );
    this.deadlineAt = performance.now() + BODY_IDLE_MS;
  }

  #resumeReading(): void {
    this.deadlineAt = performance.now() + BODY_IDLE_MS;
    this.#socket.resume();
  }

  #onData(chunk: Buffer): void {
    this.#lease?.touch();
    if (this.#body!.push(chunk)) {
      this.deadlineAt = performance.now() + BODY_IDLE_MS;
      return;
    }
    this.#socket.pause();
    this.deadlineAt = Infinity; // held up by a slow reader, not by the origin
  }

  /** All bytes of this read are parsed: a small body is complete by now. */
  #deliver(chunk: Buffer, at: number): void {
    const { head, facts, framing } = this.#response!;
    const { resolve } = this.#settle!;
    this.#settle = null;
    let upgraded: OriginResponse['upgraded'] = null;
    if (head.status === 101) {
      upgraded = { socket: this.#socket, rest: chunk.subarray(at) };
      this.#handOver();
    } else if (at < chunk.length) this.#reusable = false;
    const wantsConnectionLogin = head.status === 401 && bindsConnection([], 401, head.headers);
    resolve({
      ...{ head, facts, framing, body: this.#body, serverIp: this.#serverIp, upgraded },
      ...(wantsConnectionLogin ? { wantsConnectionLogin } : {}),
    });
  }

  #finish(): void {
    if (this.#request === null) return;
    if (!this.#requestSent) {
      // The origin answered before it had read the request: deliver that, then give up the connection.
      this.#request.body?.cancel();
      this.#reusable = false;
    }
    this.#stopAbort();
    this.#request = null;
    this.deadlineAt = Infinity;
    this.#noteKeepAlive();
    if (!this.#reusable) return this.destroy();
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#events.onIdle(this);
  }

  #noteKeepAlive(): void {
    const headers = this.#response?.head.headers ?? [];
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i]!.length !== 10 || headers[i]!.toLowerCase() !== 'keep-alive') continue;
      const timeout = /timeout=(\d{1,6})/.exec(headers[i + 1]!);
      if (timeout !== null) this.keepAliveMs = Number(timeout[1]) * 1000;
    }
  }

  #handOver(): void {
    this.#stopAbort();
    this.#request = null;
    this.deadlineAt = Infinity;
    this.#lost = true;
    this.#socket.pause();
    this.#socket.off('data', this.#read);
    this.#socket.off('drain', this.#drain);
    this.#socket.off('end', this.#ended);
    this.#socket.off('error', this.#failed);
    this.#socket.off('close', this.#closed);
    this.#events.onClosed(this);
  }

  // --- endings ---

  readonly #ended = (): void => {
    this.#slabs?.flush();
    if (this.#request === null) return this.destroy();
    try {
      this.#reader.finish();
    } catch {
      return this.#fail(closedEarly(this.target));
    }
    if (this.#responseDone) this.#finish();
    else this.#fail(closedEarly(this.target));
  };

  readonly #failed = (error: Error): void => {
    this.#fail(asOriginError(error, this.target));
  };

  readonly #closed = (): void => {
    this.#slabs?.flush();
    this.#fail(closedEarly(this.target));
    this.#lost = true;
    this.#events.onClosed(this);
  };

  #fail(error: Error): void {
    const request = this.#request;
    if (request !== null) {
      this.#stopAbort();
      this.#request = null;
      this.#resumeWriting = null;
      const settle = this.#settle;
      this.#settle = null;
      if (settle !== null) settle.reject(error);
      else this.#body?.fail(error);
      // After a reject the request body may be replayed elsewhere; whoever does not cancels it.
    }
    this.#socket.destroy();
  }
}

function formatHead(request: OriginRequest, chunked: boolean): string {
  const { head } = request;
  let text = `${head.method} ${head.target} HTTP/1.1\r\n${formatFields(head.headers)}`;
  if (chunked) {
    if (request.trailer !== null) text += `Trailer: ${request.trailer}\r\n`;
    text += 'Transfer-Encoding: chunked\r\n';
  }
  if (request.upgrade !== null) text += `Connection: Upgrade\r\nUpgrade: ${request.upgrade}\r\n`;
  return `${text}\r\n`;
}

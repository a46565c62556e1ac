// One client connection of the ICAP server: reads requests one after another, runs each against its
// service and answers. Decides what may be answered when: 100, 204, 200 or an error, and whether the
// connection goes on. Bytes are codec/; what the verdict is, the service decides.
// RFC 3507 §4.5, §4.6; S-01 … S-13, C-80 … C-85.

import type { Socket } from 'node:net';
import { IcapError, isWeirError, messageOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import { LAST_CHUNK, lastChunk } from '../codec/chunked.ts';
import type { IcapRequestHead, IcapRequestLine } from '../codec/head.ts';
import { formatRequestHead, formatResponseHead } from '../codec/http-head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import { IcapRequestParser } from '../codec/message-parser.ts';
import { encodeWithBody, formatIcapMessage, writeChunk } from '../codec/serializer.ts';
import { formatFields } from '../codec/fields.ts';
import type { Adapted, IcapOutcome, IcapService, ModMethod } from '../service.ts';
import type { IcapServerContext } from './context.ts';
import { errorAnswer, optionsAnswer, statusHead } from './responses.ts';
import { WireTransaction } from './transaction.ts';

const MAX_DRAIN = 1024 * 1024; // bytes of an unwanted body that are read for the connection's sake (S-11)
const DRAIN_MS = 2000;
const SMALL_BODY = 64 * 1024; // bytes up to which head and body go out in one write

/** A request being answered. */
interface Exchange {
  readonly head: IcapRequestHead;
  readonly transaction: WireTransaction;
  readonly service: IcapService | undefined;
  readonly body: Body | null;
  readonly startedAt: number;
  /** The client waits behind its preview for 100 or a final answer. */
  awaitsContinue: boolean;
  /** 100 was sent: the exception that allows 204 to a preview is over (C-51). */
  continued: boolean;
  /** Every byte of the request was read, or the rest will never be sent. */
  requestDone: boolean;
  responded: boolean;
  drained: number;
}

export class IcapServerConnection implements HasDeadline {
  deadlineAt = Infinity;
  readonly #context: IcapServerContext;
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #parser: IcapRequestParser;
  #pending: Buffer | null = null; // read past the point where the parser stopped
  #line: IcapRequestLine | null = null;
  #exchange: Exchange | null = null;
  #undispatched = false;
  #closeAfter = false;
  #closing = false;
  #writer: Body | null = null; // body being sent, resumed on drain

  constructor(context: IcapServerContext, socket: Socket) {
    this.#context = context;
    this.#socket = socket;
    this.#peer = socket.remoteAddress ?? 'unknown';
    this.#parser = new IcapRequestParser(
      {
        onRequestLine: (line) => {
          this.#line = line;
        },
        onMessage: (head, sections) => this.#onMessage(head, sections),
        onData: (chunk) => this.#onData(chunk),
        onPreviewEnd: () => this.#onPreviewEnd(),
        onEnd: (end) => this.#onRequestEnd(end),
      },
      context.strict,
    );
    this.#idle();
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#writer?.resume());
    socket.on('end', () => this.#onClientEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  /** Shutdown: finishes the exchange under way, then closes; closes at once when idle. */
  drain(): void {
    this.#closeAfter = true;
    if (this.#exchange === null && !this.#parser.midMessage) this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onDeadline(): void {
    if (this.#closing) return void this.#socket.destroy();
    if (this.#exchange?.responded) return this.#closeGracefully();
    if (this.#exchange === null && !this.#parser.midMessage) return void this.#socket.destroy();
    this.#refuse(new IcapError('ERR_ICAP_TIMEOUT', 'the rest of the request did not arrive'));
  }

  // --- reading ---

  #read(chunk: Buffer): void {
    if (this.#closing) return; // lingering: read and forget
    const bytes = this.#pending === null ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = null;
    this.#execute(bytes);
  }

  #execute(bytes: Buffer): void {
    let at = 0;
    try {
      at = this.#parser.execute(bytes);
    } catch (error) {
      return this.#onBrokenRequest(error);
    }
    if (at < bytes.length && this.#parser.state !== 'head') {
      // The next request waits until this one is answered; do not let a pipeline fill memory.
      this.#pending = bytes.subarray(at);
      if (this.#pending.length > SMALL_BODY) this.#socket.pause();
    }
    if (this.#undispatched) {
      this.#undispatched = false;
      this.#dispatch(this.#exchange!);
    }
    this.#armDeadline();
  }

  #armDeadline(): void {
    const exchange = this.#exchange;
    if (this.#closing) return;
    if (exchange === null) {
      if (this.#parser.midMessage) this.#requestDeadline();
      else this.#idle();
    } else if (exchange.responded) this.#setDeadline(DRAIN_MS);
    else if (exchange.requestDone || exchange.awaitsContinue) this.deadlineAt = Infinity;
    else this.#requestDeadline();
  }

  #idle(): void {
    this.#setDeadline(this.#context.limits.idleTimeoutMs);
  }

  #requestDeadline(): void {
    this.#setDeadline(this.#context.limits.requestTimeoutMs);
  }

  #setDeadline(ms: number): void {
    this.deadlineAt = performance.now() + ms;
  }

  #onMessage(head: IcapRequestHead, sections: Sections): void {
    const uri = head.uri;
    const body =
      head.encapsulated.body === null
        ? null
        : new Body({ resume: () => this.#wantMore(), cancel: () => this.#discardRest() });
    const held = body === null ? null : new HeldBody(body, this.#context.spool);
    this.#exchange = {
      head,
      transaction: new WireTransaction(head, sections, held, this.#peer),
      service: this.#context.host.find(pathOf(uri)),
      body,
      startedAt: performance.now(),
      awaitsContinue: false,
      continued: false,
      requestDone: false,
      responded: false,
      drained: 0,
    };
    this.#line = null;
    this.#undispatched = true;
  }

  #onData(chunk: Buffer): void {
    const exchange = this.#exchange!;
    if (exchange.responded) {
      exchange.drained += chunk.length;
      if (exchange.drained > MAX_DRAIN) this.#closeGracefully();
      return;
    }
    if (!exchange.body!.push(chunk)) this.#socket.pause();
  }

  #onPreviewEnd(): void {
    const exchange = this.#exchange!;
    exchange.awaitsContinue = true;
    if (exchange.responded) this.#finishExchange(exchange);
    else exchange.body!.stop();
  }

  #onRequestEnd(end: BodyEnd): void {
    const exchange = this.#exchange!;
    exchange.requestDone = true;
    exchange.body?.end(end.trailers);
    if (exchange.responded) this.#finishExchange(exchange);
  }

  /** The service has used up what arrived: read on, or ask for what follows the preview (S-03). */
  #wantMore(): void {
    const exchange = this.#exchange;
    if (exchange === null || this.#closing) return;
    if (exchange.awaitsContinue) this.#sendContinue(exchange);
    this.#socket.resume();
  }

  #sendContinue(exchange: Exchange): void {
    exchange.awaitsContinue = false;
    exchange.continued = true;
    this.#socket.write(`${statusHead(100, this.#istag(exchange))}\r\n`, 'latin1');
    this.#parser.continueBody();
    this.#armDeadline();
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#execute(pending);
  }

  #discardRest(): void {
    this.#socket.resume();
  }

  // --- deciding ---

  #dispatch(exchange: Exchange): void {
    const { head, service } = exchange;
    if (head.close) this.#closeAfter = true;
    const context = this.#context;
    if (service === undefined) {
      return this.#answerError(
        exchange,
        new IcapError('ERR_ICAP_NOT_FOUND', `no service at ${pathOf(head.uri)}`),
      );
    }
    if (head.method === 'OPTIONS') return this.#answerOptions(exchange, service);
    if (!service.methods.includes(head.method as ModMethod)) {
      const error = new IcapError('ERR_ICAP_NOT_ALLOWED', `${service.path} does not offer ${head.method}`);
      return this.#answerError(exchange, error, `Methods: ${service.methods.join(', ')}\r\n`);
    }
    const missing = missingSection(exchange, service);
    if (missing !== null) {
      return this.#answerError(
        exchange,
        new IcapError('ERR_ICAP_BAD_COMPOSITION', `${service.path} needs ${missing}`),
      );
    }
    if (!context.enter(service)) {
      return this.#answerError(
        exchange,
        new IcapError('ERR_ICAP_OVERLOADED', `${service.path} is at its limit`),
      );
    }
    this.#run(exchange, service);
  }

  #run(exchange: Exchange, service: IcapService): void {
    const done = (outcome: IcapOutcome): void => {
      this.#context.leave(service);
      if (this.#exchange !== exchange || this.#socket.destroyed)
        return this.#context.report(exchange, 0, null, null);
      try {
        this.#answer(exchange, outcome);
      } catch (error) {
        this.#answerError(exchange, asIcapError(error));
      }
    };
    const failed = (error: unknown): void => {
      this.#context.leave(service);
      if (this.#exchange === exchange && !this.#socket.destroyed)
        this.#answerError(exchange, asIcapError(error));
    };
    try {
      const outcome = service.handle(exchange.transaction);
      if (outcome instanceof Promise) outcome.then(done, failed);
      else done(outcome);
    } catch (error) {
      failed(error);
    }
  }

  /** 204 outside a preview needs the client's word for it (C-50 … C-52). */
  #may204(exchange: Exchange): boolean {
    const { head } = exchange;
    return head.allow204 || (head.preview !== null && !exchange.continued);
  }

  // --- answering ---

  #answer(exchange: Exchange, outcome: IcapOutcome): void {
    const extra = outcome.headers === undefined ? '' : formatFields(outcome.headers);
    if (outcome.kind === 'unmodified' && this.#may204(exchange)) {
      exchange.transaction.body?.release();
      this.#write(this.#start(exchange, 204, extra) + '\r\n');
      return this.#afterResponse(exchange, 204, outcome, null);
    }
    if (outcome.kind === 'unmodified') return this.#echo(exchange, outcome, extra);
    this.#sendAdapted(exchange, outcome, extra);
  }

  /** The same message back, since 204 is not allowed: header section of the adapted kind only (S-05). */
  #echo(exchange: Exchange, outcome: IcapOutcome, extra: string): void {
    const { transaction, head } = exchange;
    if (exchange.awaitsContinue) this.#sendContinue(exchange);
    const respmod = head.method === 'RESPMOD';
    const section = respmod ? transaction.sections.responseHeader : transaction.sections.requestHeader;
    const text = section === null ? null : this.#context.withVia(section.toString('latin1'));
    const parts = {
      requestHeader: respmod ? null : text,
      responseHeader: respmod ? text : null,
      body: head.encapsulated.body as 'req-body' | 'res-body' | null,
    };
    const body = transaction.body?.restream() ?? null;
    this.#sendMessage(exchange, outcome, formatIcapMessage(this.#start(exchange, 200, extra), parts), body);
  }

  #sendAdapted(exchange: Exchange, outcome: Adapted, extra: string): void {
    const { request, response, body, serverMade } = outcome;
    const via = (text: string): string => (serverMade ? text : this.#context.withVia(text));
    const parts = {
      requestHeader: request === undefined ? null : via(formatRequestHead(request)),
      responseHeader: response === undefined ? null : via(formatResponseHead(response)),
      body: body === null ? null : response === undefined ? ('req-body' as const) : ('res-body' as const),
    };
    // A body that the service reads from the original wants the rest of it first.
    this.#sendMessage(exchange, outcome, formatIcapMessage(this.#start(exchange, 200, extra), parts), body);
  }

  #sendMessage(exchange: Exchange, outcome: IcapOutcome, head: string, body: Body | null): void {
    if (body === null) {
      this.#write(head);
      return this.#afterResponse(exchange, 200, outcome, null);
    }
    if (body.ended && body.error === null && body.queuedBytes <= SMALL_BODY) {
      const bytes = body.queuedBytes;
      const tail = body.trailers.length === 0 ? LAST_CHUNK : lastChunk(body.trailers);
      const chunks = body.take(bytes);
      this.#socket.write(encodeWithBody(head, chunks, bytes, tail));
      body.cancel();
      return this.#afterResponse(exchange, 200, outcome, null);
    }
    this.#write(head);
    this.#writer = body;
    body.consume({
      onData: (chunk) => writeChunk(this.#socket, chunk),
      onEnd: (trailers) => {
        this.#writer = null;
        this.#write(lastChunk(trailers));
        this.#afterResponse(exchange, 200, outcome, null);
      },
      // Never end a failed body with a last chunk: cut the connection instead (S-08, C-39).
      onError: (error) => {
        this.#writer = null;
        this.#context.report(exchange, 200, outcome, asIcapError(error));
        this.#socket.destroy();
      },
    });
  }

  #answerOptions(exchange: Exchange, service: IcapService): void {
    this.#write(optionsAnswer(service.methods, service.describe(), this.#context.now(), this.#closeAfter));
    exchange.body?.cancel();
    this.#afterResponse(exchange, 200, null, null);
  }

  #answerError(exchange: Exchange, error: WeirError, extra = ''): void {
    if (!error.persist) this.#closeAfter = true;
    this.#write(errorAnswer(error.icapStatus, this.#istag(exchange), this.#closeAfter, extra));
    exchange.transaction.body?.release(error);
    this.#afterResponse(exchange, error.icapStatus, null, error);
  }

  #onBrokenRequest(error: unknown): void {
    const line = this.#line;
    let answer = asIcapError(error);
    // A path or method that does not exist is the more telling answer (S-13), but framing is lost.
    if (line !== null && this.#exchange === null && answer.icapStatus === 400) {
      const service = this.#context.host.find(pathOf(line.uri));
      if (service === undefined)
        answer = new IcapError('ERR_ICAP_NOT_FOUND', `no service at ${pathOf(line.uri)}`);
    }
    this.#refuse(answer);
  }

  /** Answers once and closes: the framing is lost, there is no way back into step (S-10). */
  #refuse(error: WeirError): void {
    const exchange = this.#exchange;
    this.#closeAfter = true;
    exchange?.transaction.abort(error);
    exchange?.body?.fail(error);
    const istag = exchange === null ? this.#context.tagFor(this.#line?.uri) : this.#istag(exchange);
    if (exchange === null || (!exchange.responded && this.#writer === null)) {
      this.#write(errorAnswer(error.icapStatus, istag, true));
    }
    this.#context.refused(this.#peer, error);
    if (exchange !== null && !exchange.responded)
      this.#context.report(exchange, error.icapStatus, null, error);
    this.#exchange = null;
    this.#closeGracefully();
  }

  #start(exchange: Exchange, status: number, extra: string): string {
    const close = this.#closeAfter ? 'Connection: close\r\n' : '';
    return statusHead(status, this.#istag(exchange)) + extra + close;
  }

  #istag(exchange: Exchange): string {
    return exchange.service?.describe().istag ?? this.#context.host.istag;
  }

  #write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  // --- going on ---

  #afterResponse(
    exchange: Exchange,
    status: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
  ): void {
    exchange.responded = true;
    if (exchange.head.method !== 'OPTIONS') this.#context.report(exchange, status, outcome, error);
    if (exchange.requestDone || exchange.awaitsContinue) return this.#finishExchange(exchange);
    this.#setDeadline(DRAIN_MS);
    this.#socket.resume();
  }

  #finishExchange(exchange: Exchange): void {
    if (exchange.awaitsContinue) this.#parser.endMessage();
    this.#exchange = null;
    if (this.#closeAfter) return this.#closeGracefully();
    this.#parser.nextMessage();
    this.#idle();
    const pending = this.#pending;
    this.#pending = null;
    if (this.#socket.isPaused()) this.#socket.resume();
    // Not from inside this call: a long pipeline must not deepen the stack.
    if (pending !== null) setImmediate(() => this.#read(pending));
  }

  /** Half-closes and reads what is still on its way, so that no RST destroys the answer (S-09). */
  #closeGracefully(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#pending = null;
    this.#setDeadline(DRAIN_MS);
    this.#socket.end();
    this.#socket.resume();
  }

  #onClientEnd(): void {
    if (this.#closing || (this.#exchange === null && !this.#parser.midMessage)) this.#socket.end();
    else if (this.#exchange === null || !this.#exchange.requestDone) this.#socket.destroy();
    else this.#closeAfter = true; // half-closed: it still reads its answer
  }

  #onClose(): void {
    const exchange = this.#exchange;
    if (exchange !== null && !exchange.responded) {
      const gone = new IcapError('ERR_ABORTED', 'the ICAP client closed the connection');
      this.#exchange = null;
      exchange.transaction.abort(gone);
      exchange.body?.fail(gone);
      exchange.transaction.body?.release(gone);
      this.#writer?.cancel(gone);
      this.#context.report(exchange, 0, null, gone);
    }
    this.#context.closed(this);
  }
}

function pathOf(uri: string): string {
  const start = uri.indexOf('/', uri.indexOf('://') + 3);
  if (start < 0) return '/';
  const query = uri.indexOf('?', start);
  const path = query < 0 ? uri.slice(start) : uri.slice(start, query);
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function missingSection(exchange: Exchange, service: IcapService): string | null {
  const { head, transaction } = exchange;
  const needed = service.requires?.[head.method as ModMethod];
  if (needed === undefined) return null;
  const { requestHeader, responseHeader } = transaction.sections;
  return (needed === 'req-hdr' ? requestHeader : responseHeader) === null ? needed : null;
}

function asIcapError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new IcapError('ERR_ICAP_SERVICE', `the service failed: ${messageOf(error)}`, {}, error);
}

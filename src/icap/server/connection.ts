// One client connection of the ICAP server: reads requests one after another, runs each against its
// service and answers. Decides what may be answered when: 100, 204, 200 or an error, and whether the
// connection goes on. Bytes are codec/; what the verdict is, the service decides.
// RFC 3507 §4.5, §4.6; S-01 … S-13, C-80 … C-85.

import type { Socket } from 'node:net';
import { IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { IcapRequestHead, IcapRequestLine } from '../codec/head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import { IcapRequestParser } from '../codec/message-parser.ts';
import { servicePath } from '../codec/uri.ts';
import { formatIcapMessage } from '../codec/serializer.ts';
import { formatFields } from '../codec/fields.ts';
import type { Adapted, IcapOutcome, IcapService } from '../service.ts';
import { AnswerWriter } from './answer-writer.ts';
import type { IcapServerContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import { asIcapError, may204, newExchange, objectionTo } from './exchange.ts';
import {
  adaptedParts,
  echoParts,
  errorAnswer,
  methodsField,
  optionsAnswer,
  statusHead,
} from './responses.ts';
import { WireTransaction } from './transaction.ts';

const MAX_DRAIN = 1024 * 1024; // bytes of an unwanted body that are read for the connection's sake (S-11)
const DRAIN_MS = 2000;
const MAX_PENDING = 64 * 1024; // bytes of further requests beyond which no more is read

const ANSWERED = new IcapError('ERR_ABORTED', 'the request was answered already');

export class IcapServerConnection implements HasDeadline {
  deadlineAt = Infinity;
  readonly #context: IcapServerContext;
  readonly #socket: Socket;
  readonly #peer: string;
  readonly #parser: IcapRequestParser;
  readonly #writer: AnswerWriter;
  #pending: Buffer | null = null; // read past the point where the parser stopped
  #line: IcapRequestLine | null = null;
  #exchange: Exchange | null = null;
  #undispatched = false;
  #closeAfter = false;
  #closing = false;
  #lingered = 0; // bytes read and dropped while closing
  #clientEnded = false;

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
      true,
    );
    this.#writer = new AnswerWriter(socket);
    this.#idle();
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onClientEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  /** Shutdown: finishes the exchange under way, then closes; closes at once when idle. */
  drain(): void {
    this.#closeAfter = true;
    if (this.#exchange === null && !this.#parser.midMessage && this.#pending === null)
      this.#closeGracefully();
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
    if (this.#closing) {
      this.#lingered += chunk.length;
      if (this.#lingered > MAX_DRAIN) this.#socket.destroy();
      return;
    }
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
      if (this.#pending.length > MAX_PENDING) this.#socket.pause();
    }
    if (this.#undispatched && !this.#closing) {
      this.#undispatched = false;
      this.#dispatch(this.#exchange!);
    }
    this.#armDeadline();
    if (this.#clientEnded) this.#afterClientEnd();
  }

  #armDeadline(): void {
    const exchange = this.#exchange;
    if (this.#closing || exchange?.responded === true) return; // the end is set already
    if (exchange === null) {
      if (this.#parser.midMessage) this.#requestDeadline();
      else this.#idle();
    } else if (this.#writer.stalled) this.#requestDeadline();
    else if (exchange.requestDone || exchange.awaitsContinue || this.#socket.isPaused()) {
      this.deadlineAt = Infinity; // it is our turn
    } else this.#requestDeadline();
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
    const body: Body | null =
      head.encapsulated.body === null
        ? null
        : new Body({ resume: () => this.#wantMore(body!), cancel: () => this.#discardRest() });
    const held = body === null ? null : new HeldBody(body, this.#context.spool);
    const transaction = new WireTransaction(head, sections, held, this.#peer);
    this.#exchange = newExchange(head, transaction, this.#context.host.find(servicePath(head.uri)), body);
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
    const { responded } = exchange; // the end of the body may complete the answer
    exchange.requestDone = true;
    exchange.body?.end(end.trailers);
    if (responded) this.#finishExchange(exchange);
  }

  /** The service has used up what arrived: read on, or ask for what follows the preview (S-03). */
  #wantMore(body: Body): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.body !== body || exchange.responded || this.#closing) return;
    if (exchange.awaitsContinue) {
      if (exchange.headSent) {
        return this.#cut(
          exchange,
          new IcapError('ERR_ICAP_SERVICE', 'answer begun before the preview ended'),
        );
      }
      this.#sendContinue(exchange);
    }
    this.#socket.resume();
    this.#armDeadline();
  }

  #sendContinue(exchange: Exchange): void {
    if (this.#clientEnded && this.#pending === null) {
      return this.#cut(exchange, new IcapError('ERR_ABORTED', 'the ICAP client closed after its preview'));
    }
    exchange.awaitsContinue = false;
    exchange.continued = true;
    this.#socket.write(`${statusHead(100, this.#istag(exchange))}\r\n`, 'latin1');
    this.#parser.continueBody();
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#socket.resume();
    this.#execute(pending);
  }

  #discardRest(): void {
    this.#socket.resume();
    this.#armDeadline();
  }

  // --- deciding ---

  #dispatch(exchange: Exchange): void {
    const { head, service } = exchange;
    if (head.close) this.#closeAfter = true;
    const objection = objectionTo(head, service, exchange.transaction.sections);
    if (objection !== null || service === undefined) return this.#answerError(exchange, objection!);
    if (head.method === 'OPTIONS') return this.#answerOptions(exchange, service);
    if (!this.#context.enter(service)) {
      const full = new IcapError('ERR_ICAP_OVERLOADED', `${service.path} is at its limit`);
      return this.#answerError(exchange, full);
    }
    this.#run(exchange, service);
  }

  #run(exchange: Exchange, service: IcapService): void {
    const done = (outcome: IcapOutcome): void => {
      this.#context.leave(service);
      if (this.#exchange === exchange) this.#attempt(exchange, () => this.#answer(exchange, outcome));
      else if (outcome.kind === 'adapted') outcome.body?.cancel(); // nobody waits for it any more
    };
    const failed = (error: unknown): void => {
      this.#context.leave(service);
      if (this.#exchange === exchange) this.#answerError(exchange, asIcapError(error));
    };
    try {
      const outcome = service.handle(exchange.transaction);
      if (outcome instanceof Promise) outcome.then(done, failed);
      else done(outcome);
    } catch (error) {
      failed(error);
    }
  }

  #attempt(exchange: Exchange, answer: () => void): void {
    try {
      answer();
    } catch (error) {
      this.#answerError(exchange, asIcapError(error));
    }
  }

  // --- answering ---

  #answer(exchange: Exchange, outcome: IcapOutcome): void {
    if (outcome.kind === 'adapted') return this.#sendAdapted(exchange, outcome);
    if (!may204(exchange)) return this.#echo(exchange, outcome);
    this.#writer.write(this.#start(exchange, 204, outcome) + '\r\n');
    this.#afterResponse(exchange, 204, outcome, null);
  }

  /** The same message back, since 204 is not allowed: all of it first (S-06), then the answer. */
  #echo(exchange: Exchange, outcome: IcapOutcome): void {
    const { body } = exchange.transaction;
    if (body === null || body.ended) return this.#sendEcho(exchange, outcome);
    body.hold().then(
      () => {
        if (this.#exchange === exchange) this.#attempt(exchange, () => this.#sendEcho(exchange, outcome));
      },
      (error: unknown) => {
        if (this.#exchange === exchange) this.#answerError(exchange, asIcapError(error));
      },
    );
  }

  #sendEcho(exchange: Exchange, outcome: IcapOutcome): void {
    const parts = echoParts(exchange, (section) => this.#context.withVia(section));
    const body = exchange.transaction.body?.restream() ?? null;
    this.#sendMessage(exchange, outcome, formatIcapMessage(this.#start(exchange, 200, outcome), parts), body);
  }

  #sendAdapted(exchange: Exchange, outcome: Adapted): void {
    const { body, serverMade } = outcome;
    // Nothing reads the original any more; a client that sends on is read and not held up (S-07).
    if (serverMade || body === null) this.#dropOriginal(exchange, ANSWERED);
    // A body that the service makes while it reads the original wants the rest of it first.
    else if (exchange.awaitsContinue && !body.ended) this.#sendContinue(exchange);
    if (this.#exchange !== exchange) return body?.cancel();
    const parts = adaptedParts(outcome, (section) => this.#context.withVia(section));
    this.#sendMessage(exchange, outcome, formatIcapMessage(this.#start(exchange, 200, outcome), parts), body);
  }

  #sendMessage(exchange: Exchange, outcome: IcapOutcome, head: string, body: Body | null): void {
    if (body === null) {
      this.#writer.write(head);
      return this.#afterResponse(exchange, 200, outcome, null);
    }
    if (body.error !== null) throw body.error; // still time for an error answer
    if (this.#writer.writeWhole(head, body)) return this.#afterResponse(exchange, 200, outcome, null);
    exchange.headSent = true;
    this.#writer.stream(head, body, {
      onDone: () => this.#afterResponse(exchange, 200, outcome, null),
      onBroken: (error) => this.#cut(exchange, asIcapError(error)),
      onFull: () => this.#requestDeadline(), // for a client that takes nothing
    });
  }

  #onDrain(): void {
    this.#writer.resume();
    this.#armDeadline();
  }

  #answerOptions(exchange: Exchange, service: IcapService): void {
    this.#writer.write(
      optionsAnswer(service.methods, service.describe(), this.#context.now(), this.#closeAfter),
    );
    this.#afterResponse(exchange, 200, null, null);
  }

  #answerError(exchange: Exchange, error: WeirError): void {
    if (exchange.headSent) return this.#cut(exchange, error);
    if (!error.persist) this.#closeAfter = true;
    const extra = methodsField(error, exchange.service);
    this.#writer.write(errorAnswer(error.icapStatus, this.#istag(exchange), this.#closeAfter, extra));
    this.#afterResponse(exchange, error.icapStatus, null, error);
  }

  #onBrokenRequest(error: unknown): void {
    const line = this.#line;
    if (line === null || this.#exchange !== null) return this.#refuse(asIcapError(error));
    // A path or method that does not exist is the more telling answer (S-13), but framing is lost.
    const service = this.#context.host.find(servicePath(line.uri));
    const answer = objectionTo(line, service) ?? asIcapError(error);
    this.#refuse(answer, methodsField(answer, service));
  }

  /** Answers once and closes: the framing is lost, there is no way back into step (S-10). */
  #refuse(error: WeirError, extra = ''): void {
    const exchange = this.#exchange;
    this.#context.refused(this.#peer, error);
    if (exchange !== null && !exchange.responded) {
      if (exchange.headSent) return this.#cut(exchange, error);
      this.#abandon(exchange, error, error.icapStatus);
    }
    if (exchange === null || !exchange.responded) {
      const istag = exchange === null ? this.#context.tagFor(this.#line?.uri) : this.#istag(exchange);
      this.#writer.write(errorAnswer(error.icapStatus, istag, true, extra));
    }
    this.#closeGracefully();
  }

  /** Never end a broken answer with a last chunk: cut the connection instead (S-08, C-39). */
  #cut(exchange: Exchange, error: WeirError): void {
    if (this.#exchange !== exchange) return;
    this.#abandon(exchange, error, exchange.headSent ? 200 : 0);
    this.#socket.destroy();
  }

  /** Nobody gets the body any more: who waits for it, now or later, is told why; the disk is freed. */
  #dropOriginal(exchange: Exchange, reason: WeirError): void {
    exchange.body?.fail(reason);
    exchange.transaction.body?.stopKeeping();
    if (!exchange.requestDone) this.#socket.resume();
  }

  /** Tells everybody who works on an exchange that there will be no answer, or none of theirs. */
  #abandon(exchange: Exchange, error: WeirError, icapStatus: number): void {
    this.#exchange = null;
    exchange.transaction.abort(error);
    this.#writer.cancel(error);
    this.#dropOriginal(exchange, error);
    if (exchange.head.method !== 'OPTIONS') this.#context.report(exchange, icapStatus, null, error);
  }

  #start(exchange: Exchange, status: number, { headers }: IcapOutcome): string {
    const extra = headers === undefined ? '' : formatFields(headers);
    const close = this.#closeAfter ? 'Connection: close\r\n' : '';
    return statusHead(status, this.#istag(exchange)) + extra + close;
  }

  #istag(exchange: Exchange): string {
    return exchange.service?.describe().istag ?? this.#context.host.istag;
  }

  // --- going on ---

  #afterResponse(
    exchange: Exchange,
    status: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
  ): void {
    exchange.headSent = true;
    exchange.responded = true;
    if (exchange.head.method !== 'OPTIONS') this.#context.report(exchange, status, outcome, error);
    // What is still on its way is drained, not delivered: nobody may take it for the whole body.
    this.#dropOriginal(exchange, ANSWERED);
    if (exchange.requestDone || exchange.awaitsContinue || this.#closeAfter) {
      return this.#finishExchange(exchange);
    }
    this.#setDeadline(DRAIN_MS);
  }

  #finishExchange(exchange: Exchange): void {
    if (this.#closing) return;
    if (exchange.awaitsContinue) this.#parser.endMessage();
    this.#exchange = null;
    if (this.#closeAfter || (this.#clientEnded && this.#pending === null)) return this.#closeGracefully();
    this.#parser.nextMessage();
    this.#idle();
    if ((this.#pending?.length ?? 0) <= MAX_PENDING) this.#socket.resume();
    // Not from inside this call: a long pipeline must not deepen the stack.
    if (this.#pending !== null) setImmediate(() => this.#readPending());
  }

  #readPending(): void {
    const pending = this.#pending;
    if (pending === null || this.#closing || this.#socket.destroyed) return;
    this.#pending = null;
    this.#execute(pending);
    if (this.#pending === null) this.#socket.resume(); // a long pipeline had stopped it
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
    this.#clientEnded = true;
    this.#afterClientEnd();
  }

  /** The client has half-closed: it still reads its answers, but sends nothing more. */
  #afterClientEnd(): void {
    const exchange = this.#exchange;
    if (this.#pending !== null) return; // requests that wait for their turn
    if (this.#closing) this.#socket.end();
    else if (exchange === null && this.#parser.midMessage) this.#socket.destroy();
    else if (exchange === null || exchange.responded) this.#closeGracefully();
    else if (exchange.requestDone || exchange.awaitsContinue) this.#closeAfter = true;
    else this.#socket.destroy();
  }

  #onClose(): void {
    const exchange = this.#exchange;
    if (exchange !== null && !exchange.responded) {
      this.#abandon(exchange, new IcapError('ERR_ABORTED', 'the ICAP client closed the connection'), 0);
    }
    this.#context.closed(this);
  }
}

// One client connection of the ICAP server: runs each request against its service and answers. Decides what
// is sent when: 100, the final answer or an error, and whether the connection goes on. Reading is
// request-reader.ts, final answers are answering.ts and final-answer.ts; what the verdict is, the service decides.
// RFC 3507 §4.5, §4.6; S-01 … S-13, C-80 … C-85.

import type { Socket } from 'node:net';
import { IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { HeldBody } from '../../http/held-body.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { IcapRequestHead } from '../codec/head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import { servicePath } from '../codec/uri.ts';
import type { IcapOutcome, IcapService } from '../service.ts';
import type { AnsweringConnection } from './answering.ts';
import { Answering } from './answering.ts';
import { AnswerWriter } from './answer-writer.ts';
import { OrderlyClose } from './closing.ts';
import type { IcapPeer, IcapServerContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import {
  answerWaiting,
  asIcapError,
  handleBy,
  isOurTurn,
  newExchange,
  objectionTo,
  objectionToBroken,
} from './exchange.ts';
import { logIn } from './log-in.ts';
import { RequestReader } from './request-reader.ts';
import {
  challengeField,
  findingsField,
  errorAnswer,
  mayPersist,
  methodsField,
  optionsAnswer,
  statusHead,
} from './responses.ts';
import { WireTransaction } from './transaction.ts';

const ANSWERED = new IcapError('ERR_ABORTED', 'the request was answered already');

export class IcapServerConnection implements HasDeadline, AnsweringConnection {
  deadlineAt = Infinity;
  readonly #context: IcapServerContext;
  readonly #socket: Socket;
  readonly #peer: IcapPeer;
  readonly #reader: RequestReader;
  readonly #writer: AnswerWriter;
  readonly #answering: Answering;
  readonly #close: OrderlyClose;
  #exchange: Exchange | null = null;
  #undispatched = false;
  #closeAfter = false;
  #clientEnded = false;
  #requests = 0;

  constructor(context: IcapServerContext, socket: Socket, peer: IcapPeer) {
    this.#context = context;
    this.#socket = socket;
    this.#peer = peer;
    this.#reader = new RequestReader(socket, context.strict, context.limits.head, {
      onMessage: (head, sections) => this.#onMessage(head, sections),
      onData: (chunk) => this.#onData(chunk),
      onPreviewEnd: () => this.#onPreviewEnd(),
      onEnd: (end) => this.#onRequestEnd(end),
      onParsed: () => this.#onParsed(),
      onBroken: (error) => this.#onBrokenRequest(error),
    });
    this.#writer = new AnswerWriter(socket);
    this.#answering = new Answering(this, this.#writer);
    this.#close = new OrderlyClose(socket, context.limits.drainBytes);
    this.#idle();
    socket.on('data', (chunk: Buffer) => {
      if (this.#close.begun) this.#close.drop(chunk.length);
      else this.#reader.read(chunk);
    });
    socket.on('drain', () => this.#onDrain());
    socket.on('end', () => this.#onClientEnd());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  /** Shutdown: finishes the exchange under way, then closes; closes at once when idle. */
  drain(): void {
    this.#closeAfter = true;
    if (this.#exchange === null && !this.#reader.midMessage && !this.#reader.hasAhead) this.#closeOrderly();
  }

  retire(): boolean {
    const exchange = this.#exchange;
    if (exchange === null || exchange.headSent || this.#reader.hasAhead) return false;
    this.#closeAfter = true;
    return true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onDeadline(): void {
    if (this.#close.begun) return void this.#socket.destroy();
    if (this.#exchange?.responded) return this.#closeOrderly();
    if (this.#exchange === null && !this.#reader.midMessage) return void this.#socket.destroy();
    const late = this.#exchange?.headSent ? 'the answer was not completed' : 'the request did not arrive';
    this.#refuse(new IcapError('ERR_ICAP_TIMEOUT', `the rest of ${late} in time`));
  }

  // --- reading ---

  #onParsed(): void {
    if (this.#undispatched && !this.#close.begun) {
      this.#undispatched = false;
      this.#admit(this.#exchange!);
    }
    this.#armDeadline();
    if (this.#clientEnded) this.#afterClientEnd();
  }

  #armDeadline(): void {
    const exchange = this.#exchange;
    if (this.#close.begun || exchange?.responded === true) return; // the end is set already
    if (exchange === null && !this.#reader.midMessage) this.#idle();
    else if (exchange !== null && !this.#writer.stalled && isOurTurn(exchange, this.#socket)) {
      this.deadlineAt = Infinity;
    } else this.limitTime();
  }

  #idle(): void {
    this.#setDeadline(this.#context.limits.idleTimeoutMs);
  }

  #setDeadline(ms: number): void {
    this.deadlineAt = performance.now() + ms;
  }

  #onMessage(head: IcapRequestHead, sections: Sections): void {
    let body: Body | null = null;
    if (head.encapsulated.body !== null) {
      body = new Body({ resume: () => this.#wantMore(body!), cancel: () => this.#readOn() });
    }
    const held = body === null ? null : new HeldBody(body, this.#context.spool);
    const transaction = new WireTransaction(head, sections, held, this.#peer);
    this.#exchange = newExchange(head, transaction, this.#context.host.find(servicePath(head.uri)), body);
    this.#undispatched = true;
  }

  #onData(chunk: Buffer): void {
    const exchange = this.#exchange!;
    if (exchange.responded) {
      exchange.drained += chunk.length;
      if (exchange.drained > this.#context.limits.drainBytes) this.#closeOrderly();
      return;
    }
    if (exchange.body!.push(chunk)) return;
    this.#socket.pause();
    answerWaiting(exchange); // nothing else would read it
  }

  #onPreviewEnd(): void {
    const exchange = this.#exchange!;
    exchange.awaitsContinue = true;
    if (exchange.responded) return this.#finishExchange(exchange);
    exchange.body!.stop();
    answerWaiting(exchange);
  }

  #onRequestEnd(end: BodyEnd): void {
    const exchange = this.#exchange!;
    const { responded } = exchange; // the end of the body may complete the answer
    exchange.requestDone = true;
    exchange.body?.end(end.trailers);
    answerWaiting(exchange);
    if (responded) this.#finishExchange(exchange);
  }

  /** The service has used up what arrived: read on, or ask for what follows the preview (S-03). */
  #wantMore(body: Body): void {
    const exchange = this.#exchange;
    if (exchange === null || exchange.body !== body || exchange.responded || this.#close.begun) return;
    if (exchange.awaitsContinue) {
      const tooLate = 'the answer began before the service had read the body';
      if (exchange.headSent) return this.#cut(exchange, new IcapError('ERR_ICAP_SERVICE', tooLate));
      this.askForRest(exchange);
    }
    this.#readOn();
  }

  askForRest(exchange: Exchange): void {
    if (this.#clientEnded && !this.#reader.hasAhead) {
      return this.#cut(exchange, new IcapError('ERR_ABORTED', 'the ICAP client closed after its preview'));
    }
    exchange.awaitsContinue = false;
    exchange.continued = true;
    this.#writer.write(`${statusHead(100, this.#istag(exchange))}\r\n`);
    this.#reader.continueBody();
  }

  #readOn(): void {
    this.#socket.resume();
    this.#armDeadline();
  }

  // --- deciding ---

  /** Whoever has to log in is asked for it before being told which services there are (C-18, S-407). */
  #admit(exchange: Exchange): void {
    const { maxRequestsPerConnection } = this.#context.limits;
    if (exchange.head.close || ++this.#requests === maxRequestsPerConnection) this.#closeAfter = true;
    if (this.#context.admit === null) return this.#dispatch(exchange); // nothing to allocate for
    logIn(this.#context, this.#context.admit, exchange, this.#peer, {
      admitted: () => {
        if (this.#exchange === exchange) this.#dispatch(exchange);
      },
      refused: (error) => this.onFailed(exchange, error),
    });
  }

  #dispatch(exchange: Exchange): void {
    const { head, service } = exchange;
    const objection = objectionTo(head, service, exchange.transaction.sections);
    if (objection !== null || service === undefined) return this.onFailed(exchange, objection!);
    if (head.method === 'OPTIONS') return this.#answerOptions(exchange, service);
    if (!this.#context.enter(service)) {
      const full = new IcapError('ERR_ICAP_OVERLOADED', `${service.path} is at its limit`);
      return this.onFailed(exchange, full);
    }
    this.#run(exchange, service);
  }

  #run(exchange: Exchange, service: IcapService): void {
    const done = (outcome: IcapOutcome): void => {
      this.#context.leave(service);
      this.#answering.answer(exchange, outcome);
    };
    const failed = (error: unknown): void => {
      this.#context.leave(service);
      this.onFailed(exchange, error);
    };
    handleBy(service, exchange.transaction, done, failed);
  }

  // --- answering ---

  isCurrent(exchange: Exchange): boolean {
    return this.#exchange === exchange;
  }

  withVia(section: string): string {
    return this.#context.withVia(section);
  }

  limitTime(): void {
    this.#setDeadline(this.#context.limits.requestTimeoutMs);
  }

  #onDrain(): void {
    this.#writer.resume();
    this.#armDeadline();
  }

  #answerOptions(exchange: Exchange, service: IcapService): void {
    const now = this.#context.now();
    const { methods } = service;
    this.#writer.write(
      optionsAnswer(methods, service.describe(this.#peer.address), now, this.#closeAfter, exchange.head),
    );
    this.onAnswered(exchange, 200, null);
  }

  /** Answers with an error, or cuts the connection where the answer has begun. */
  onFailed(exchange: Exchange, reason: unknown): void {
    if (this.#exchange !== exchange) return;
    const error = asIcapError(reason);
    if (exchange.headSent) return this.#cut(exchange, error);
    if (!mayPersist(error.icapStatus)) this.#closeAfter = true;
    const extra = methodsField(error, exchange.service) + challengeField(error) + findingsField(exchange);
    this.#writer.write(errorAnswer(error.icapStatus, this.#istag(exchange), this.#closeAfter, extra));
    this.onAnswered(exchange, error.icapStatus, null, error);
  }

  #onBrokenRequest(error: unknown): void {
    const line = this.#exchange === null ? this.#reader.line : null;
    const service = line === null ? undefined : this.#context.host.find(servicePath(line.uri));
    const answer = objectionToBroken(line, service, error);
    this.#refuse(answer, methodsField(answer, service));
  }

  /** Answers once and closes: the framing is lost, there is no way back into step (S-10). */
  #refuse(error: WeirError, extra = ''): void {
    const exchange = this.#exchange;
    this.#context.refused(this.#peer.address, error);
    if (exchange !== null && !exchange.responded) {
      if (exchange.headSent) return this.#cut(exchange, error);
      this.#abandon(exchange, error, error.icapStatus);
    }
    if (exchange === null || !exchange.responded) {
      const { line } = this.#reader;
      const istag =
        exchange === null ? this.#context.tagFor(line?.uri, this.#peer.address) : this.#istag(exchange);
      this.#writer.write(errorAnswer(error.icapStatus, istag, true, extra));
    }
    this.#closeOrderly();
  }

  /** Never end a broken answer with a last chunk: cut the connection instead (S-08, C-39). */
  #cut(exchange: Exchange, error: WeirError): void {
    if (this.#exchange !== exchange) return;
    this.#abandon(exchange, error, exchange.status);
    this.#socket.destroy();
  }

  /** Nobody gets the body any more: who waits for it, now or later, is told why; the disk is freed. */
  dropOriginal(exchange: Exchange, reason = ANSWERED): void {
    exchange.body?.fail(reason);
    exchange.transaction.body?.stopKeeping();
    if (!exchange.requestDone) this.#socket.resume();
  }

  /** Tells everybody who works on an exchange that there will be no answer, or none of theirs. */
  #abandon(exchange: Exchange, error: WeirError, icapStatus: number): void {
    this.#exchange = null;
    exchange.transaction.abort(error);
    this.#writer.cancel(error);
    this.dropOriginal(exchange, error);
    answerWaiting(exchange);
    if (exchange.head.method !== 'OPTIONS') this.#context.report(exchange, icapStatus, null, error);
  }

  startOf(exchange: Exchange, status: number): string {
    return statusHead(status, this.#istag(exchange)) + (this.#closeAfter ? 'Connection: close\r\n' : '');
  }

  #istag(exchange: Exchange): string {
    return exchange.service?.describe(this.#peer.address).istag ?? this.#context.host.istag;
  }

  // --- going on ---

  onAnswered(
    exchange: Exchange,
    status: number,
    outcome: IcapOutcome | null,
    error: WeirError | null = null,
  ): void {
    exchange.headSent = true;
    exchange.responded = true;
    exchange.awaitsTrailer = false;
    if (exchange.head.method !== 'OPTIONS') this.#context.report(exchange, status, outcome, error);
    // What is still on its way is drained, not delivered: nobody may take it for the whole body.
    this.dropOriginal(exchange);
    if (exchange.requestDone || exchange.awaitsContinue || this.#closeAfter) {
      return this.#finishExchange(exchange);
    }
    this.#setDeadline(this.#context.limits.drainTimeoutMs);
  }

  #finishExchange(exchange: Exchange): void {
    if (this.#close.begun) return;
    if (exchange.awaitsContinue) this.#reader.endPreview();
    this.#exchange = null;
    if (this.#closeAfter || (this.#clientEnded && !this.#reader.hasAhead)) return this.#closeOrderly();
    this.#idle();
    this.#reader.next();
  }

  #closeOrderly(): void {
    if (this.#close.begun) return;
    this.#reader.drop();
    this.#setDeadline(this.#context.limits.drainTimeoutMs);
    this.#close.begin();
  }

  #onClientEnd(): void {
    this.#clientEnded = true;
    this.#afterClientEnd();
  }

  /** The client has half-closed: it still reads its answers, but sends nothing more. */
  #afterClientEnd(): void {
    const exchange = this.#exchange;
    if (this.#reader.hasAhead) return; // requests that wait for their turn
    if (this.#close.begun) this.#socket.end();
    else if (exchange === null && this.#reader.midMessage) this.#socket.destroy();
    else if (exchange === null || exchange.responded) this.#closeOrderly();
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

// One REQMOD or RESPMOD over a connection, until the server has answered. Decides what may come when; how
// the request goes out is request-sender.ts, what an answer means answer.ts, which connection and what to do
// after a failure service-client.ts. RFC 3507 §4.5, §4.6; K-30 … K-41.

import { IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { cutOff } from '../../http/body-writer.ts';
import type { HeldBody } from '../../http/held-body.ts';
import { fieldValue } from '../codec/fields.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import type { SlabLease } from '../../util/slab-reader.ts';
import type { Adaptation, AdaptationMessage } from './adaptation.ts';
import { UNMODIFIED_STATUS } from './adaptation.ts';
import type { AnsweredHeads } from './answer.ts';
import { readAnswer } from './answer.ts';
import type { ConnectionUser, IcapClientConnection } from './connection.ts';
import { assembledNow, canAssembleNow, PartialAnswer } from './partial-answer.ts';
import type { RequestOptions, RequestOwner } from './request-sender.ts';
import { RequestSender } from './request-sender.ts';

export interface ExchangeOptions extends RequestOptions {
  /** What the request allows outside its preview. */
  readonly allows204: boolean;
  readonly allows206: boolean;
}

export interface ExchangeEvents {
  onAnswer(adaptation: Adaptation): void;
  onFailure(error: WeirError): void;
  /** A 204 or 206 that was not allowed, and is taken. */
  onUndue(status: 204 | 206): void;
  /** The body of the answer broke off. */
  onBroken(error: WeirError): void;
  /** The exchange has ended; the connection may carry another one if `reusable`. */
  onFinished(reusable: boolean): void;
}

type Phase = 'sending' | 'answering' | 'done';

/** An answer that is still being put together. */
interface Answered extends Adaptation {
  dropOriginal: (() => void) | undefined;
}

export class IcapExchange implements ConnectionUser, RequestOwner {
  readonly #message: AdaptationMessage;
  readonly #connection: IcapClientConnection;
  readonly #options: ExchangeOptions;
  readonly #events: ExchangeEvents;
  readonly #sender: RequestSender;
  #phase: Phase = 'sending';
  #continueDue = false; // 100 was read, the rest of the body goes out next
  #ieofExcused = false; // one 100 behind ieof was ignored
  #failedEarly: WeirError | null = null;
  #head: IcapResponseHead | null = null;
  #sections: Sections | null = null;
  #answered = false;
  #responseDone = false;
  #useOriginal: number | null = null; // of the answer's last chunk
  #body: Body | null = null; // of the answer
  #lease: SlabLease | null = null; // on its bytes
  #stopAbort: () => void = () => {};

  constructor(
    message: AdaptationMessage,
    connection: IcapClientConnection,
    options: ExchangeOptions,
    events: ExchangeEvents,
  ) {
    this.#message = message;
    this.#connection = connection;
    this.#options = options;
    this.#events = events;
    this.#sender = new RequestSender(message, connection, options, this);
  }

  start(): void {
    const { body, cancellation, method } = this.#message;
    this.#connection.assign(this, method);
    this.#stopAbort = cancellation.onCancel((reason) => {
      this.#fail(new IcapError('ERR_ABORTED', 'the message is not wanted any more', {}, reason));
      body?.release(reason);
    });
    if (this.#phase === 'done') return;
    this.#sender.start();
  }

  // --- the request ---

  onPreviewTaken(): boolean {
    if (this.#failedEarly !== null) this.#fail(this.#failedEarly);
    return this.#phase !== 'done';
  }

  onTurn(): void {
    if (this.#phase !== 'sending') return;
    this.#connection.deadlineAt = performance.now() + this.#options.timeoutMs;
  }

  onOriginalBroken(error: WeirError): void {
    this.#fail(error);
  }

  onDrain(): void {
    this.#sender.resume();
  }

  // --- the answer ---

  onBytes(chunk: Buffer): void {
    this.#options.note?.wire?.received.add(chunk);
  }

  onMessage(head: IcapResponseHead, sections: Sections): void {
    this.#head = head;
    this.#sections = sections;
    this.#options.note?.hears(head);
    if (head.encapsulated.body === null || head.status === 100) return;
    const connection = this.#connection;
    const lease = connection.reader.lease();
    this.#lease = lease;
    this.#body = new Body({
      resume: () => this.#resumeAnswer(),
      cancel: () => this.#onAnswerUnwanted(),
      released: () => lease.release(),
    });
  }

  onData(chunk: Buffer): void {
    this.#lease!.touch();
    const room = this.#body!.push(chunk);
    if (!room) this.#connection.socket.pause();
    this.#connection.deadlineAt = room ? performance.now() + this.#options.timeoutMs : Infinity;
  }

  /** There is room again, so from now on it is the service that is waited for: it may have nothing more. */
  #resumeAnswer(): void {
    this.#connection.socket.resume();
    this.#connection.deadlineAt = performance.now() + this.#options.timeoutMs;
  }

  onEnd(end: BodyEnd): void {
    const { status, headers } = this.#head!;
    if (status === 100) return this.#onContinue();
    if (end.useOriginalBody !== null) this.#requireOriginal(status);
    this.#useOriginal = end.useOriginalBody;
    // What the service found out while it sent: told before the body ends, so that whoever waits for it knows.
    if (end.icapTrailer.length > 0) headers.push(...end.icapTrailer);
    this.#responseDone = true;
    this.#body?.end(end.trailers);
  }

  /** Only a 206 that stands for the message itself may go on with its body (C-64). */
  #requireOriginal(status: number): void {
    const ownBody = this.#message.method === 'REQMOD' && this.#sections!.responseHeader !== null;
    if (status === 206 && !ownBody) return;
    throw new IcapError('ERR_ICAP_CHUNK', `use-original-body in a ${ownBody ? 'response' : status} answer`);
  }

  #onContinue(): void {
    this.#head = null;
    this.#connection.expectMore(this.#message.method);
    const sender = this.#sender;
    if (sender.ieof && !this.#ieofExcused) {
      this.#ieofExcused = true; // one 100 after ieof is ignored (K-34)
      return;
    }
    if (!sender.awaitsContinue) {
      throw new IcapError('ERR_ICAP_START_LINE', '100 Continue that nobody waited for');
    }
    sender.awaitsContinue = false;
    // Sent once this read was parsed: a final answer may stand right behind the 100.
    this.#continueDue = true;
  }

  afterRead(): void {
    if (this.#phase === 'done') return;
    const head = this.#head;
    // Without a body only an ICAP trailer can be missing; it belongs to the answer.
    if (head !== null && !this.#answered && (this.#body !== null || this.#responseDone)) this.#answer(head);
    else if (this.#continueDue) {
      this.#continueDue = false;
      this.#sender.sendRest();
    }
    if (this.#responseDone) this.#finish();
  }

  #answer(head: IcapResponseHead): void {
    this.#phase = 'answering';
    this.#connection.deadlineAt = this.#responseDone ? Infinity : performance.now() + this.#options.timeoutMs;
    let adaptation: Adaptation;
    try {
      const heads = readAnswer(this.#message.method, head, this.#sections!);
      adaptation = heads === null ? this.#unmodified(head) : this.#adapted(head, heads);
    } catch (error) {
      return this.#refuse(error as WeirError);
    }
    this.#answered = true;
    this.#events.onAnswer(adaptation);
  }

  #adapted(head: IcapResponseHead, { request, response }: AnsweredHeads): Adaptation {
    // All answers have the same properties in the same order, which keeps what reads them fast.
    const answer: Answered = {
      icapStatus: head.status,
      request,
      response,
      body: this.#body,
      icapHeaders: head.headers,
      preview: this.#sender.previewSent,
      dropOriginal: undefined,
    };
    return head.status === 206 ? this.#partial(answer) : this.#whole(answer);
  }

  /** The answer carries all of its body: the original is needed only if that breaks off. */
  #whole(answer: Answered): Adaptation {
    const original = this.#message.body;
    if (this.#message.keepOriginal === true && answer.body !== null) {
      answer.dropOriginal = () => this.#giveUpOriginal(original);
      return answer;
    }
    this.#giveUpOriginal(original);
    return answer;
  }

  /** The answer's body may go on with the original's: kept until the last chunk says (K-35). */
  #partial(answer: Answered): Adaptation {
    const original = this.#message.body;
    if (original === null) throw broken('206 in answer to a message without a body');
    if (!original.intact) throw broken('206 after the original was given up');
    this.#noticeUndue(206);
    const prefix = answer.body;
    if (prefix === null) return this.#whole(answer);
    if (this.#responseDone) {
      if (this.#useOriginal === null) return this.#whole(answer);
      if (canAssembleNow(prefix, original)) {
        const headers = (answer.response ?? answer.request)?.headers ?? [];
        const announced = fieldValue(headers, 'content-length');
        const body = assembledNow(prefix, original, this.#useOriginal, announced);
        return body === null ? this.#whole(answer) : { ...answer, body };
      }
    }
    const keepsOriginal = this.#message.keepOriginal === true && !this.#responseDone;
    const partial = new PartialAnswer({
      prefix,
      original,
      offset: () => this.#useOriginal,
      keepsOriginal,
      onInvalid: (error) => this.#events.onBroken(error),
    });
    const { body } = partial;
    return keepsOriginal
      ? { ...answer, body, dropOriginal: () => partial.giveUpOriginal() }
      : { ...answer, body };
  }

  /** A server may answer while it reads: it gets the rest, or its answer would never end (K-40). */
  #giveUpOriginal(body: HeldBody | null): void {
    const { sendsRest, complete } = this.#sender;
    if (this.#phase !== 'done' && sendsRest && !complete) body?.stopKeeping();
    else body?.release();
  }

  #unmodified(head: IcapResponseHead): Adaptation {
    const { body } = this.#message;
    if (body !== null && !body.intact) throw broken('204 after the original was given up');
    if (head.status === 204) this.#noticeUndue(204);
    // A header that Encapsulated calls empty, and that follows all the same, is no "not modified" (C-22).
    else if (!this.#connection.usable) throw broken('bytes behind an empty answer');
    return {
      icapStatus: UNMODIFIED_STATUS,
      request: null,
      response: null,
      body: body === null ? null : body.restream(),
      icapHeaders: head.headers,
      preview: this.#sender.previewSent,
      dropOriginal: undefined,
    };
  }

  /** Tells of an answer that was not allowed, and is taken all the same (K-33). */
  #noticeUndue(status: 204 | 206): void {
    const { allows204, allows206 } = this.#options;
    const due = (this.#inPreview || allows204) && (status === 204 || allows206);
    if (!due) this.#events.onUndue(status);
  }

  /** The answer comes to a preview: the server has not asked for more. */
  get #inPreview(): boolean {
    return this.#sender.previewSent !== null && !this.#sender.sendsRest;
  }

  #onAnswerUnwanted(): void {
    if (!this.#responseDone) this.#fail(new IcapError('ERR_ABORTED', 'the answer is not wanted any more'));
  }

  onLost(error: WeirError): void {
    this.#fail(error);
  }

  #finish(): void {
    if (this.#phase === 'done') return;
    this.#end();
    if (!this.#complete) this.#dropOriginal();
    this.#events.onFinished(this.#reusable);
  }

  /** The preview's answer ends the request; an early answer to a body that is still on its way does not. */
  get #complete(): boolean {
    return this.#sender.complete || this.#sender.awaitsContinue;
  }

  get #reusable(): boolean {
    const { status, close } = this.#head!;
    // c-icap leaves the body of a 206 outside previews unread, and takes it for the next request (C-82).
    const unread = status === 206 && this.#sender.previewSent === null && this.#message.body !== null;
    return this.#complete && !close && !unread && this.#responseDone;
  }

  #end(): void {
    this.#phase = 'done';
    this.#sender.stop();
    this.#stopAbort();
  }

  /** An answer that adapts nothing: a failure, but where it is well-formed the connection may go on. */
  #refuse(error: WeirError): void {
    const judged = error.code === 'ERR_ADAPT_STATUS' || error.code === 'ERR_ADAPT_AUTH';
    if (!judged || !this.#reusable) return this.#fail(error);
    this.#end();
    this.#events.onFailure(error);
    this.#events.onFinished(true);
  }

  /** What was not sent to a service that answered with a message of its own is of no use to anybody. */
  #dropOriginal(reason?: WeirError): void {
    const { body } = this.#message;
    if (body !== null && !body.intact) body.release(reason);
  }

  #fail(error: WeirError): void {
    if (this.#phase === 'done') return;
    if (this.#sender.previewing && this.#message.cancellation.reason === null) {
      this.#failedEarly ??= error; // not before the preview lets go of the body, which others may want back
      return;
    }
    this.#end();
    // An orderly end could be a half-close: a server may go on for somebody who still reads.
    cutOff(this.#connection.socket);
    this.#connection.destroy();
    if (this.#answered) {
      this.#dropOriginal(error);
      if (this.#body !== null && error.code !== 'ERR_ABORTED') this.#events.onBroken(error);
      this.#body?.fail(error);
    } else this.#events.onFailure(error);
    this.#events.onFinished(false);
  }
}

function broken(what: string): IcapError {
  return new IcapError('ERR_ADAPT_PROTOCOL', `the ICAP server broke the protocol: ${what}`);
}

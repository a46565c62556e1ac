// One REQMOD or RESPMOD over a connection: head and preview in one write, then whatever the server asks
// for, until it has answered. Decides what each answer means; which connection and what to do after a
// failure is service-client.ts. RFC 3507 §4.5, §4.6; K-10, K-11, K-30 … K-41.

import { IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { BodySink } from '../../http/body.ts';
import { Body } from '../../http/body.ts';
import { cutOff } from '../../http/body-writer.ts';
import type { HeldBody } from '../../http/held-body.ts';
import { LAST_CHUNK, LAST_CHUNK_IEOF } from '../codec/chunked.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import type { RequestHead, ResponseHead } from '../codec/http-head.ts';
import { formatResponseHead, parseRequestHead, parseResponseHead } from '../codec/http-head.ts';
import type { BodyEnd, Sections } from '../codec/message-parser.ts';
import { encodeWithBody, formatIcapMessage, writeChunk } from '../codec/serializer.ts';
import type { SlabLease } from '../../util/slab-reader.ts';
import { SocketBatch } from '../../util/socket-batch.ts';
import type { Adaptation, AdaptationMessage } from './adaptation.ts';
import { UNMODIFIED_STATUS } from './adaptation.ts';
import type { ConnectionUser, IcapClientConnection } from './connection.ts';

/** How long a preview waits for a slow origin before it goes out with what is there (C-44). */
const PREVIEW_WAIT_MS = 50;
/** A body up to this size without preview is sent together with its head. */
const SMALL_BODY = 64 * 1024; // bytes

export interface ExchangeOptions {
  /** Start line and fields up to Encapsulated, each with CR LF. */
  readonly start: string;
  /** Preview to offer in bytes; null: none. */
  readonly preview: number | null;
  /** Silence of the server after which the exchange fails. */
  readonly timeoutMs: number;
}

export interface ExchangeEvents {
  onAnswer(adaptation: Adaptation): void;
  onFailure(error: WeirError): void;
  /** The exchange has ended; the connection may carry another one if `reusable`. */
  onFinished(reusable: boolean): void;
}

type Phase = 'preview' | 'sending' | 'awaiting' | 'answering' | 'done';

export class IcapExchange implements ConnectionUser {
  readonly #message: AdaptationMessage;
  readonly #connection: IcapClientConnection;
  readonly #options: ExchangeOptions;
  readonly #events: ExchangeEvents;
  #phase: Phase = 'preview';
  #previewSent: number | null = null;
  #awaitsContinue = false;
  #continueDue = false; // 100 was read, the rest of the body goes out next
  #ieof = false;
  #previewing = false;
  #failedEarly: WeirError | null = null;
  #sendingRest = false;
  #requestSent = false;
  #head: IcapResponseHead | null = null;
  #sections: Sections | null = null;
  #answered = false;
  #responseDone = false;
  #body: Body | null = null; // of the answer
  #lease: SlabLease | null = null; // on its bytes
  #stopAbort: () => void = () => {};
  #resumeSending: () => void = () => {};

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
  }

  start(): void {
    const { body, cancellation, method } = this.#message;
    this.#connection.assign(this, method);
    this.#stopAbort = cancellation.onCancel((reason) => {
      this.#fail(new IcapError('ERR_ABORTED', 'the message is not wanted any more', {}, reason));
      body?.release(reason);
    });
    if (this.#phase === 'done') return;
    if (body === null) {
      this.#send(Buffer.from(this.#icapHead(null, false), 'latin1'));
      return this.#onRequestSent();
    }
    const wanted = this.#options.preview ?? SMALL_BODY;
    this.#previewing = true;
    body.preview(wanted, this.#options.preview === null ? 0 : PREVIEW_WAIT_MS, (chunks) => {
      this.#previewing = false;
      if (this.#failedEarly !== null) this.#fail(this.#failedEarly);
      else this.#sendStart(body, chunks);
    });
  }

  // --- sending ---

  #icapHead(preview: number | null, hasBody: boolean): string {
    const { method, requestText, response } = this.#message;
    const start = preview === null ? this.#options.start : `${this.#options.start}Preview: ${preview}\r\n`;
    return formatIcapMessage(start, {
      requestHeader: requestText,
      responseHeader: response === null ? null : formatResponseHead(response),
      body: hasBody ? (method === 'REQMOD' ? 'req-body' : 'res-body') : null,
    });
  }

  #sendStart(held: HeldBody, chunks: readonly Buffer[]): void {
    if (this.#phase === 'done') return;
    if (held.error !== null) return this.#onOriginalBroken(held.error);
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const all = held.previewIsAll;
    if (this.#options.preview === null) {
      const head = this.#icapHead(null, true);
      if (all) {
        this.#send(encodeWithBody(head, chunks, bytes, LAST_CHUNK));
        held.allSent();
        return this.#onRequestSent();
      }
      this.#send(encodeWithBody(head, chunks, bytes, ''));
      return this.#sendRest(held);
    }
    this.#previewSent = bytes;
    this.#ieof = all;
    const head = this.#icapHead(this.#options.preview, true);
    this.#send(encodeWithBody(head, chunks, bytes, all ? LAST_CHUNK_IEOF : LAST_CHUNK));
    if (all) {
      held.allSent();
      return this.#onRequestSent();
    }
    this.#awaitsContinue = true;
    this.#await();
  }

  /** Streams what follows the preview; kept as well, since a late 204 refers to all of it (K-11). */
  #sendRest(held: HeldBody): void {
    this.#phase = 'sending';
    this.#sendingRest = true;
    this.#connection.deadlineAt = Infinity;
    const batch = new SocketBatch(this.#connection.socket);
    const sink: BodySink = {
      onData: (chunk) => {
        if (this.#phase === 'done') return true;
        const more = writeChunk(batch, chunk);
        // A server that takes nothing for too long has failed; a slow origin has not.
        this.#connection.deadlineAt = more ? Infinity : performance.now() + this.#options.timeoutMs;
        return more;
      },
      onEnd: () => {
        if (this.#phase === 'done') return;
        batch.writeText(LAST_CHUNK, (error) => {
          if (error == null) held.allSent();
        });
        batch.flush();
        this.#onRequestSent();
      },
      onError: (error) => this.#onOriginalBroken(error),
    };
    this.#resumeSending = held.forwardRest(sink, true);
  }

  /** Never end a broken body with a last chunk: the server would take it for complete (K-41, C-39). */
  #onOriginalBroken(error: Error): void {
    if (this.#phase !== 'done') this.#fail(error as WeirError);
  }

  #onRequestSent(): void {
    this.#requestSent = true;
    this.#await();
  }

  #await(): void {
    if (this.#phase === 'answering' || this.#phase === 'done') return;
    this.#phase = 'awaiting';
    this.#connection.deadlineAt = performance.now() + this.#options.timeoutMs;
  }

  #send(bytes: Buffer): void {
    this.#connection.socket.write(bytes);
  }

  onDrain(): void {
    if (!this.#requestSent) this.#resumeSending();
  }

  // --- the answer ---

  onMessage(head: IcapResponseHead, sections: Sections): void {
    this.#head = head;
    this.#sections = sections;
    if (head.encapsulated.body === null || head.status === 100) return;
    const connection = this.#connection;
    const lease = connection.reader.lease();
    this.#lease = lease;
    this.#body = new Body({
      resume: () => connection.socket.resume(),
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

  onEnd(end: BodyEnd): void {
    if (this.#head!.status === 100) return this.#onContinue();
    this.#responseDone = true;
    this.#body?.end(end.trailers);
  }

  #onContinue(): void {
    this.#head = null;
    this.#connection.expectMore(this.#message.method);
    if (this.#ieof) {
      this.#ieof = false; // one 100 after ieof is ignored (K-34)
      return;
    }
    if (!this.#awaitsContinue) {
      throw new IcapError('ERR_ICAP_START_LINE', '100 Continue that nobody waited for');
    }
    this.#awaitsContinue = false;
    // Sent once this read was parsed: a final answer may stand right behind the 100.
    this.#continueDue = true;
  }

  afterRead(): void {
    if (this.#phase === 'done') return;
    if (this.#head !== null && !this.#answered) this.#answer(this.#head);
    else if (this.#continueDue) {
      this.#continueDue = false;
      this.#sendRest(this.#message.body!);
    }
    if (this.#responseDone) this.#finish();
  }

  #answer(head: IcapResponseHead): void {
    this.#phase = 'answering';
    this.#connection.deadlineAt = this.#responseDone ? Infinity : performance.now() + this.#options.timeoutMs;
    let adaptation: Adaptation;
    try {
      adaptation = this.#interpret(head, head.status);
    } catch (error) {
      return this.#fail(error as WeirError);
    }
    this.#answered = true;
    this.#events.onAnswer(adaptation);
  }

  #interpret(head: IcapResponseHead, status: number): Adaptation {
    const { body } = this.#message;
    if (status === 204) return this.#unmodified(head);
    if (status !== 200 && status !== 201) {
      const text = `the ICAP server answered ${status} ${head.reason}`.trim();
      throw new IcapError('ERR_ADAPT_STATUS', text, { icapStatus: status });
    }
    const { requestHeader, responseHeader } = this.#sections!;
    if (requestHeader === null && responseHeader === null) {
      // c-icap can be told to say "unmodified" with an empty 200 (K-32).
      if (this.#body === null && (body === null || body.intact)) return this.#unmodified(head);
      throw new IcapError('ERR_ADAPT_PROTOCOL', `a ${status} answer carries no HTTP header`);
    }
    if (this.#message.method === 'RESPMOD' && responseHeader === null) {
      throw new IcapError('ERR_ADAPT_PROTOCOL', 'the answer to RESPMOD carries no response (K-31)');
    }
    const request: RequestHead | null = requestHeader === null ? null : parseRequestHead(requestHeader);
    const response: ResponseHead | null = responseHeader === null ? null : parseResponseHead(responseHeader);
    // A server may answer while it reads: it gets the rest, or its answer would never end (K-40).
    if (this.#sendingRest && !this.#requestSent) body!.stopKeeping();
    else body?.release();
    return {
      icapStatus: status,
      request,
      response,
      body: this.#body,
      icapHeaders: head.headers,
      preview: this.#previewSent,
    };
  }

  #unmodified(head: IcapResponseHead): Adaptation {
    const { body } = this.#message;
    if (body !== null && !body.intact) {
      throw new IcapError(
        'ERR_ADAPT_PROTOCOL',
        'the ICAP server answered 204 after the original was given up',
      );
    }
    return {
      icapStatus: UNMODIFIED_STATUS,
      request: null,
      response: null,
      body: body === null ? null : body.restream(),
      icapHeaders: head.headers,
      preview: this.#previewSent,
    };
  }

  #onAnswerUnwanted(): void {
    if (!this.#responseDone) this.#fail(new IcapError('ERR_ABORTED', 'the answer is not wanted any more'));
  }

  onLost(error: WeirError): void {
    this.#fail(error);
  }

  #finish(): void {
    if (this.#phase === 'done') return;
    this.#phase = 'done';
    this.#stopAbort();
    // The preview's answer ends the request; an early answer to a body that is still on its way does not.
    const complete = this.#requestSent || this.#awaitsContinue;
    if (!complete) this.#dropOriginal();
    this.#events.onFinished(complete && !this.#head!.close);
  }

  /** What was not sent to a service that answered with a message of its own is of no use to anybody. */
  #dropOriginal(reason?: WeirError): void {
    const { body } = this.#message;
    if (body !== null && !body.intact) body.release(reason);
  }

  #fail(error: WeirError): void {
    if (this.#phase === 'done') return;
    if (this.#previewing && this.#message.cancellation.reason === null) {
      this.#failedEarly ??= error; // not before the preview lets go of the body, which others may want back
      return;
    }
    this.#phase = 'done';
    this.#stopAbort();
    // An orderly end could be a half-close: a server may go on for somebody who still reads.
    cutOff(this.#connection.socket);
    this.#connection.destroy();
    if (this.#answered) {
      this.#dropOriginal(error);
      this.#body?.fail(error);
    } else this.#events.onFailure(error);
    this.#events.onFinished(false);
  }
}

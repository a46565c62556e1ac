// The request side of an exchange: head and preview in one write, then, when the server asks for it, the
// rest of the body in step with the socket. What the answers mean, and when to stop, is exchange.ts.
// RFC 3507 §4.5; K-10, K-11, K-41; C-33, C-42.

import type { WeirError } from '../../errors.ts';
import type { BodySink } from '../../http/body.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { ExchangeNote } from '../../trace/notes.ts';
import type { WireBytes } from '../../trace/wire.ts';
import { SocketBatch } from '../../util/socket-batch.ts';
import { LAST_CHUNK, LAST_CHUNK_IEOF, lastChunk } from '../codec/chunked.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import { formatResponseHead } from '../codec/http-head.ts';
import type { ChunkWriter } from '../codec/serializer.ts';
import { encodeWithBody, formatIcapMessage, writeChunk } from '../codec/serializer.ts';
import type { AdaptationMessage } from './adaptation.ts';
import type { IcapClientConnection } from './connection.ts';

/** How long a preview waits for a slow origin before it goes out with what is there (C-44). */
const PREVIEW_WAIT_MS = 50;
/** A body up to this size without preview is sent together with its head. */
const SMALL_BODY = 64 * 1024; // bytes

export interface RequestOptions {
  /** Start line and fields up to Encapsulated, each with CR LF. */
  readonly start: string;
  /** Preview to offer in bytes; null: none. */
  readonly preview: number | null;
  /** Whether the body is kept while it is sent, for 204, 206 and other attempts (K-11). */
  readonly keeps: boolean;
  /** Which trailers of the HTTP message are sent; null: none. */
  readonly trailers: ((fields: RawHeaders) => RawHeaders) | null;
  /** Silence of the server after which the exchange fails. */
  readonly timeoutMs: number;
  readonly note?: ExchangeNote | null;
}

export interface RequestOwner {
  /** The start of the body was taken and lies in the queue of nobody: whether it is still to be sent. */
  onPreviewTaken(): boolean;
  /** It is the server's turn: the preview or the whole request has been sent. */
  onTurn(): void;
  /** The body broke off. Never ended with a last chunk: the server would take it for complete (K-41, C-39). */
  onOriginalBroken(error: WeirError): void;
}

export class RequestSender {
  /** Bytes of the preview; null where there is none, or not yet. */
  previewSent: number | null = null;
  /** The preview was sent and more may follow, once the server asks for it. */
  awaitsContinue = false;
  /** The preview was the whole body, and said so. */
  ieof = false;
  /** The server has asked for the rest, or there was no preview. */
  sendsRest = false;
  /** Everything has been sent. */
  complete = false;
  readonly #message: AdaptationMessage;
  readonly #connection: IcapClientConnection;
  readonly #options: RequestOptions;
  readonly #owner: RequestOwner;
  #previewing = false;
  #stopped = false;
  #resume: () => void = () => {};

  constructor(
    message: AdaptationMessage,
    connection: IcapClientConnection,
    options: RequestOptions,
    owner: RequestOwner,
  ) {
    this.#message = message;
    this.#connection = connection;
    this.#options = options;
    this.#owner = owner;
  }

  /** Sends what goes out without being asked for. */
  start(): void {
    const { body } = this.#message;
    if (body === null) {
      this.#send(Buffer.from(this.#head(null, false), 'latin1'));
      return this.#onComplete();
    }
    const { preview } = this.#options;
    this.#previewing = true;
    body.preview(this.#wanted(body), preview === null ? 0 : PREVIEW_WAIT_MS, (chunks) => {
      this.#previewing = false;
      if (this.#owner.onPreviewTaken() && !this.#stopped) this.#sendStart(body, chunks);
    });
  }

  /** Streams what follows the preview. */
  sendRest(): void {
    this.#sendRest(this.#message.body!);
  }

  /** The start of the body is being waited for: nobody else may ask for it. */
  get previewing(): boolean {
    return this.#previewing;
  }

  /** The socket has room again. */
  resume(): void {
    if (!this.complete) this.#resume();
  }

  /** Nothing more is written. */
  stop(): void {
    this.#stopped = true;
  }

  /** One byte more than a body of known length has: its end is then waited for, and told with `ieof`. */
  #wanted(body: HeldBody): number {
    const wanted = this.#options.preview;
    if (wanted === null) return SMALL_BODY;
    const length = body.size ?? body.declaredLength;
    return length !== null && length > 0 && length <= wanted ? length + 1 : wanted;
  }

  #head(preview: number | null, hasBody: boolean): string {
    const { method, requestText, response } = this.#message;
    const start = preview === null ? this.#options.start : `${this.#options.start}Preview: ${preview}\r\n`;
    const head = formatIcapMessage(start, {
      requestHeader: requestText,
      responseHeader: response === null ? null : formatResponseHead(response),
      body: hasBody ? (method === 'REQMOD' ? 'req-body' : 'res-body') : null,
    });
    if (this.#options.note != null) this.#options.note.requestHead = head;
    return head;
  }

  #sendStart(held: HeldBody, chunks: readonly Buffer[]): void {
    if (held.error !== null) return this.#onBroken(held.error);
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    const all = held.previewIsAll;
    const { preview } = this.#options;
    if (preview === null && !all) {
      this.#send(encodeWithBody(this.#head(null, true), chunks, bytes, ''));
      return this.#sendRest(held);
    }
    let announced: number | null = null;
    if (preview !== null) {
      this.previewSent = bytes;
      this.#options.note?.sendsPreview(chunks);
      this.ieof = all;
      // The length of the body where that is less, as far as it is known (K-10).
      const length = all ? bytes : (held.declaredLength ?? Infinity);
      announced = Math.max(bytes, Math.min(preview, length));
    }
    const plain = all && preview !== null ? LAST_CHUNK_IEOF : LAST_CHUNK;
    const tail = all ? this.#lastChunk(held.trailers, plain) : plain;
    this.#send(encodeWithBody(this.#head(announced, true), chunks, bytes, tail));
    if (all) {
      held.allSent();
      return this.#onComplete();
    }
    this.awaitsContinue = true;
    this.#owner.onTurn();
  }

  /** `plain`, or the same chunk with the trailers behind it (C-33). */
  #lastChunk(trailers: RawHeaders, plain: string): string {
    if (trailers.length === 0 || this.#options.trailers === null) return plain;
    const sent = this.#options.trailers(trailers);
    if (sent.length === 0) return plain;
    this.#connection.sentTrailers = true;
    return lastChunk(sent, plain === LAST_CHUNK_IEOF ? 'ieof' : '');
  }

  /** Kept as it goes, since a late 204 refers to all of it (K-11). */
  #sendRest(held: HeldBody): void {
    this.sendsRest = true;
    this.#connection.deadlineAt = Infinity;
    const batch = new SocketBatch(this.#connection.socket);
    const copies = this.#options.note?.wire?.sent ?? null;
    const writer = copies === null ? batch : copied(batch, copies);
    const sink: BodySink = {
      onData: (chunk) => {
        if (this.#stopped) return true;
        const more = writeChunk(writer, chunk);
        // A server that takes nothing for too long has failed; a slow origin has not.
        this.#connection.deadlineAt = more ? Infinity : performance.now() + this.#options.timeoutMs;
        return more;
      },
      onEnd: (trailers) => {
        if (this.#stopped) return;
        const end = this.#lastChunk(trailers, LAST_CHUNK);
        copies?.add(Buffer.from(end, 'latin1'));
        batch.writeText(end, (error) => {
          if (error == null) held.allSent();
        });
        batch.flush();
        this.#onComplete();
      },
      onError: (error) => this.#onBroken(error),
    };
    this.#resume = held.forwardRest(sink, this.#options.keeps);
  }

  #onBroken(error: Error): void {
    if (!this.#stopped) this.#owner.onOriginalBroken(error as WeirError);
  }

  #onComplete(): void {
    this.complete = true;
    this.#owner.onTurn();
  }

  #send(bytes: Buffer): void {
    this.#options.note?.wire?.sent.add(bytes);
    this.#connection.socket.write(bytes);
  }
}

/** The batch, whose bytes somebody wants to see. */
function copied(batch: SocketBatch, copies: WireBytes): ChunkWriter {
  return {
    write: (data) => {
      copies.add(data);
      batch.write(data);
    },
    writeText: (text) => {
      copies.add(Buffer.from(text, 'latin1'));
      batch.writeText(text);
    },
    get room() {
      return batch.room;
    },
  };
}

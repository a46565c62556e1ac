// Reads the requests of one connection off its socket, one after another: what arrives beyond the request
// at hand waits until that one is answered, and a long pipeline stops the socket. What a request means,
// connection.ts decides; bytes are codec/. C-81, C-48, C-49.

import type { Socket } from 'node:net';
import { IcapError } from '../../errors.ts';
import type { HeadLimits, IcapRequestHead, IcapRequestLine } from '../codec/head.ts';
import type { IcapMessageEvents } from '../codec/message-parser.ts';
import { IcapRequestParser } from '../codec/message-parser.ts';

const MAX_AHEAD = 64 * 1024; // bytes of further requests beyond which no more is read

export interface RequestReaderEvents extends IcapMessageEvents<IcapRequestHead> {
  /** A piece was parsed as far as it goes for now. */
  onParsed(): void;
  /** The request is not valid; nothing more can be read from this connection. */
  onBroken(error: unknown): void;
}

export class RequestReader {
  /** Line of the request whose fields are being read. */
  line: IcapRequestLine | null = null;
  readonly #socket: Socket;
  readonly #strict: boolean;
  readonly #events: RequestReaderEvents;
  readonly #parser: IcapRequestParser;
  #ahead: Buffer | null = null; // read past the point where the parser stopped

  constructor(socket: Socket, strict: boolean, limits: HeadLimits, events: RequestReaderEvents) {
    this.#socket = socket;
    this.#strict = strict;
    this.#events = events;
    this.#parser = new IcapRequestParser(
      {
        onRequestLine: (line) => {
          this.line = line;
        },
        onMessage: (head, sections) => {
          this.line = null;
          events.onMessage(head, sections);
        },
        onData: (chunk) => events.onData(chunk),
        onPreviewEnd: () => events.onPreviewEnd?.(),
        onEnd: (end) => events.onEnd(end),
      },
      strict,
      true,
      limits,
    );
  }

  /** Bytes wait that belong to what comes after a preview or to further requests. */
  get hasAhead(): boolean {
    return this.#ahead !== null;
  }

  /** Part of a request was read. */
  get midMessage(): boolean {
    return this.#parser.midMessage;
  }

  read(chunk: Buffer): void {
    const bytes = this.#ahead === null ? chunk : Buffer.concat([this.#ahead, chunk]);
    this.#ahead = null;
    this.#execute(bytes);
  }

  /**
   * After 100: reads what follows the preview. What is here already was sent without waiting for 100, which
   * strict reading refuses.
   */
  continueBody(): void {
    const ahead = this.#ahead;
    this.#ahead = null;
    const early = ahead !== null || this.#parser.sentAhead; // the latter while its piece is being parsed
    this.#parser.continueBody(early);
    if (early && this.#strict) {
      const error = new IcapError('ERR_ICAP_PREVIEW', 'bytes follow the preview before 100 Continue');
      if (ahead === null) throw error; // to the parser, which must not go on
      return this.#events.onBroken(error);
    }
    if (ahead === null) return;
    this.#socket.resume();
    this.#execute(ahead);
  }

  /** The preview was answered for good: nothing follows it. */
  endPreview(): void {
    this.#parser.endMessage();
  }

  /** The request was answered: goes on with the next one. */
  next(): void {
    this.#parser.nextMessage();
    if ((this.#ahead?.length ?? 0) <= MAX_AHEAD) this.#socket.resume();
    // Not from inside this call: a long pipeline must not deepen the stack.
    if (this.#ahead !== null) setImmediate(() => this.#readAhead());
  }

  /** Nothing of what waits is wanted any more. */
  drop(): void {
    this.#ahead = null;
  }

  #execute(bytes: Buffer): void {
    let at = 0;
    try {
      at = this.#parser.execute(bytes);
    } catch (error) {
      return this.#events.onBroken(error);
    }
    if (at < bytes.length && this.#parser.state !== 'head') {
      this.#ahead = bytes.subarray(at);
      if (this.#ahead.length > MAX_AHEAD) this.#socket.pause();
    }
    this.#events.onParsed();
  }

  #readAhead(): void {
    const ahead = this.#ahead;
    if (ahead === null || this.#socket.destroyed) return;
    this.#ahead = null;
    this.#execute(ahead);
    if (this.#ahead === null) this.#socket.resume(); // a long pipeline had stopped it
  }
}

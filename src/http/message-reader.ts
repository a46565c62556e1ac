// Bytes in, HTTP/1 messages out, for both ends of a connection: head, then the body by its framing.
// Pure: no socket, no timer. Strict where a lenient reader lets two parsers disagree: bare LF, obsolete
// folding in requests, doubled lengths are errors. RFC 9112; heads are icap/codec/http-head.ts.

import { HttpError, isWeirError } from '../errors.ts';
import { ByteCollector, findHeadEnd } from '../icap/codec/byte-collector.ts';
import { ChunkedDecoder, HTTP_CHUNKS } from '../icap/codec/chunked.ts';
import type { HeadRules, RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';
import { parseRequestHead, parseResponseHead } from '../icap/codec/http-head.ts';
import type { Framing, HeaderFacts } from './framing.ts';
import { readHeaderFacts, requestFraming, responseFraming, safeTrailers } from './framing.ts';

export interface HeadLimits {
  /** Bytes of a head, start line and blank line included. */
  readonly headerBytes: number;
  readonly headerFields: number;
  /** Bytes of a request target. */
  readonly targetBytes: number;
}

export const DEFAULT_HEAD_LIMITS: HeadLimits = {
  headerBytes: 64 * 1024,
  headerFields: 200,
  targetBytes: 32 * 1024,
};

export interface MessageEvents<Head> {
  /** A head is complete. A body follows unless `framing.kind` is `none`. */
  onHead(head: Head, facts: HeaderFacts, framing: Framing): void;
  onData(chunk: Buffer): void;
  onEnd(trailers: RawHeaders): void;
}

const NO_TRAILERS: RawHeaders = [];

export type ReaderState = 'head' | 'body' | 'boundary' | 'opaque' | 'failed';

abstract class MessageReader<Head extends { headers: RawHeaders; version: string }> {
  protected readonly events: MessageEvents<Head>;
  protected readonly rules: HeadRules;
  readonly #limits: HeadLimits;
  readonly #ownsBytes: boolean;
  readonly #collector = new ByteCollector();
  #chunks: ChunkedDecoder | null = null;
  #state: ReaderState = 'head';
  #framing: Framing = { kind: 'none' };
  #remaining = 0;

  /** @param ownsBytes  see ChunkedDecoder */
  constructor(events: MessageEvents<Head>, limits: HeadLimits, rules: HeadRules, ownsBytes: boolean) {
    this.events = events;
    this.#limits = limits;
    this.rules = rules;
    this.#ownsBytes = ownsBytes;
  }

  get state(): ReaderState {
    return this.#state;
  }

  /** Some bytes of a head have arrived. */
  get headStarted(): boolean {
    return this.#state === 'head' && this.#collector.length > 0;
  }

  /**
   * Parses from `from` on; stops behind a message (`boundary`) and when the bytes are no HTTP any more
   * (`opaque`, after CONNECT or an upgrade).
   *
   * @returns offset of the first byte that was not consumed
   * @throws {HttpError} and other typed errors; afterwards the reader is `failed`
   */
  execute(bytes: Buffer, from = 0): number {
    let at = from;
    try {
      while (at < bytes.length) {
        if (this.#state === 'head') at = this.#readHead(bytes, at);
        else if (this.#state === 'body') at = this.#readBody(bytes, at);
        else break;
      }
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    return at;
  }

  /** The sender closed. Ends a body that is framed by close; anything else that is open is broken off. */
  finish(): void {
    if (this.#state === 'body' && this.#framing.kind === 'close') {
      this.#state = 'boundary';
      this.events.onEnd(NO_TRAILERS);
      return;
    }
    if (this.#state === 'body' || this.headStarted) {
      this.#state = 'failed';
      throw new HttpError('ERR_HTTP_ABORTED', 'the connection closed before the message was complete');
    }
  }

  /** At a boundary: read the next message. */
  next(): void {
    if (this.#state === 'boundary') this.#state = 'head';
  }

  /** What follows is not HTTP: stop reading. */
  becomeOpaque(): void {
    this.#state = 'opaque';
  }

  protected abstract parseHead(bytes: Buffer): Head;
  protected abstract framingOf(head: Head, facts: HeaderFacts): Framing;

  #readHead(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#collector.length === 0) {
      // A robust server ignores empty lines before a request line (RFC 9112 §2.2).
      while (at < bytes.length && (bytes[at] === 0x0d || bytes[at] === 0x0a)) at++;
      if (at === bytes.length) return at;
    }
    const { end, bareLf } = findHeadEnd(this.#collector, bytes, at);
    if (bareLf) throw new HttpError(this.rules.code, 'a header line ends in a bare LF');
    const stop = end < 0 ? bytes.length : end;
    if (this.#collector.length + stop - at > this.#limits.headerBytes) {
      throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `header longer than ${this.#limits.headerBytes} bytes`);
    }
    if (end < 0) {
      this.#collector.append(bytes, at, stop);
      return stop;
    }
    let raw: Buffer;
    if (this.#collector.length === 0) raw = bytes.subarray(at, end);
    else {
      this.#collector.append(bytes, at, end);
      raw = this.#collector.take();
    }
    this.#startMessage(this.parseHead(raw));
    return stop;
  }

  #startMessage(head: Head): void {
    const facts = readHeaderFacts(head.headers);
    const framing = this.framingOf(head, facts);
    this.#framing = framing;
    this.#state = framing.kind === 'none' ? 'boundary' : 'body';
    if (framing.kind === 'length') this.#remaining = framing.length;
    else if (framing.kind === 'chunked') {
      this.#chunks ??= new ChunkedDecoder((chunk) => this.events.onData(chunk), HTTP_CHUNKS, this.#ownsBytes);
      this.#chunks.reset();
    }
    this.events.onHead(head, facts, framing);
  }

  #readBody(bytes: Buffer, from: number): number {
    switch (this.#framing.kind) {
      case 'length': {
        const end = Math.min(bytes.length, from + this.#remaining);
        this.#remaining -= end - from;
        if (this.#remaining === 0) this.#state = 'boundary';
        this.events.onData(from === 0 && end === bytes.length ? bytes : bytes.subarray(from, end));
        if (this.#remaining === 0) this.events.onEnd(NO_TRAILERS);
        return end;
      }
      case 'chunked': {
        const chunks = this.#chunks!;
        const at = chunks.execute(bytes, from);
        if (chunks.done) {
          this.#state = 'boundary';
          this.events.onEnd(safeTrailers(chunks.trailers));
        }
        return at;
      }
      default:
        this.events.onData(from === 0 ? bytes : bytes.subarray(from));
        return bytes.length;
    }
  }
}

const REQUEST_RULES: Omit<HeadRules, 'maxFields'> = {
  startLine: 'ERR_HTTP_REQUEST_LINE',
  version: 'ERR_HTTP_VERSION',
  code: 'ERR_HTTP_FIELD',
  tooLarge: 'ERR_HTTP_HEAD_TOO_LARGE',
  folding: 'refuse',
};

/** Reads the requests of one client connection. */
export class RequestReader extends MessageReader<RequestHead> {
  readonly #targetBytes: number;

  constructor(
    events: MessageEvents<RequestHead>,
    limits: HeadLimits = DEFAULT_HEAD_LIMITS,
    ownsBytes = false,
  ) {
    super(events, limits, { ...REQUEST_RULES, maxFields: limits.headerFields }, ownsBytes);
    this.#targetBytes = limits.targetBytes;
  }

  protected parseHead(bytes: Buffer): RequestHead {
    const head = parseRequestHead(bytes, this.rules);
    if (head.target.length > this.#targetBytes) {
      throw new HttpError(
        'ERR_HTTP_TARGET_TOO_LONG',
        `request target longer than ${this.#targetBytes} bytes`,
      );
    }
    return head;
  }

  protected framingOf(head: RequestHead, facts: HeaderFacts): Framing {
    if (facts.host === null && head.version === '1.1') throw new HttpError('ERR_HTTP_HOST', 'no Host field');
    return requestFraming(head, facts);
  }
}

const RESPONSE_RULES: Omit<HeadRules, 'maxFields'> = {
  startLine: 'ERR_ORIGIN_RESPONSE',
  version: 'ERR_ORIGIN_RESPONSE',
  code: 'ERR_ORIGIN_RESPONSE',
  tooLarge: 'ERR_ORIGIN_RESPONSE',
  // A proxy may replace folding in a response with blanks (RFC 9112 §5.2).
  folding: 'join',
};

/** Reads the responses of one origin connection; `expect` names the method of each request first. */
export class ResponseReader extends MessageReader<ResponseHead> {
  #method = 'GET';

  constructor(
    events: MessageEvents<ResponseHead>,
    limits: HeadLimits = DEFAULT_HEAD_LIMITS,
    ownsBytes = false,
  ) {
    super(events, limits, { ...RESPONSE_RULES, maxFields: limits.headerFields }, ownsBytes);
  }

  expect(method: string): void {
    this.#method = method;
    this.next();
  }

  override execute(bytes: Buffer, from = 0): number {
    try {
      return super.execute(bytes, from);
    } catch (error) {
      throw asOriginError(error);
    }
  }

  protected parseHead(bytes: Buffer): ResponseHead {
    return parseResponseHead(bytes, this.rules);
  }

  protected framingOf(head: ResponseHead, facts: HeaderFacts): Framing {
    return responseFraming(head, facts, this.#method);
  }
}

/** What a client may be blamed for with 400 is, from an origin, a bad gateway. */
function asOriginError(error: unknown): unknown {
  if (!isWeirError(error) || error.code === 'ERR_ORIGIN_RESPONSE') return error;
  return new HttpError('ERR_ORIGIN_RESPONSE', error.message, error.fields, error);
}

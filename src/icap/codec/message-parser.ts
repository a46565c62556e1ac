// Bytes in, ICAP messages out: head, encapsulated header sections, chunked body, preview, trailers.
// Pure: no socket, no timer. Used by the server (requests) and the client (responses). What may be
// answered, and when, is server/exchange.ts and client/exchange.ts.
//
//   head ──▶ sections ──▶ body ──▶ [trailer] ──▶ end      (a message boundary: `execute` stops here)
//                           └──▶ preview-end ──▶ continueBody() ─▶ body │ endMessage() ─▶ end

import { IcapError } from '../../errors.ts';
import { ByteCollector, findHeadEnd } from './byte-collector.ts';
import { ChunkedDecoder, ICAP_CHUNKS, chunkExtension } from './chunked.ts';
import type { IcapMethod } from './encapsulated.ts';
import type { HeadLimits, IcapControls, IcapRequestHead, IcapResponseHead } from './head.ts';
import {
  DEFAULT_HEAD_LIMITS,
  icapHeadText,
  parseIcapRequestFields,
  parseIcapRequestLine,
  parseIcapResponse,
} from './head.ts';
import type { BodyEnd, IcapMessageEvents } from './message-events.ts';
import { NO_BODY, NO_FIELDS } from './message-events.ts';

export { MAX_SECTION } from './head.ts';

export type { BodyEnd, IcapMessageEvents, Sections } from './message-events.ts';

const LINE_END = Buffer.from('\r\n', 'latin1');
const ZERO_CHUNK = Buffer.from('0\r\n\r\n', 'latin1');

export type ParserState = 'head' | 'sections' | 'body' | 'preview-end' | 'trailer' | 'boundary' | 'failed';

abstract class IcapMessageParser<Head extends IcapControls> {
  protected readonly events: IcapMessageEvents<Head>;
  protected readonly strict: boolean;
  protected readonly limits: HeadLimits;
  protected head: Head | null = null;
  #state: ParserState = 'head';
  readonly #collector = new ByteCollector();
  readonly #chunks: ChunkedDecoder;
  #sectionIndex = 0;
  #requestHeader: Buffer | null = null;
  #responseHeader: Buffer | null = null;
  #inPreview = false;
  #previewLeft = 0;
  #end: BodyEnd = NO_BODY; // of the body in front of an ICAP trailer
  #sentAhead = false; // bytes came right behind the preview's end
  #emptyPreview = false;
  #strayZeroChunk = false; // an empty preview may be ended a second time here

  /** @param ownsBytes  see ChunkedDecoder */
  constructor(
    events: IcapMessageEvents<Head>,
    strict: boolean,
    ownsBytes = false,
    limits: HeadLimits = DEFAULT_HEAD_LIMITS,
  ) {
    this.events = events;
    this.strict = strict;
    this.limits = limits;
    this.#chunks = new ChunkedDecoder((chunk) => this.#onChunk(chunk), ICAP_CHUNKS, ownsBytes);
  }

  get state(): ParserState {
    return this.#state;
  }

  /** True when bytes of a message have been read and it is not complete. */
  get midMessage(): boolean {
    return this.#state !== 'boundary' && (this.#state !== 'head' || this.#collector.length > 0);
  }

  /**
   * Parses from `from` on; stops at a message boundary, at the end of a preview, or at the end of bytes.
   *
   * @returns offset of the first byte that was not consumed
   * @throws {IcapError} with the status it maps to; afterwards the parser is `failed` and reads nothing
   */
  execute(bytes: Buffer, from = 0): number {
    let at = from;
    try {
      while (at < bytes.length) {
        if (this.#state === 'head') at = this.#readHead(bytes, at);
        else if (this.#state === 'sections') at = this.#readSection(bytes, at);
        else if (this.#state === 'body') at = this.#readBody(bytes, at);
        else if (this.#state === 'trailer') at = this.#readTrailer(bytes, at);
        else break;
      }
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    return at;
  }

  /** Bytes came in one piece with the end of the preview that was read last. */
  get sentAhead(): boolean {
    return this.#sentAhead;
  }

  /**
   * After a preview: 100 was agreed, the rest of the body follows.
   *
   * @param ahead  bytes that came since wait to be read: the client has not waited for 100. Read leniently, a
   *               second end of an empty preview among them, which one deployed client sends, is passed over:
   *               taken for the end of the rest, it would hide it (V-12)
   */
  continueBody(ahead = false): void {
    this.#expectState('preview-end');
    this.#chunks.reset();
    this.#inPreview = false;
    this.#strayZeroChunk = this.#emptyPreview && ahead;
    this.#state = 'body';
  }

  /** After a preview: a final answer was given, nothing more of this message follows (C-49). */
  endMessage(): void {
    this.#expectState('preview-end');
    this.#strayZeroChunk = this.#emptyPreview;
    this.#state = 'boundary';
  }

  /** At a boundary: read the next message. */
  nextMessage(): void {
    this.#expectState('boundary');
    this.head = null;
    this.#state = 'head';
  }

  protected abstract parseHead(bytes: Buffer): Head;
  /** True when a section ends at its blank line whatever its announced length (K-36). */
  protected abstract get sectionsEndAtBlankLine(): boolean;

  #expectState(state: ParserState): void {
    if (this.#state !== state) throw new TypeError(`parser is in state ${this.#state}, not ${state}`);
  }

  #readHead(bytes: Buffer, from: number): number {
    let at = from;
    // Empty lines before a start line are ignored (C-15); none may hide inside a head.
    if (this.#collector.length === 0) {
      while (at < bytes.length && (bytes[at] === 0x0d || bytes[at] === 0x0a)) at++;
      if (at === bytes.length) return at;
    }
    const { end, bareLf } = findHeadEnd(this.#collector, bytes, at);
    if (bareLf) throw new IcapError('ERR_ICAP_FIELD', 'a header line ends in a bare LF');
    const stop = end < 0 ? bytes.length : end;
    const total = this.#collector.length + stop - at;
    const { headerBytes } = this.limits;
    if (total > headerBytes) {
      throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', `ICAP header longer than ${headerBytes} bytes`);
    }
    let head: Buffer;
    if (end >= 0 && this.#collector.length === 0) {
      head = bytes.subarray(at, end);
    } else {
      this.#collector.append(bytes, at, stop);
      if (end < 0) {
        this.#checkStartLine(this.#collector.peek());
        return stop;
      }
      head = this.#collector.take();
    }
    const stray = this.#strayZeroChunk && head.equals(ZERO_CHUNK);
    this.#strayZeroChunk = false;
    if (stray) return stop;
    this.#checkStartLine(head);
    this.#startMessage(this.parseHead(head));
    return stop;
  }

  #checkStartLine(head: Buffer): void {
    const { startLineBytes } = this.limits;
    if (head.length <= startLineBytes) return;
    const end = head.indexOf(0x0a);
    if (end < 0 || end > startLineBytes) {
      throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', `start line longer than ${startLineBytes} bytes`);
    }
  }

  #startMessage(head: Head): void {
    this.head = head;
    this.#requestHeader = null;
    this.#responseHeader = null;
    this.#sectionIndex = 0;
    for (const section of head.encapsulated.sections) {
      if (section.length > this.limits.sectionBytes) throw sectionTooLarge(section.name, this.limits);
    }
    if (head.encapsulated.sections.length > 0) this.#state = 'sections';
    else this.#startBody();
  }

  #readSection(bytes: Buffer, from: number): number {
    const section = this.head!.encapsulated.sections[this.#sectionIndex]!;
    const before = this.#collector.length;
    let stop: number;
    let complete: boolean;
    if (this.sectionsEndAtBlankLine) {
      const { end } = findHeadEnd(this.#collector, bytes, from);
      complete = end >= 0;
      stop = complete ? end : bytes.length;
      if (before + stop - from > this.limits.sectionBytes) throw sectionTooLarge(section.name, this.limits);
    } else {
      stop = Math.min(bytes.length, from + section.length - before);
      complete = before + stop - from === section.length;
    }
    if (complete && before === 0) {
      this.#finishSection(section.name, bytes.subarray(from, stop), section.length);
      return stop;
    }
    this.#collector.append(bytes, from, stop);
    if (complete) this.#finishSection(section.name, this.#collector.take(), section.length);
    return stop;
  }

  #finishSection(name: 'req-hdr' | 'res-hdr', bytes: Buffer, announced: number): void {
    const blank = bytes.indexOf('\r\n\r\n', 0, 'latin1');
    const agrees = blank === bytes.length - 4 && bytes.length === announced;
    if (!agrees && this.strict) {
      throw new IcapError(
        'ERR_ICAP_SECTION',
        `${name} does not end with its blank line where Encapsulated says`,
      );
    }
    // Lenient: a missing blank line is added (C-26), bytes behind the first head are a quirk of some
    // clients (V-30); a section that ends inside a line would poison what follows.
    if (blank < 0 && !(bytes.at(-2) === 0x0d && bytes.at(-1) === 0x0a)) {
      throw new IcapError('ERR_ICAP_SECTION', `${name} does not end at a line end where Encapsulated says`);
    }
    const section = blank >= 0 ? bytes.subarray(0, blank + 4) : Buffer.concat([bytes, LINE_END]);
    if (name === 'req-hdr') this.#requestHeader = section;
    else this.#responseHeader = section;
    this.#sectionIndex++;
    if (this.#sectionIndex === this.head!.encapsulated.sections.length) this.#startBody();
  }

  #startBody(): void {
    const head = this.head!;
    const hasBody = head.encapsulated.body !== null;
    this.#chunks.reset();
    this.#inPreview = hasBody && head.preview !== null && this.previewApplies;
    this.#previewLeft = head.preview ?? 0;
    this.#state = hasBody ? 'body' : 'boundary';
    const ends = !hasBody && !this.trailerFollows;
    if (!hasBody && !ends) this.#expectTrailer(NO_BODY);
    this.events.onMessage(head, { requestHeader: this.#requestHeader, responseHeader: this.#responseHeader });
    if (ends) this.events.onEnd(NO_BODY);
  }

  /** An ICAP trailer was agreed on and announced for this message (C-100, C-101). */
  protected abstract get trailerFollows(): boolean;

  #expectTrailer(end: BodyEnd): void {
    this.#end = end;
    this.#chunks.expectFields();
    this.#state = 'trailer';
  }

  #readTrailer(bytes: Buffer, from: number): number {
    const at = this.#chunks.execute(bytes, from);
    if (!this.#chunks.done) return at;
    this.#state = 'boundary';
    this.events.onEnd({ ...this.#end, icapTrailer: this.#chunks.trailers });
    return at;
  }

  /** `Preview` announces a preview in requests; in an OPTIONS response it is an offer. */
  protected abstract get previewApplies(): boolean;

  #onChunk(chunk: Buffer): void {
    this.#strayZeroChunk = false;
    if (this.#inPreview) {
      this.#previewLeft -= chunk.length;
      if (this.#previewLeft < 0) {
        throw new IcapError(
          'ERR_ICAP_PREVIEW',
          `preview is longer than the announced ${this.head!.preview!} bytes`,
        );
      }
    }
    this.events.onData(chunk);
  }

  #readBody(bytes: Buffer, from: number): number {
    const at = this.#chunks.execute(bytes, from);
    if (!this.#chunks.done) return at;
    const { extension, trailers } = this.#chunks;
    if (this.#strayZeroChunk && extension === '' && trailers.length === 0) {
      this.#strayZeroChunk = false;
      this.#chunks.reset();
      return at;
    }
    const ieof = chunkExtension(extension, 'ieof') !== undefined;
    if (ieof && !this.#inPreview) throw new IcapError('ERR_ICAP_CHUNK', 'ieof outside a preview');
    if (this.#inPreview && !ieof) {
      this.#state = 'preview-end';
      this.#emptyPreview = !this.strict && this.#previewLeft === this.head!.preview;
      this.#sentAhead = at < bytes.length;
      this.events.onPreviewEnd?.();
      return at;
    }
    const end = { ieof, useOriginalBody: originalOffset(extension), trailers, icapTrailer: NO_FIELDS };
    if (this.trailerFollows) this.#expectTrailer(end);
    else {
      this.#state = 'boundary';
      this.events.onEnd(end);
    }
    return at;
  }
}

/** Reads ICAP requests, one after another. */
export class IcapRequestParser extends IcapMessageParser<IcapRequestHead> {
  protected parseHead(bytes: Buffer): IcapRequestHead {
    const text = icapHeadText(bytes);
    let end = text.indexOf('\r\n');
    if (end < 0) end = text.length;
    const line = parseIcapRequestLine(text.slice(0, end));
    this.events.onRequestLine?.(line);
    return parseIcapRequestFields(line, text, end + 2, this.strict, this.limits.headerFields);
  }

  protected get sectionsEndAtBlankLine(): boolean {
    return false;
  }

  protected get previewApplies(): boolean {
    return true;
  }

  protected get trailerFollows(): boolean {
    return false;
  }
}

/** Reads ICAP responses; `expect` names the method of each request before its response arrives. */
export class IcapResponseParser extends IcapMessageParser<IcapResponseHead> {
  #method: IcapMethod = 'OPTIONS';

  /** The next response answers a request of this method. */
  expect(method: IcapMethod): void {
    this.#method = method;
    if (this.state === 'boundary') this.nextMessage();
  }

  protected parseHead(bytes: Buffer): IcapResponseHead {
    return parseIcapResponse(icapHeadText(bytes), this.#method, this.strict);
  }

  protected get sectionsEndAtBlankLine(): boolean {
    return !this.strict;
  }

  protected get previewApplies(): boolean {
    return false;
  }

  protected get trailerFollows(): boolean {
    const { status, hasTrailer, allowTrailers } = this.head!;
    return hasTrailer && allowTrailers && status >= 200 && this.#method !== 'OPTIONS';
  }
}

function sectionTooLarge(name: string, { sectionBytes }: HeadLimits): IcapError {
  return new IcapError('ERR_ICAP_SECTION_TOO_LARGE', `${name} longer than ${sectionBytes} bytes`);
}

function originalOffset(extension: string): number | null {
  const value = chunkExtension(extension, 'use-original-body');
  if (value === undefined) return null;
  const offset = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(offset))
    throw new IcapError('ERR_ICAP_CHUNK', 'use-original-body is not a byte offset');
  return offset;
}

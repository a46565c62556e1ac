// Bytes in, ICAP messages out: head, encapsulated header sections, chunked body, preview, trailers.
// Pure: no socket, no timer. Used by the server (requests) and the client (responses). What may be
// answered, and when, is server/exchange.ts and client/exchange.ts.
//
//   head ──▶ sections ──▶ body ──▶ end            (a message boundary: `execute` stops here)
//                           └──▶ preview-end ──▶ continueBody() ─▶ body │ endMessage() ─▶ end

import { IcapError } from '../../errors.ts';
import { ByteCollector, findHeadEnd } from './byte-collector.ts';
import { ChunkedDecoder, ICAP_CHUNKS, chunkExtension } from './chunked.ts';
import type { IcapMethod } from './encapsulated.ts';
import type { IcapControls, IcapRequestHead, IcapRequestLine, IcapResponseHead } from './head.ts';
import {
  MAX_ICAP_HEAD,
  MAX_START_LINE,
  icapHeadText,
  parseIcapRequestFields,
  parseIcapRequestLine,
  parseIcapResponse,
} from './head.ts';
import type { RawHeaders } from './http-head.ts';

export const MAX_SECTION = 128 * 1024; // bytes of one encapsulated HTTP header section

/** Encapsulated header sections as received, closing blank line included; null where absent. */
export interface Sections {
  readonly requestHeader: Buffer | null;
  readonly responseHeader: Buffer | null;
}

export interface BodyEnd {
  /** The preview held the whole body. */
  readonly ieof: boolean;
  /** Byte offset into the original body that a 206 appends from; null without the extension. */
  readonly useOriginalBody: number | null;
  /** HTTP trailer fields (C-33). */
  readonly trailers: RawHeaders;
}

export interface IcapMessageEvents<Head> {
  /** Request line understood, fields not yet: lets a server choose 404 or 405 before 400 (S-13). */
  onRequestLine?(line: IcapRequestLine): void;
  /** Head and header sections are complete; a body follows if `head.encapsulated.body` is not null. */
  onMessage(head: Head, sections: Sections): void;
  onData(chunk: Buffer): void;
  /** The preview's zero chunk was read and more may follow: nothing is read until the owner decides. */
  onPreviewEnd?(): void;
  /** The message is complete. */
  onEnd(end: BodyEnd): void;
}

const LINE_END = Buffer.from('\r\n', 'latin1');
const NO_BODY: BodyEnd = { ieof: false, useOriginalBody: null, trailers: [] };

export type ParserState = 'head' | 'sections' | 'body' | 'preview-end' | 'boundary' | 'failed';

abstract class IcapMessageParser<Head extends IcapControls> {
  protected readonly events: IcapMessageEvents<Head>;
  protected readonly strict: boolean;
  protected head: Head | null = null;
  #state: ParserState = 'head';
  readonly #collector = new ByteCollector();
  readonly #chunks: ChunkedDecoder;
  #sectionIndex = 0;
  #requestHeader: Buffer | null = null;
  #responseHeader: Buffer | null = null;
  #inPreview = false;
  #previewLeft = 0;

  /** @param ownsBytes  see ChunkedDecoder */
  constructor(events: IcapMessageEvents<Head>, strict: boolean, ownsBytes = false) {
    this.events = events;
    this.strict = strict;
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
        else break;
      }
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
    return at;
  }

  /** After a preview: 100 was agreed, the rest of the body follows. */
  continueBody(): void {
    this.#expectState('preview-end');
    this.#chunks.reset();
    this.#inPreview = false;
    this.#state = 'body';
  }

  /** After a preview: a final answer was given, nothing more of this message follows (C-49). */
  endMessage(): void {
    this.#expectState('preview-end');
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
    if (total > MAX_ICAP_HEAD) {
      throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', `ICAP header longer than ${MAX_ICAP_HEAD} bytes`);
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
    this.#checkStartLine(head);
    this.#startMessage(this.parseHead(head));
    return stop;
  }

  #checkStartLine(head: Buffer): void {
    if (head.length <= MAX_START_LINE) return;
    const end = head.indexOf(0x0a);
    if (end < 0 || end > MAX_START_LINE) {
      throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', `start line longer than ${MAX_START_LINE} bytes`);
    }
  }

  #startMessage(head: Head): void {
    this.head = head;
    this.#requestHeader = null;
    this.#responseHeader = null;
    this.#sectionIndex = 0;
    for (const section of head.encapsulated.sections) {
      if (section.length > MAX_SECTION) {
        throw new IcapError('ERR_ICAP_SECTION_TOO_LARGE', `${section.name} longer than ${MAX_SECTION} bytes`);
      }
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
      if (before + stop - from > MAX_SECTION) {
        throw new IcapError('ERR_ICAP_SECTION_TOO_LARGE', `${section.name} longer than ${MAX_SECTION} bytes`);
      }
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
    this.events.onMessage(head, { requestHeader: this.#requestHeader, responseHeader: this.#responseHeader });
    if (!hasBody) this.events.onEnd(NO_BODY);
  }

  /** `Preview` announces a preview in requests; in an OPTIONS response it is an offer. */
  protected abstract get previewApplies(): boolean;

  #onChunk(chunk: Buffer): void {
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
    const ieof = chunkExtension(extension, 'ieof') !== undefined;
    if (ieof && !this.#inPreview) throw new IcapError('ERR_ICAP_CHUNK', 'ieof outside a preview');
    if (this.#inPreview && !ieof) {
      this.#state = 'preview-end';
      this.events.onPreviewEnd?.();
      return at;
    }
    this.#state = 'boundary';
    this.events.onEnd({ ieof, useOriginalBody: originalOffset(extension), trailers });
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
    return parseIcapRequestFields(line, text, end + 2, this.strict);
  }

  protected get sectionsEndAtBlankLine(): boolean {
    return false;
  }

  protected get previewApplies(): boolean {
    return true;
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
}

function originalOffset(extension: string): number | null {
  const value = chunkExtension(extension, 'use-original-body');
  if (value === undefined) return null;
  const offset = /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(offset))
    throw new IcapError('ERR_ICAP_CHUNK', 'use-original-body is not a byte offset');
  return offset;
}

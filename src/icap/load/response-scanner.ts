// Finds the end of ICAP responses at the least cost: a head that was seen before is compared and not
// parsed again, and body bytes are counted and not looked at. What a response is worth is judge.ts.
// RFC 3507 §4.4.1, RFC 9112 §7.1; C-20, C-30 … C-34, C-64.

import { IcapError, printable } from '../../errors.ts';
import { chunkExtension } from '../codec/chunked.ts';
import type { IcapMethod } from '../codec/encapsulated.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import { icapHeadText, MAX_ICAP_HEAD, parseIcapResponse } from '../codec/head.ts';
import { MAX_SECTION } from '../codec/message-parser.ts';

const MAX_PREFIX = MAX_ICAP_HEAD + 2 * MAX_SECTION; // bytes of head and header sections
const MAX_LINE = 4096; // bytes of a chunk's size line or of a trailer line
const MAX_TRAILER_LINES = 200;
const KEPT_PREFIXES = 4; // 100, 204, 200 and one more
const MAX_KEPT_PREFIX = 8 * 1024; // bytes
const BLANK_LINE = Buffer.from('\r\n\r\n', 'latin1');
const CR = 0x0d;
const LF = 0x0a;

/** Everything in front of the body: ICAP head and encapsulated header sections. */
interface Prefix {
  readonly bytes: Buffer;
  readonly method: IcapMethod;
  readonly head: IcapResponseHead;
  /** Content-Length of the encapsulated HTTP message, null where it says none. */
  readonly contentLength: number | null;
}

type State = 'prefix' | 'chunk-line' | 'data' | 'data-end' | 'trailer';

export class ResponseScanner {
  /** Of the response that ended last. */
  head: IcapResponseHead | null = null;
  contentLength: number | null = null;
  /** Data bytes of the body. */
  bodyBytes = 0;
  /** Offset from which a 206 appends the original, null without one (C-64). */
  originalOffset: number | null = null;
  readonly #known: Prefix[] = [];
  #method: IcapMethod = 'OPTIONS';
  #state: State = 'prefix';
  #partial: Buffer | null = null; // of a prefix that is not complete
  #line = ''; // of a line that is not complete
  #left = 0; // bytes of the chunk, or of its line end, still to come
  #trailerLines = 0;

  /** The next response answers a request of this method. */
  expect(method: IcapMethod): void {
    this.#method = method;
    this.#state = 'prefix';
    this.#partial = null;
    this.#line = '';
  }

  /**
   * Scans from `from` to the end of the response or of the bytes; keeps no reference to them.
   *
   * @returns offset behind the response, or -1 while more is to come
   * @throws {IcapError} `ERR_ICAP_…` of the codec: the response cannot be understood
   */
  scan(bytes: Buffer, from: number): number {
    let at = from;
    if (this.#state === 'prefix') {
      at = this.#readPrefix(bytes, at);
      if (at < 0) return -1;
      if (this.head!.encapsulated.body === null) return at;
      this.#state = 'chunk-line';
    }
    return this.#readBody(bytes, at);
  }

  #readPrefix(bytes: Buffer, from: number): number {
    const seen = this.#partial === null ? this.#recall(bytes, from) : undefined;
    if (seen !== undefined) {
      this.#begin(seen);
      return from + seen.bytes.length;
    }
    const before = this.#partial?.length ?? 0;
    const all = this.#partial === null ? bytes.subarray(from) : Buffer.concat([this.#partial, bytes]);
    const prefix = this.#parse(all);
    if (prefix === null) {
      if (all.length > MAX_PREFIX) throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', 'the head does not end');
      this.#partial = Buffer.from(all);
      return -1;
    }
    this.#partial = null;
    this.#keep(prefix);
    this.#begin(prefix);
    return from + prefix.bytes.length - before;
  }

  #recall(bytes: Buffer, from: number): Prefix | undefined {
    for (const prefix of this.#known) {
      const end = from + prefix.bytes.length;
      if (prefix.method !== this.#method || end > bytes.length) continue;
      if (prefix.bytes.compare(bytes, from, end) === 0) return prefix;
    }
    return undefined;
  }

  /** The prefix at the start of the bytes, copied, or null while it is not complete. */
  #parse(bytes: Buffer): Prefix | null {
    const blank = bytes.indexOf(BLANK_LINE);
    if (blank > MAX_ICAP_HEAD || (blank < 0 && bytes.length > MAX_ICAP_HEAD)) {
      throw new IcapError('ERR_ICAP_HEAD_TOO_LARGE', `ICAP head longer than ${MAX_ICAP_HEAD} bytes`);
    }
    if (blank < 0) {
      if (bytes.length >= 5 && bytes.toString('latin1', 0, 5) !== 'ICAP/') throw notIcap(bytes);
      return null;
    }
    const headEnd = blank + 4;
    const head = parseIcapResponse(icapHeadText(bytes.subarray(0, headEnd)), this.#method, false);
    const { headerBytes } = head.encapsulated;
    if (headerBytes > 2 * MAX_SECTION) {
      throw new IcapError('ERR_ICAP_SECTION_TOO_LARGE', `${headerBytes} bytes of HTTP header are announced`);
    }
    const end = headEnd + headerBytes;
    if (bytes.length < end) return null;
    const sections = bytes.toString('latin1', headEnd, end);
    const length = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n/i.exec(sections)?.[1];
    return {
      bytes: Buffer.from(bytes.subarray(0, end)),
      method: this.#method,
      head,
      contentLength: length === undefined ? null : Number(length),
    };
  }

  #keep(prefix: Prefix): void {
    if (prefix.bytes.length > MAX_KEPT_PREFIX) return;
    this.#known.unshift(prefix);
    if (this.#known.length > KEPT_PREFIXES) this.#known.pop();
  }

  #begin({ head, contentLength }: Prefix): void {
    this.head = head;
    this.contentLength = contentLength;
    this.bodyBytes = 0;
    this.originalOffset = null;
    this.#trailerLines = 0;
  }

  #readBody(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        at = end;
        if (this.#left > 0) return -1;
        this.#state = 'data-end';
        this.#left = 2;
      } else if (this.#state === 'data-end') {
        if (bytes[at++] !== (this.#left === 2 ? CR : LF)) {
          throw new IcapError('ERR_ICAP_CHUNK', 'chunk data is not followed by CR LF');
        }
        if (--this.#left === 0) this.#state = 'chunk-line';
      } else {
        const end = bytes.indexOf(LF, at);
        this.#line += bytes.toString('latin1', at, end < 0 ? bytes.length : end);
        if (this.#line.length > MAX_LINE) throw new IcapError('ERR_ICAP_CHUNK', 'a line does not end');
        if (end < 0) return -1;
        const line = this.#line;
        this.#line = '';
        at = end + 1;
        if (this.#state === 'chunk-line') this.#readChunkLine(line);
        else if (line === '\r' || line === '') return at;
        else if (++this.#trailerLines > MAX_TRAILER_LINES) {
          throw new IcapError('ERR_ICAP_TRAILER', `more than ${MAX_TRAILER_LINES} trailer lines`);
        }
      }
    }
    return -1;
  }

  #readChunkLine(line: string): void {
    const match = /^([0-9a-f]{1,13})[ \t]*(?:;(.*?))?\r?$/i.exec(line);
    if (match === null) throw new IcapError('ERR_ICAP_CHUNK', `not a chunk size: "${printable(line)}"`);
    this.#left = Number.parseInt(match[1]!, 16);
    this.bodyBytes += this.#left;
    this.#state = this.#left === 0 ? 'trailer' : 'data';
    if (this.#left > 0 || match[2] === undefined) return;
    const offset = chunkExtension(match[2], 'use-original-body');
    if (offset === undefined) return;
    if (!/^\d{1,15}$/.test(offset)) {
      throw new IcapError('ERR_ICAP_CHUNK', 'use-original-body is not a byte offset');
    }
    this.originalOffset = Number(offset);
  }
}

function notIcap(bytes: Buffer): IcapError {
  const shown = printable(bytes.subarray(0, 40));
  return new IcapError('ERR_ICAP_START_LINE', `the answer is not ICAP: "${shown}"`);
}

// Chunked coding, as HTTP/1.1 bodies and every ICAP body use it: an incremental decoder that slices
// without copying, and the few bytes an encoder needs. Extensions are kept only from the last chunk,
// where ICAP puts `ieof` and `use-original-body`. RFC 9112 §7.1; C-30 … C-34, C-43, C-64.

import type { ErrorCode } from '../../errors.ts';
import { IcapError, printable } from '../../errors.ts';
import type { FieldRules } from './fields.ts';
import { formatFields, parseFields, refuseControlCharacters } from './fields.ts';
import { DataGatherer } from './data-gatherer.ts';
import type { RawHeaders } from './http-head.ts';

export const MAX_CHUNK_LINE = 4096; // bytes, CR LF included
export const MAX_TRAILER = 64 * 1024; // bytes of all trailer lines
const MAX_TRAILER_FIELDS = 200;

export interface ChunkedRules {
  readonly chunk: ErrorCode;
  readonly trailer: ErrorCode;
  /** ICAP: blanks before the line end are tolerated, `ieof` on a data chunk is an error (C-43). */
  readonly icap: boolean;
}

export const ICAP_CHUNKS: ChunkedRules = { chunk: 'ERR_ICAP_CHUNK', trailer: 'ERR_ICAP_TRAILER', icap: true };
export const HTTP_CHUNKS: ChunkedRules = { chunk: 'ERR_HTTP_CHUNK', trailer: 'ERR_HTTP_FIELD', icap: false };

const STATE = { line: 0, data: 1, dataEnd: 2, trailer: 3, done: 4 } as const;
type State = (typeof STATE)[keyof typeof STATE];

const MAX_PLAIN_DIGITS = 8;
const CR = 0x0d;
const LF = 0x0a;

/** Decodes one chunked body. Feed it with `execute` until `done`; then read `trailers` and `extension`. */
export class ChunkedDecoder {
  /** Trailer fields, known once `done`. */
  trailers: RawHeaders = [];
  /** Extension text of the last chunk without the leading `;`, e.g. `ieof`; '' if none. */
  extension = '';
  readonly #onData: (chunk: Buffer) => void;
  readonly #rules: ChunkedRules;
  #state: State = STATE.line;
  #remaining = 0;
  readonly #gatherer: DataGatherer; // data of this read, not handed on yet
  #partial = ''; // a line that is not complete yet
  #trailerText = ''; // complete trailer lines

  /** @param ownsBytes  `execute` may overwrite bytes that it has decoded, to join chunks without a copy */
  constructor(onData: (chunk: Buffer) => void, rules: ChunkedRules, ownsBytes = false) {
    this.#gatherer = new DataGatherer(ownsBytes);
    this.#onData = onData;
    this.#rules = rules;
  }

  get done(): boolean {
    return this.#state === STATE.done;
  }

  /** Ready for another body; used after a preview, whose rest is a chunked body of its own. */
  reset(): void {
    this.trailers = [];
    this.extension = '';
    this.#state = STATE.line;
    this.#remaining = 0;
    this.#partial = '';
    this.#trailerText = '';
    this.#gatherer.take();
  }

  /** Ready for a block of fields alone, as an ICAP trailer is: same limits, result in `trailers` (C-100). */
  expectFields(): void {
    this.reset();
    this.#state = STATE.trailer;
  }

  /**
   * Decodes from `from` on; stops at the end of the body or of the bytes.
   *
   * @returns offset of the first byte that was not consumed
   * @throws {IcapError} `rules.chunk` or `rules.trailer`; the decoder is unusable afterwards
   */
  execute(bytes: Buffer, from: number): number {
    try {
      return this.#decode(bytes, from);
    } finally {
      // Also in front of an error: what is reported must not depend on how the bytes were cut.
      const data = this.#gatherer.take();
      if (data !== null) this.#onData(data);
    }
  }

  #decode(bytes: Buffer, from: number): number {
    let at = from;
    while (at < bytes.length && this.#state !== STATE.done) {
      switch (this.#state) {
        case STATE.line: {
          const end = this.#readPlainLine(bytes, at);
          at = end < 0 ? this.#readLine(bytes, at) : end;
          break;
        }
        case STATE.data: {
          const end = Math.min(bytes.length, at + this.#remaining);
          this.#remaining -= end - at;
          if (this.#remaining === 0) this.#state = STATE.dataEnd;
          this.#gatherer.add(bytes, at, end);
          at = end;
          break;
        }
        case STATE.dataEnd:
          if (this.#partial === '' && bytes[at] === CR && bytes[at + 1] === LF) {
            this.#state = STATE.line;
            at += 2;
          } else at = this.#readDataEnd(bytes, at);
          break;
        default:
          at = this.#readTrailer(bytes, at);
      }
    }
    return at;
  }

  /** A size line without extension that is here whole, the usual case; -1 for any other line. */
  #readPlainLine(bytes: Buffer, at: number): number {
    if (this.#partial !== '') return -1;
    let size = 0;
    let i = at;
    const limit = Math.min(bytes.length - 1, at + MAX_PLAIN_DIGITS);
    for (; i < limit; i++) {
      const digit = hexDigit(bytes[i]!);
      if (digit < 0) break;
      size = size * 16 + digit;
    }
    if (i === at || size === 0 || bytes[i] !== CR || bytes[i + 1] !== LF) return -1;
    this.#remaining = size;
    this.#state = STATE.data;
    return i + 2;
  }

  #readLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at);
    const stop = end < 0 ? bytes.length : end + 1;
    if (this.#partial.length + stop - at > MAX_CHUNK_LINE) {
      throw this.#broken(`chunk line longer than ${MAX_CHUNK_LINE} bytes`);
    }
    if (end < 0) {
      this.#partial += bytes.toString('latin1', at, stop);
      return stop;
    }
    const line =
      this.#partial === ''
        ? bytes.toString('latin1', at, stop)
        : this.#partial + bytes.toString('latin1', at, stop);
    this.#partial = '';
    if (line.charCodeAt(line.length - 2) !== CR) throw this.#broken('chunk line ends in a bare LF');
    this.#remaining = this.#parseLine(line);
    this.#state = this.#remaining === 0 ? STATE.trailer : STATE.data;
    return stop;
  }

  /** Size of the chunk that the line announces; keeps the extension of the last chunk. */
  #parseLine(line: string): number {
    let size = 0;
    let i = 0;
    for (; ; i++) {
      const digit = hexDigit(line.charCodeAt(i));
      if (digit < 0) break;
      size = size * 16 + digit;
      if (size > Number.MAX_SAFE_INTEGER) throw this.#broken('chunk size is too large');
    }
    if (i === 0) throw this.#broken(`not a chunk size: "${printable(line.trimEnd())}"`);
    const end = line.length - 2;
    if (i === end) return size;
    const rest = line.slice(i, end);
    const extension = withoutLeadingBlanks(rest);
    if (extension === '' ? !this.#rules.icap : !extension.startsWith(';')) {
      throw this.#broken(`not a chunk size: "${printable(line.slice(0, end))}"`);
    }
    refuseControlCharacters(rest, this.#rules.chunk);
    if (size === 0) this.extension = withoutLeadingBlanks(extension.slice(1)).trimEnd();
    else if (this.#rules.icap && chunkExtension(extension.slice(1), 'ieof') !== undefined) {
      throw this.#broken('ieof on a chunk with data');
    }
    return size;
  }

  #readDataEnd(bytes: Buffer, at: number): number {
    for (; at < bytes.length; at++) {
      const wanted = this.#partial === '' ? CR : LF;
      if (bytes[at] !== wanted) throw this.#broken('chunk data is not followed by CR LF');
      if (wanted === LF) {
        this.#partial = '';
        this.#state = STATE.line;
        return at + 1;
      }
      this.#partial = '\r';
    }
    return at;
  }

  #readTrailer(bytes: Buffer, at: number): number {
    // The usual case: no trailer, the blank line follows at once.
    if (this.#trailerText === '' && this.#partial === '' && bytes[at] === CR && bytes[at + 1] === LF) {
      this.#state = STATE.done;
      return at + 2;
    }
    while (at < bytes.length) {
      const end = bytes.indexOf(LF, at);
      const stop = end < 0 ? bytes.length : end + 1;
      if (this.#trailerText.length + this.#partial.length + stop - at > MAX_TRAILER) {
        throw new IcapError(this.#rules.trailer, `trailer longer than ${MAX_TRAILER} bytes`);
      }
      this.#partial += bytes.toString('latin1', at, stop);
      at = stop;
      if (end < 0) return at;
      const line = this.#partial;
      this.#partial = '';
      if (!line.endsWith('\r\n')) throw new IcapError(this.#rules.trailer, 'trailer line ends in a bare LF');
      if (line === '\r\n') {
        this.#finishTrailer();
        return at;
      }
      this.#trailerText += line;
    }
    return at;
  }

  #finishTrailer(): void {
    const text = this.#trailerText.slice(0, -2);
    this.#trailerText = '';
    this.#state = STATE.done;
    if (text === '') return;
    refuseControlCharacters(text, this.#rules.trailer);
    const rules: FieldRules = {
      code: this.#rules.trailer,
      tooLarge: this.#rules.trailer,
      folding: this.#rules.icap ? 'join' : 'refuse',
      maxFields: MAX_TRAILER_FIELDS,
    };
    this.trailers = parseFields(text, 0, rules);
  }

  #broken(what: string): IcapError {
    return new IcapError(this.#rules.chunk, what);
  }
}

function hexDigit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  if (c >= 0x61 && c <= 0x66) return c - 0x57;
  if (c >= 0x41 && c <= 0x46) return c - 0x37;
  return -1;
}

function withoutLeadingBlanks(text: string): string {
  return text.replace(/^[ \t]+/, '');
}

// One extension from the current place on, with the `;` behind it; blanks around its parts.
const EXTENSION = /[ \t]*([^;="\s]+)[ \t]*(?:=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*?)[ \t]*)?(?:;|$)/y;

/**
 * Value of one chunk extension. Looks no further than an extension that is not well-formed, so that
 * nothing inside a quoted value is ever taken for an extension.
 *
 * @param extensions  text after the size without the first `;`, e.g. `ieof` or `a="x;y"; use-original-body=7`
 * @returns '' for an extension without value, undefined when it is absent
 */
export function chunkExtension(extensions: string, lowerName: string): string | undefined {
  EXTENSION.lastIndex = 0;
  while (EXTENSION.lastIndex < extensions.length) {
    const match = EXTENSION.exec(extensions);
    if (match === null) return undefined;
    if (match[1]!.toLowerCase() === lowerName) return match[2] ?? '';
  }
  return undefined;
}

/** Line in front of `size` bytes of data. */
export function chunkLine(size: number): string {
  return `${size.toString(16)}\r\n`;
}

export const CHUNK_END = '\r\n';
/** Ends a body that has no trailers. */
export const LAST_CHUNK = '0\r\n\r\n';
/** Ends a preview that held the whole body (C-42). */
export const LAST_CHUNK_IEOF = '0; ieof\r\n\r\n';

/** Ends a body: last chunk with an optional extension, then the trailers. */
export function lastChunk(trailers: readonly string[], extension = ''): string {
  return `0${extension === '' ? '' : `; ${extension}`}\r\n${formatFields(trailers)}\r\n`;
}

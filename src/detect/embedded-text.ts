// Content written out as text within other text: data: URIs, base64 and hexadecimal digits in string literals
// or long runs (HTML smuggling), uuencoded files, objects in RTF as hexadecimal digits. What is found is decoded and
// judged by its own type. RFC 2397, RFC 4648 §4, POSIX uuencode, [MS-OLEDS] 2.2.5 for RTF objects.

import type { ByteSource } from './byte-source.ts';
import type { FileType } from './file-type.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';
import { packagedFile } from './ole.ts';

export interface Embedded {
  readonly name: string;
  readonly content: Buffer;
}

/** Text beyond this is scanned as it stands, but not searched; a trouble where it can be expected to embed. */
export const MAX_TEXT_BYTES = 32 * 2 ** 20;
const MIN_CONTENT = 16; // bytes; nothing that matters is shorter

/** Yields what the text hides. Not counted as members: a page may well hold thousands of tiny pictures. */
export async function* textMembers(
  source: ByteSource,
  type: FileType | null,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  if (source.size > MAX_TEXT_BYTES) return noteLongText(type, ledger, at);
  for (const { name, content } of embeddedContents(await source.read(0, source.size))) {
    yield { path: memberPath(at, name), chunks: once(content) };
  }
}

/** Plain text of that size is a log or a table; markup and scripts are where content is hidden. */
export function noteLongText(type: FileType | null, ledger: Ledger, at: string): void {
  if (type === null) return;
  ledger.note('oversized', at, `${type.name} of more than ${MAX_TEXT_BYTES} bytes is not searched for data`);
}

/**
 * Finds and decodes what is written out in a text, in one pass for each way of writing. Never throws.
 * @param bytes the text; UTF-16 by its byte order mark, else bytes of which only ASCII matters
 */
export function* embeddedContents(bytes: Buffer): Generator<Embedded> {
  const wide = bytes[0] === 0xff && bytes[1] === 0xfe;
  const text = wide ? bytes.toString('utf16le', 2) : bytes.toString('latin1');
  yield* dataUris(text);
  yield* base64Runs(wide ? Buffer.from(text, 'latin1') : bytes);
  yield* uuencodedFiles(text);
  if (/^\s*\{\\rt/.test(text)) yield* rtfObjects(text);
}

const DATA_URI = /\bdata:([\w.+-]*\/?[\w.+-]*)((?:;[\w.+-]+(?:=[^;,"'\s<>]{0,200})?){0,8}),/iy;
const BEFORE_COLON = 'data'.length;
const BASE64_PAYLOAD = /[A-Za-z0-9+/_=%\s-]*/y;
const PLAIN_PAYLOAD = /[^"'\s<>`]*/y;

function* dataUris(text: string): Generator<Embedded> {
  // Looking for the colon takes a tenth of the time that the expression needs to find its own beginning.
  for (let colon = text.indexOf(':', BEFORE_COLON); colon >= 0; colon = text.indexOf(':', colon + 1)) {
    if ((text.charCodeAt(colon - 1) | 0x20) !== 0x61) continue; // a
    DATA_URI.lastIndex = colon - BEFORE_COLON;
    const match = DATA_URI.exec(text);
    if (match === null) continue;
    const base64 = /;base64$/i.test(match[2]!);
    const payload = base64 ? BASE64_PAYLOAD : PLAIN_PAYLOAD;
    payload.lastIndex = match.index + match[0].length;
    const raw = payload.exec(text)?.[0] ?? '';
    const plain = raw.includes('%')
      ? raw.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      : raw;
    const content = Buffer.from(plain, base64 ? 'base64' : 'latin1');
    if (content.length >= MIN_CONTENT) yield { name: `data:${match[1]!.slice(0, 60)}`, content };
  }
}

const QUOTES = new Set(Buffer.from('"\'`'));
const MIN_QUOTED = 64; // characters of a string literal that is nothing but base64
const MIN_RUN = 512; // characters of base64 that stands anywhere
const MIN_LINE = 60; // characters of a line that the next may go on from
const NEWLINE = 0x0a;
const RETURN = 0x0d;

const IS_BASE64 = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')) {
  IS_BASE64[byte] = 1;
}

function* base64Runs(bytes: Buffer): Generator<Embedded> {
  for (let start = nextStretch(bytes, 0), at = 0; start >= 0; start = nextStretch(bytes, at)) {
    at = start;
    let line = at;
    for (;;) {
      while (at < bytes.length && IS_BASE64[bytes[at]!] === 1) at += 1;
      const next = bytes[at] === RETURN && bytes[at + 1] === NEWLINE ? at + 2 : at + 1;
      const wraps = bytes[next - 1] === NEWLINE && at - line >= MIN_LINE;
      if (!wraps || next >= bytes.length || IS_BASE64[bytes[next]!] === 0) break;
      at = line = next;
    }
    const quoted = QUOTES.has(bytes[start - 1] ?? 0) && (QUOTES.has(bytes[at] ?? 0) || bytes[at] === 0x3d);
    if (at - start < (quoted ? MIN_QUOTED : MIN_RUN)) continue;
    if (bytes.toString('latin1', Math.max(0, start - 7), start).toLowerCase() === 'base64,') continue;
    const run = bytes.toString('latin1', start, at);
    if (!isMixed(run)) continue;
    if (/^[0-9a-f\s]*$/i.test(run)) {
      yield { name: `hexadecimal at ${start}`, content: Buffer.from(run.replace(/\s+/g, ''), 'hex') };
    } else {
      yield { name: `base64 at ${start}`, content: Buffer.from(run, 'base64') };
    }
  }
}

/**
 * Where the next MIN_LINE characters of base64 in a row begin, which every run starts with; -1: nowhere.
 * Looks at every MIN_LINE-th byte and, where that is one of base64, at its neighbours: most bytes are skipped.
 */
function nextStretch(bytes: Buffer, from: number): number {
  let probe = from + MIN_LINE - 1;
  while (probe < bytes.length) {
    let start = probe + 1;
    while (start > from && IS_BASE64[bytes[start - 1]!] === 1) start -= 1;
    let end = probe + 1;
    if (start < end) while (end - start < MIN_LINE && IS_BASE64[bytes[end]!] === 1) end += 1;
    if (end - start >= MIN_LINE) return start;
    from = end; // the byte there, or the one before it, is none of base64
    probe = from + MIN_LINE - 1;
  }
  return -1;
}

/** Encoded data of that length has two kinds of characters at least; long words and rulers have one. */
function isMixed(run: string): boolean {
  return [/[A-Z]/, /[a-z]/, /[0-9]/].filter((kind) => kind.test(run)).length >= 2;
}

const UU_WORD = 'begin ';
const UU_BEGIN = /^begin [0-7]{3,4} (.{1,200}?)\r?\n/my;

function* uuencodedFiles(text: string): Generator<Embedded> {
  for (let begin = text.indexOf(UU_WORD); begin >= 0; begin = text.indexOf(UU_WORD, begin + 1)) {
    UU_BEGIN.lastIndex = begin;
    const match = UU_BEGIN.exec(text);
    if (match === null) continue;
    const parts: Buffer[] = [];
    let at = match.index + match[0].length;
    for (;;) {
      const end = text.indexOf('\n', at);
      const line = text.slice(at, end < 0 ? text.length : end).replace(/\r$/, '');
      const length = (line.charCodeAt(0) - 32) & 63;
      if (end < 0 || line === '' || length === 0 || line === 'end' || line.length > 90) break;
      parts.push(uuLine(line, length));
      at = end + 1;
    }
    const content = Buffer.concat(parts);
    if (content.length >= MIN_CONTENT) yield { name: match[1]!, content };
  }
}

function uuLine(line: string, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const six = (at: number): number => (at < line.length ? (line.charCodeAt(at) - 32) & 63 : 0);
  for (let at = 0, from = 1; at < length; at += 3, from += 4) {
    const group = (six(from) << 18) | (six(from + 1) << 12) | (six(from + 2) << 6) | six(from + 3);
    bytes[at] = group >> 16;
    if (at + 1 < length) bytes[at + 1] = (group >> 8) & 255;
    if (at + 2 < length) bytes[at + 2] = group & 255;
  }
  return bytes;
}

const OBJECT_DATA = '\\objdata';
const OLE_MAGIC = Buffer.from('d0cf11e0a1b11ae1', 'hex');

/** Objects of an RTF document; control words and groups between the digits do not count, as in Word. */
function* rtfObjects(text: string): Generator<Embedded> {
  for (let found = text.indexOf(OBJECT_DATA), number = 1; found >= 0; number += 1) {
    const start = found + OBJECT_DATA.length;
    found = text.indexOf(OBJECT_DATA, start);
    const area = text.slice(start, found < 0 ? undefined : found);
    const digits = area.replace(/\\[a-z]+-?\d* ?/gi, '').match(/^[0-9a-f\s{}]*/i)![0];
    const bytes = Buffer.from(digits.replace(/[^0-9a-f]/gi, ''), 'hex');
    if (bytes.length < MIN_CONTENT) continue;
    const name = `object ${number}`;
    const native = nativeData(bytes);
    yield { name, content: native ?? bytes };
    const file = native === null ? null : packagedFile(Buffer.concat([Buffer.alloc(4), native]));
    if (file !== null && file.content.length >= MIN_CONTENT) yield file;
    const ole = bytes.indexOf(OLE_MAGIC);
    if (ole > 0) yield { name: `${name} (document)`, content: bytes.subarray(ole) };
  }
}

/** The data of an OLE 1.0 object: version, format, three counted strings, a length, then the data. */
function nativeData(object: Buffer): Buffer | null {
  let at = 8;
  for (let strings = 0; strings < 3; strings += 1) {
    if (at + 4 > object.length) return null;
    at += 4 + object.readUInt32LE(at);
  }
  return at + 4 < object.length ? object.subarray(at + 4, at + 4 + object.readUInt32LE(at)) : null;
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}

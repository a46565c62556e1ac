// Header fields as HTTP and ICAP share them: from text to a flat name/value list and back, plus the few
// look-ups that framing needs. Text is latin-1, one character a byte. RFC 9112 §5; C-10 … C-14.

import type { ErrorCode } from '../../errors.ts';
import { IcapError, printable } from '../../errors.ts';

/** Field lines in wire order: name, value, name, value, …; latin-1, case kept, values trimmed. */
export type RawHeaders = string[];

/** What a field parser may accept and which error it raises. */
export interface FieldRules {
  readonly code: ErrorCode;
  readonly tooLarge: ErrorCode;
  /** A line that starts with a blank: refuse it, or join it to the line before with one space. */
  readonly folding: 'refuse' | 'join';
  readonly maxFields: number;
}

const TOKEN = new Uint8Array(256);
for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  TOKEN[c.charCodeAt(0)] = 1;

// CR and LF only as a pair, no other control character except HTAB.
const ILLEGAL = /\r(?!\n)|(?<!\r)\n|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const TAB = 0x09;
const SPACE = 0x20;

/** True when `text` is a non-empty RFC 9110 token. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 255 || TOKEN[c] === 0) return false;
  }
  return true;
}

/** Throws when a head holds NUL, a lone CR or LF, or another control character. */
export function refuseControlCharacters(text: string, code: ErrorCode): void {
  const at = text.search(ILLEGAL);
  if (at < 0) return;
  const found =
    text[at] === '\n' ? 'a bare LF' : text[at] === '\r' ? 'a bare CR' : `the byte ${printable(text[at]!)}`;
  throw new IcapError(code, `header holds ${found} at offset ${at}`, { offset: at });
}

/**
 * Splits field lines into a flat list; names keep case, order and duplicates, values lose outer blanks.
 *
 * @param text  a whole head without its closing blank line, already free of control characters
 * @param from  offset of the first field line
 * @throws {IcapError} `rules.code` for a line that is no field, `rules.tooLarge` past `rules.maxFields`
 */
export function parseFields(text: string, from: number, rules: FieldRules): RawHeaders {
  const headers: RawHeaders = [];
  const length = text.length;
  let at = from;
  while (at < length) {
    let end = text.indexOf('\r\n', at);
    if (end < 0) end = length;
    const first = text.charCodeAt(at);
    if (first === SPACE || first === TAB) {
      joinFolded(headers, text, at, end, rules);
    } else {
      const colon = scanName(text, at, end);
      if (colon < 0) {
        throw new IcapError(rules.code, `not a header field: "${printable(text.slice(at, end))}"`, {
          offset: at,
        });
      }
      if (headers.length >= rules.maxFields * 2) {
        throw new IcapError(rules.tooLarge, `more than ${rules.maxFields} header fields`);
      }
      headers.push(text.slice(at, colon), trimBlanks(text, colon + 1, end));
    }
    at = end + 2;
  }
  return headers;
}

/** Offset of the colon after a token that starts at `at`, or -1. */
function scanName(text: string, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const c = text.charCodeAt(i);
    if (c === 0x3a) return i > at ? i : -1;
    if (c > 255 || TOKEN[c] === 0) return -1;
    i++;
  }
  return -1;
}

function trimBlanks(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB;
}

function joinFolded(headers: RawHeaders, text: string, at: number, end: number, rules: FieldRules): void {
  const last = headers.length - 1;
  if (rules.folding === 'refuse' || last < 0) {
    throw new IcapError(rules.code, 'a header line starts with a blank (obsolete folding)', { offset: at });
  }
  // X-Violations-Found is the one field whose line structure is its syntax (C-11).
  const glue = headers[last - 1]!.toLowerCase() === 'x-violations-found' ? '\n' : ' ';
  const value = headers[last]!;
  const more = trimBlanks(text, at, end);
  const joins = glue === '\n' || (value !== '' && more !== ''); // no blank at either end
  headers[last] = joins ? value + glue + more : value + more;
}

/** Field lines as they go on the wire, each with its CR LF. */
export function formatFields(headers: readonly string[]): string {
  let text = '';
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!;
    text += `${headers[i]!}: ${value.includes('\n') ? value.replaceAll('\n', '\r\n ') : value}\r\n`;
  }
  return text;
}

/** First value of a field (name in lower case), or undefined. */
export function fieldValue(headers: readonly string[], lowerName: string): string | undefined {
  const length = lowerName.length;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (name.length === length && (name === lowerName || name.toLowerCase() === lowerName))
      return headers[i + 1]!;
  }
  return undefined;
}

/** All values of a field (name in lower case), in order. */
export function fieldValues(headers: readonly string[], lowerName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (name.length === lowerName.length && name.toLowerCase() === lowerName) values.push(headers[i + 1]!);
  }
  return values;
}

/** Elements of a comma list that may be spread over several fields, trimmed, lower case, none empty. */
export function listTokens(values: readonly string[]): string[] {
  const tokens: string[] = [];
  for (const value of values) {
    for (const part of value.split(',')) {
      const token = part.trim().toLowerCase();
      if (token !== '') tokens.push(token);
    }
  }
  return tokens;
}

/** The same list without the fields of that name (lower case). */
export function withoutField(headers: readonly string[], lowerName: string): RawHeaders {
  const kept: RawHeaders = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() !== lowerName) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

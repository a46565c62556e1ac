// HTTP/1.x heads as ICAP encapsulates them and as the proxy reads them: start line and fields, bytes in
// and bytes out. Field names keep their case, order and duplicates; values stay latin-1; the request
// target is kept as received. What a head means for framing is src/http/framing.ts. RFC 9112 §2–§5.

import type { ErrorCode } from '../../errors.ts';
import { IcapError, printable } from '../../errors.ts';
import type { FieldRules, RawHeaders } from './fields.ts';
import { formatFields, isToken, parseFields, refuseControlCharacters } from './fields.ts';

export type { RawHeaders } from './fields.ts';

export interface RequestHead {
  method: string;
  /** Request target exactly as received (latin-1). */
  target: string;
  /** `1.1` or `1.0`. */
  version: string;
  headers: RawHeaders;
}

export interface ResponseHead {
  /** `1.1` or `1.0`. */
  version: string;
  status: number;
  reason: string;
  headers: RawHeaders;
}

/** Limits and tolerance of a head parser. */
export interface HeadRules extends FieldRules {
  /** Raised for a broken start line. */
  readonly startLine: ErrorCode;
  /** Raised for a version other than HTTP/1.0 and 1.1. */
  readonly version: ErrorCode;
}

/** For sections inside ICAP messages: lenient about folding, since peers relay what they got. */
export const ENCAPSULATED_HEAD: HeadRules = {
  startLine: 'ERR_ICAP_SECTION',
  version: 'ERR_ICAP_SECTION',
  code: 'ERR_ICAP_SECTION',
  tooLarge: 'ERR_ICAP_SECTION_TOO_LARGE',
  folding: 'join',
  maxFields: 1000,
};

/**
 * Parses a request head.
 *
 * @param bytes  start line to closing blank line (which may be missing)
 * @throws {IcapError} with the codes of `rules`
 */
export function parseRequestHead(bytes: Buffer, rules: HeadRules = ENCAPSULATED_HEAD): RequestHead {
  const text = headText(bytes);
  refuseControlCharacters(text, rules.code);
  let end = text.indexOf('\r\n');
  if (end < 0) end = text.length;
  const space = text.indexOf(' ');
  const last = text.lastIndexOf(' ', end - 1);
  const method = space > 0 && space < end ? text.slice(0, space) : '';
  const target = last > space ? text.slice(space + 1, last) : '';
  if (!isToken(method) || target === '' || target.includes(' ') || target.includes('\t')) {
    throw new IcapError(rules.startLine, `not a request line: "${printable(text.slice(0, end))}"`);
  }
  const version = httpVersion(text, last + 1, end, rules);
  return { method, target, version, headers: parseFields(text, end + 2, rules) };
}

/**
 * Parses a response head. The reason may be empty and the space before it may be missing.
 *
 * @throws {IcapError} with the codes of `rules`
 */
export function parseResponseHead(bytes: Buffer, rules: HeadRules = ENCAPSULATED_HEAD): ResponseHead {
  const text = headText(bytes);
  refuseControlCharacters(text, rules.code);
  let end = text.indexOf('\r\n');
  if (end < 0) end = text.length;
  const digits = text.slice(9, 12);
  const after = text.charCodeAt(12);
  if (
    text.charCodeAt(8) !== 0x20 ||
    !/^[1-9][0-9]{2}$/.test(digits) ||
    end < 12 ||
    (end > 12 && after !== 0x20)
  ) {
    throw new IcapError(rules.startLine, `not a status line: "${printable(text.slice(0, end))}"`);
  }
  const version = httpVersion(text, 0, 8, rules);
  return {
    version,
    status: Number(digits),
    reason: text.slice(13, end),
    headers: parseFields(text, end + 2, rules),
  };
}

/** A head as text, without its closing blank line. */
function headText(bytes: Buffer): string {
  let end = bytes.length;
  while (end >= 2 && bytes[end - 1] === 0x0a && bytes[end - 2] === 0x0d) end -= 2;
  return bytes.toString('latin1', 0, end);
}

function httpVersion(text: string, from: number, to: number, rules: HeadRules): string {
  if (to - from === 8 && text.startsWith('HTTP/1.', from)) {
    const minor = text[from + 7]!;
    if (minor === '1') return '1.1';
    if (minor === '0') return '1.0';
  }
  const found = text.slice(from, to);
  if (/^HTTP\/\d+(\.\d+)?$/.test(found)) {
    throw new IcapError(rules.version, `HTTP version ${printable(found)} is not supported`);
  }
  throw new IcapError(rules.startLine, `not an HTTP version: "${printable(found)}"`);
}

/** A request head as it goes on the wire, closing blank line included (latin-1 text). */
export function formatRequestHead(head: RequestHead): string {
  return `${head.method} ${head.target} HTTP/${head.version}\r\n${formatFields(head.headers)}\r\n`;
}

/** A response head as it goes on the wire, closing blank line included (latin-1 text). */
export function formatResponseHead(head: ResponseHead): string {
  return `HTTP/${head.version} ${head.status} ${head.reason}\r\n${formatFields(head.headers)}\r\n`;
}

// Header fields between HTTP/2 and our flat list, both ways: names are lower case in HTTP/2, fields of one
// connection do not exist there, and what could be read as two messages in HTTP/1 is refused. Pseudo-header
// fields of requests are request-head.ts. RFC 9113 §8.2.

import type { OutgoingHttpHeaders } from 'node:http2';
import { HttpError, printable } from '../errors.ts';
import type { RawHeaders } from '../icap/codec/fields.ts';
import { isToken } from '../icap/codec/fields.ts';

/** Fields that say something about one HTTP/1 connection (RFC 9113 §8.2.2). */
const OF_A_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

// Anything that would end the line or the value in HTTP/1; HTAB inside is legal.
const ILLEGAL_IN_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]|^[ \t]|[ \t]$/; // prettier-ignore
const UPPER_CASE = /[A-Z]/;

/**
 * Checks one field that came by HTTP/2.
 * @throws {HttpError} `ERR_HTTP_FIELD`: a name that is no lower-case token, a field of one connection, `te`
 *         with anything but trailers, or a value that HTTP/1 could not carry
 */
export function checkField(name: string, value: string): void {
  if (!isToken(name) || UPPER_CASE.test(name)) {
    throw new HttpError('ERR_HTTP_FIELD', `not an HTTP/2 field name: "${printable(name)}"`);
  }
  if (OF_A_CONNECTION.has(name) || (name === 'te' && value.toLowerCase() !== 'trailers')) {
    throw new HttpError('ERR_HTTP_FIELD', `${name} does not exist in HTTP/2`);
  }
  if (ILLEGAL_IN_VALUE.test(value)) {
    throw new HttpError(
      'ERR_HTTP_FIELD',
      `${name} holds characters that no field may: "${printable(value)}"`,
    );
  }
}

/**
 * Fields of a trailer section, or of a head without its pseudo-header fields.
 * @param raw  name, value, name, value, … as node delivers them
 * @throws {HttpError} `ERR_HTTP_FIELD` as {@link checkField}, and for a pseudo-header field
 */
export function regularFields(raw: readonly string[]): RawHeaders {
  const headers: RawHeaders = [];
  for (let i = 0; i < raw.length; i += 2) {
    checkField(raw[i]!, raw[i + 1]!);
    headers.push(raw[i]!, raw[i + 1]!);
  }
  return headers;
}

/**
 * Fields as node's HTTP/2 takes them. Repeated fields become one with commas, which is the same by definition
 * (RFC 9110 §5.3); only Set-Cookie stays several. Fields of one connection and Host, which is `:authority`
 * there, are left out.
 *
 * @param status  of a response
 */
export function http2Fields(headers: readonly string[], status?: number): OutgoingHttpHeaders {
  const fields = new (FieldTable as unknown as new () => OutgoingHttpHeaders)();
  if (status !== undefined) fields[':status'] = status;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const value = headers[i + 1]!;
    if (name === 'host' || name === 'te' || OF_A_CONNECTION.has(name)) continue;
    const before = fields[name];
    if (before === undefined) fields[name] = name === 'set-cookie' ? [value] : unfolded(value);
    else if (Array.isArray(before)) before.push(value);
    else fields[name] = `${String(before)}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return fields;
}

/** Names as HTTP/2 has them, by how they were written; null: the field does not exist there. */
const NAMES = new Map<string, string | null>();
const MAX_NAMES = 1024;

function http2Name(name: string): string | null {
  const known = NAMES.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  const there = lower === 'host' || lower === 'te' || OF_A_CONNECTION.has(lower) ? null : lower;
  if (NAMES.size < MAX_NAMES) NAMES.set(name, there);
  return there;
}

/**
 * Fields as our own HTTP/2 sends them: a flat list, otherwise like {@link http2Fields}.
 * @returns name, value, name, value, …
 */
export function http2FieldList(headers: readonly string[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = http2Name(headers[i]!);
    if (name === null) continue;
    const value = unfolded(headers[i + 1]!);
    const at = name === 'set-cookie' ? -1 : placeOf(fields, name);
    if (at < 0) fields.push(name, value);
    else fields[at + 1] = `${fields[at + 1]!}${name === 'cookie' ? '; ' : ', '}${value}`;
  }
  return fields;
}

/** Heads are short, so that a table of their names would cost more than to look through them. */
function placeOf(fields: readonly string[], name: string): number {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return at;
  return -1;
}

/** Without a prototype, whose names could be fields; unlike `Object.create(null)` it has no slow hash table. */
function FieldTable(): void {}
FieldTable.prototype = Object.create(null);

/** Our list holds a line break in the value of one ICAP field only; HTTP/2 has no folding. */
function unfolded(value: string): string {
  return value.includes('\n') ? value.replaceAll('\n', ' ') : value;
}

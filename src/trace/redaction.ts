// What of a head may be kept: names of all fields, values of those that carry no secret, each cut to a
// length. A trace file must never hold what logs somebody in.

import type { RawHeaders } from '../icap/codec/http-head.ts';

/** Fields whose values are secrets, or usually are. */
const SECRET_FIELD =
  /authorization|authentication-info|cookie|token|secret|passw|api-?key|session|credential/i;
const USER_INFO = /\/\/[^\s/@]{1,1024}@/g;
const MAX_FIELDS = 64;
const MAX_VALUE = 512; // characters
const REDACTED = '[redacted]';

export type KeptFields = readonly (readonly [name: string, value: string])[];

/** Fields as pairs, secrets left out. */
export function keptFields(headers: RawHeaders): KeptFields {
  const kept: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length && kept.length < MAX_FIELDS; i += 2) {
    kept.push([cut(headers[i]!, 128), keptValue(headers[i]!, headers[i + 1]!)]);
  }
  const left = headers.length / 2 - kept.length;
  if (left > 0) kept.push(['…', `${left} more`]);
  return kept;
}

/** All fields, in full but for the secrets, as a flat list. */
export function withoutSecrets(headers: RawHeaders): RawHeaders {
  return headers.map((part, i) => {
    if (i % 2 === 0) return part;
    return SECRET_FIELD.test(headers[i - 1]!) ? REDACTED : withoutUserInfo(part);
  });
}

/**
 * Bytes of HTTP or ICAP messages in which the values of secret fields are asterisks; nothing moves. Lines of bodies
 * that look like such fields are overwritten as well.
 */
export function overwrittenSecrets(bytes: Buffer): Buffer {
  const text = bytes
    .toString('latin1')
    .replace(/^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):([^\r\n]*)/gm, (line, name: string, value: string) =>
      SECRET_FIELD.test(name) ? `${name}:${value.replace(/[^ \t]/g, '*')}` : line,
    );
  return Buffer.from(text, 'latin1');
}

/** An ICAP header as sent, line by line, secrets left out. */
export function keptHeadLines(head: string): readonly string[] {
  const end = head.indexOf('\r\n\r\n');
  const lines = (end < 0 ? head : head.slice(0, end)).split('\r\n').filter((line) => line !== '');
  return lines.slice(0, MAX_FIELDS).map((line, index) => {
    const colon = line.indexOf(':');
    if (index === 0 || colon < 0) return withoutUserInfo(cut(line, 2 * MAX_VALUE));
    const name = line.slice(0, colon);
    return `${name}: ${keptValue(name, line.slice(colon + 1).trim())}`;
  });
}

/** A URL without user and password. */
export function keptUrl(url: string): string {
  return withoutUserInfo(cut(url, 2048));
}

/** Text of an error: it may quote what a peer sent. */
export function keptText(text: string): string {
  return withoutUserInfo(cut(text, MAX_VALUE));
}

function keptValue(name: string, value: string): string {
  return SECRET_FIELD.test(name) ? REDACTED : withoutUserInfo(cut(value, MAX_VALUE));
}

/** The text without what stands before an @ in a URL. */
export function withoutUserInfo(text: string): string {
  return text.includes('@') ? text.replace(USER_INFO, `//${REDACTED}@`) : text;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

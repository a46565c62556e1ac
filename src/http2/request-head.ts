// The head of an HTTP/2 request as HTTP/1 would have it: pseudo-header fields become the request line and
// Host, cookie crumbs one Cookie. Whatever two readers might understand differently after that step is
// refused, since this is where requests are smuggled. RFC 9113 §8.1.1, §8.2, §8.3; RFC 8441.

import { randomBytes } from 'node:crypto';
import { HttpError, printable } from '../errors.ts';
import type { Framing, HeaderFacts } from '../http/framing.ts';
import { NO_BODY, readHeaderFacts } from '../http/framing.ts';
import type { HeadLimits } from '../http/message-reader.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import { isToken } from '../icap/codec/fields.ts';
import { parseAuthority } from '../util/authority.ts';
import { checkField } from './fields.ts';

export interface Http2Request {
  readonly head: RequestHead;
  readonly facts: HeaderFacts;
  readonly framing: Framing;
  /** Protocol of an extended CONNECT, which looks like an upgrade here; null for all others. */
  readonly protocol: string | null;
}

interface Pseudo {
  method: string | null;
  scheme: string | null;
  authority: string | null;
  path: string | null;
  protocol: string | null;
}

const UNKNOWN_LENGTH: Framing = { kind: 'chunked' };
// Visible ASCII but no blank, which would end the target in a request line, and no fragment.
const PATH = /^(?:\/[^\u0000- \u007f-\uffff#]*|\*)$/; // prettier-ignore
const FIELD_OVERHEAD = 4; // bytes that HTTP/1 spends on a field besides name and value

/**
 * Reads a request head.
 *
 * @param raw  name, value, name, value, … as they came
 * @param endOfStream  no body follows
 * @throws {HttpError} `ERR_HTTP_REQUEST_LINE`, `ERR_HTTP_FIELD`, `ERR_HTTP_HOST`, `ERR_HTTP_FRAMING`: malformed;
 *         `ERR_HTTP_HEAD_TOO_LARGE`, `ERR_HTTP_TARGET_TOO_LONG`: past `limits`, which count as in HTTP/1
 */
export function readRequest(raw: readonly string[], endOfStream: boolean, limits: HeadLimits): Http2Request {
  const pseudo: Pseudo = { method: null, scheme: null, authority: null, path: null, protocol: null };
  const regularAt = readPseudo(raw, pseudo);
  const { method, path, protocol } = pseudo;
  if ((raw.length - regularAt) / 2 > limits.headerFields) {
    throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `more than ${limits.headerFields} header fields`);
  }
  if (path !== null && path.length > limits.targetBytes) {
    throw new HttpError('ERR_HTTP_TARGET_TOO_LONG', `request target longer than ${limits.targetBytes} bytes`);
  }
  const headers = readFields(raw, regularAt, pseudo.authority, limits);
  if (method === 'CONNECT' && protocol === null) return plainConnect(pseudo, headers, endOfStream);
  const target = requestTarget(pseudo);
  if (protocol !== null) headers.push(...upgradeFields(protocol, headers));
  const facts = readHeaderFacts(headers);
  if (facts.host === null) throw new HttpError('ERR_HTTP_HOST', 'neither :authority nor Host');
  return {
    head: { method: protocol === null ? method! : 'GET', target, version: '2.0', headers },
    facts,
    framing: protocol === null ? framingOf(facts, endOfStream) : NO_BODY,
    protocol,
  };
}

/** @returns where the regular fields begin */
function readPseudo(raw: readonly string[], pseudo: Pseudo): number {
  let at = 0;
  for (; at < raw.length && raw[at]!.startsWith(':'); at += 2) {
    const name = raw[at]!.slice(1);
    const value = raw[at + 1]!;
    if (!Object.hasOwn(pseudo, name)) throw malformed(`there is no :${printable(name)}`);
    const key = name as keyof Pseudo;
    if (pseudo[key] !== null) throw malformed(`more than one :${name}`);
    pseudo[key] = value;
  }
  return at;
}

function readFields(
  raw: readonly string[],
  from: number,
  authority: string | null,
  limits: HeadLimits,
): RawHeaders {
  const headers: RawHeaders = authority === null ? [] : ['Host', authority];
  let cookieAt = -1;
  let bytes = 0;
  for (let i = from; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (name.startsWith(':')) throw malformed(`${printable(name)} behind a regular field`);
    checkField(name, value);
    bytes += name.length + value.length + FIELD_OVERHEAD;
    if (bytes > limits.headerBytes) {
      throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `header longer than ${limits.headerBytes} bytes`);
    }
    if (name === 'host' && authority !== null) {
      if (value.toLowerCase() === authority.toLowerCase()) continue;
      throw new HttpError('ERR_HTTP_HOST', 'Host and :authority differ');
    }
    if (name === 'cookie' && cookieAt >= 0) {
      headers[cookieAt] = `${headers[cookieAt]!}; ${value}`; // RFC 9113 §8.2.3
      continue;
    }
    headers.push(name, value);
    if (name === 'cookie') cookieAt = headers.length - 1;
  }
  return headers;
}

function requestTarget({ method, scheme, authority, path }: Pseudo): string {
  if (method === null || !isToken(method)) throw malformed(':method is missing or no token');
  // http inside TLS is how one tells a cache another thing than the origin.
  if (scheme !== 'https') throw malformed(`:scheme is ${printable(scheme ?? 'missing')}, not https`);
  if (path === null || !PATH.test(path) || (path === '*' && method !== 'OPTIONS')) {
    throw malformed(`not a :path: "${printable(path ?? '')}"`);
  }
  if (authority !== null && parseAuthority(authority, 443) === null) {
    throw new HttpError('ERR_HTTP_HOST', `not an :authority: "${printable(authority)}"`);
  }
  return path;
}

/** CONNECT has neither scheme nor path (RFC 9113 §8.5). Whether it is served is the proxy's to say. */
function plainConnect(
  { authority, scheme, path }: Pseudo,
  headers: RawHeaders,
  endOfStream: boolean,
): Http2Request {
  if (authority === null || scheme !== null || path !== null)
    throw malformed('CONNECT needs :authority alone');
  const facts = readHeaderFacts(headers);
  const head = { method: 'CONNECT', target: authority, version: '2.0', headers };
  return { head, facts, framing: endOfStream ? NO_BODY : framingOf(facts, true), protocol: null };
}

function framingOf(facts: HeaderFacts, endOfStream: boolean): Framing {
  const { contentLength } = facts;
  if (endOfStream) {
    if (contentLength === null || contentLength === 0) return NO_BODY;
    throw new HttpError('ERR_HTTP_FRAMING', `Content-Length is ${contentLength}, but there is no body`);
  }
  if (contentLength === null) return UNKNOWN_LENGTH;
  return contentLength === 0 ? NO_BODY : { kind: 'length', length: contentLength };
}

/** What an extended CONNECT is in HTTP/1 (RFC 8441 §5); the key is asked for there and has no use here. */
function upgradeFields(protocol: string, headers: RawHeaders): RawHeaders {
  if (!isToken(protocol)) throw malformed(`not a :protocol: "${printable(protocol)}"`);
  const fields = ['connection', 'Upgrade', 'upgrade', protocol];
  if (protocol.toLowerCase() === 'websocket' && !headers.includes('sec-websocket-key')) {
    fields.push('Sec-WebSocket-Key', randomBytes(16).toString('base64'));
  }
  return fields;
}

function malformed(what: string): HttpError {
  return new HttpError('ERR_HTTP_REQUEST_LINE', `malformed HTTP/2 request: ${what}`);
}

// What a head means for the wire: where the body ends, whether the connection persists, which fields
// belong to this hop only. One pass over the fields; ambiguous framing is refused, never guessed, since
// leniency here is how requests are smuggled. RFC 9112 §6, RFC 9110 §7.6; C-90.

import { HttpError, printable } from '../errors.ts';
import { listTokens } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead, ResponseHead } from '../icap/codec/http-head.ts';

/** How the end of a body is found. `length` counts bytes. */
export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' };

export const NO_BODY: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };
const UNTIL_CLOSE: Framing = { kind: 'close' };

/** What the fields of one head say about this hop. */
export interface HeaderFacts {
  /** Fields for the next hop: without those of this hop. The same array when there was none to drop. */
  readonly endToEnd: RawHeaders;
  readonly contentLength: number | null;
  readonly transferEncoding: string | null;
  readonly close: boolean;
  readonly keepAlive: boolean;
  /** Value of Upgrade when Connection names it. */
  readonly upgrade: string | null;
  readonly host: string | null;
  readonly expect: string | null;
  readonly via: string | null;
  /** Value of Trailer: announces trailer fields of a chunked body. */
  readonly trailer: string | null;
  /** Value of TE: what the sender can read besides. */
  readonly te: string | null;
  readonly proxyAuthorization: string | null;
}

// Lengths of the names that matter; any other length cannot be one of them.
const MATTERS = new Uint8Array(64);
const NAMES = [
  'host', 'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te',
  'trailer', 'transfer-encoding', 'upgrade', 'content-length', 'expect', 'via',
] as const; // prettier-ignore
for (const name of NAMES) MATTERS[name.length] = 1;

/**
 * Reads the framing and hop-by-hop fields of a head.
 * @throws {HttpError} `ERR_HTTP_FRAMING`, `ERR_HTTP_HOST` for doubled or malformed values
 */
export function readHeaderFacts(headers: RawHeaders): HeaderFacts {
  const facts = {
    endToEnd: headers,
    contentLength: null as number | null,
    transferEncoding: null as string | null,
    close: false,
    keepAlive: false,
    upgrade: null as string | null,
    host: null as string | null,
    expect: null as string | null,
    via: null as string | null,
    trailer: null as string | null,
    te: null as string | null,
    proxyAuthorization: null as string | null,
  };
  let upgrade: string | null = null;
  let connection: string | null = null;
  let hopByHop = false;
  for (let i = 0; i < headers.length; i += 2) {
    const raw = headers[i]!;
    if (raw.length > 63 || MATTERS[raw.length] === 0) continue;
    const value = headers[i + 1]!;
    switch (raw.toLowerCase()) {
      case 'host':
        if (facts.host !== null) throw new HttpError('ERR_HTTP_HOST', 'more than one Host field');
        facts.host = value;
        break;
      case 'connection':
        connection = connection === null ? value : `${connection},${value}`;
        hopByHop = true;
        break;
      case 'upgrade':
        upgrade = value;
        hopByHop = true;
        break;
      case 'transfer-encoding':
        facts.transferEncoding =
          facts.transferEncoding === null ? value : `${facts.transferEncoding}, ${value}`;
        hopByHop = true;
        break;
      case 'content-length':
        facts.contentLength = contentLength(value, facts.contentLength);
        break;
      case 'expect':
        facts.expect = value;
        break;
      case 'via':
        facts.via = facts.via === null ? value : `${facts.via}, ${value}`;
        break;
      case 'trailer':
        facts.trailer = facts.trailer === null ? value : `${facts.trailer}, ${value}`;
        hopByHop = true;
        break;
      case 'proxy-authorization':
        facts.proxyAuthorization = value;
        hopByHop = true;
        break;
      case 'keep-alive':
      case 'proxy-connection':
      case 'proxy-authenticate':
        hopByHop = true;
        break;
      case 'te':
        facts.te = facts.te === null ? value : `${facts.te}, ${value}`;
        hopByHop = true;
    }
  }
  let tokens: string[] = [];
  if (connection !== null) {
    tokens = listTokens([connection]);
    facts.close = tokens.includes('close');
    facts.keepAlive = tokens.includes('keep-alive');
    if (tokens.includes('upgrade')) facts.upgrade = upgrade;
  }
  if (hopByHop) facts.endToEnd = endToEndFields(headers, tokens);
  return facts;
}

const HOP_BY_HOP = new Set([
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer',
  'transfer-encoding', 'upgrade',
]); // prettier-ignore
// A sender may not use Connection to make the next hop lose these (hop-by-hop header abuse).
const NEVER_DROPPED = new Set([
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'cookie',
  'authorization',
  'via',
  'cache-control',
]);

/** Fields without those of this hop, including what Connection names (RFC 9110 §7.6.1). */
export function endToEndFields(headers: RawHeaders, connectionTokens: readonly string[]): RawHeaders {
  const kept: RawHeaders = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (HOP_BY_HOP.has(name)) continue;
    if (connectionTokens.length > 0 && connectionTokens.includes(name) && !NEVER_DROPPED.has(name)) continue;
    kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

// What a reader might take for a field of the head: frames, routes, authenticates or controls the message.
const NOT_IN_TRAILERS = new Set([
  ...HOP_BY_HOP,
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'expect',
  'max-forwards',
  'range',
  'via',
]);

/** Trailer fields that may be passed on (RFC 9110 §6.5.1); the same array when that is all. */
export function safeTrailers(trailers: RawHeaders): RawHeaders {
  if (trailers.length === 0) return trailers;
  const kept: RawHeaders = [];
  for (let i = 0; i < trailers.length; i += 2) {
    if (!NOT_IN_TRAILERS.has(trailers[i]!.toLowerCase())) kept.push(trailers[i]!, trailers[i + 1]!);
  }
  return kept.length === trailers.length ? trailers : kept;
}

function contentLength(value: string, before: number | null): number {
  if (!/^\d{1,16}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) {
    throw new HttpError('ERR_HTTP_FRAMING', `Content-Length: not a length: "${printable(value)}"`);
  }
  if (before !== null) throw new HttpError('ERR_HTTP_FRAMING', 'more than one Content-Length');
  return Number(value);
}

/**
 * Where a request's body ends. A request without either field has none.
 * @throws {HttpError} `ERR_HTTP_FRAMING` for both fields, a coding in HTTP/1.0 or a CONNECT with a body,
 *         behind which some see a tunnel and some a body; `ERR_HTTP_CODING` for any coding but chunked
 */
export function requestFraming(head: RequestHead, facts: HeaderFacts): Framing {
  if (facts.transferEncoding !== null) {
    requireChunkedOnly(head.version, facts);
    if (head.method === 'CONNECT') throw connectWithBody();
    return CHUNKED;
  }
  if (facts.contentLength === null || facts.contentLength === 0) return NO_BODY;
  if (head.method === 'CONNECT') throw connectWithBody();
  return { kind: 'length', length: facts.contentLength };
}

function connectWithBody(): HttpError {
  return new HttpError('ERR_HTTP_FRAMING', 'CONNECT has no body');
}

/**
 * Where a response's body ends.
 *
 * @param method  of the request that it answers
 * @throws {HttpError} as `requestFraming`
 */
export function responseFraming(head: ResponseHead, facts: HeaderFacts, method: string): Framing {
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) return NO_BODY;
  if (facts.transferEncoding !== null) {
    requireChunkedOnly(head.version, facts);
    return CHUNKED;
  }
  if (facts.contentLength === null) return UNTIL_CLOSE;
  return facts.contentLength === 0 ? NO_BODY : { kind: 'length', length: facts.contentLength };
}

function requireChunkedOnly(version: string, facts: HeaderFacts): void {
  if (facts.contentLength !== null) {
    throw new HttpError('ERR_HTTP_FRAMING', 'both Content-Length and Transfer-Encoding');
  }
  if (version === '1.0') throw new HttpError('ERR_HTTP_FRAMING', 'Transfer-Encoding in an HTTP/1.0 message');
  if (!/^chunked$/i.test(facts.transferEncoding!)) {
    throw new HttpError(
      'ERR_HTTP_CODING',
      `transfer coding "${printable(facts.transferEncoding!)}" is not supported`,
    );
  }
}

/** Whether the connection carries another message after this one (RFC 9112 §9.3). */
export function persists(version: string, facts: HeaderFacts): boolean {
  return version === '1.1' ? !facts.close : facts.keepAlive && !facts.close;
}

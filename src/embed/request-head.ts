// Heads between node's IncomingMessage and the form that ICAP carries: absolute target, end-to-end fields
// out; and an adapted request back into the object that handlers already hold.

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { readHeaderFacts } from '../http/framing.ts';
import { fieldValue, withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';

/** What Express adds to a request, where it is there. */
interface FrameworkRequest extends IncomingMessage {
  originalUrl?: string;
  baseUrl?: string;
  protocol?: string;
  ip?: string;
}

/** Address of the client: what the framework says (it may know trusted proxies), else the connection's. */
export function clientOf(req: IncomingMessage): string {
  const { ip } = req as FrameworkRequest;
  const address = typeof ip === 'string' && ip !== '' ? ip : (req.socket.remoteAddress ?? 'unknown');
  return address.replace(/^::ffff:/, '');
}

/**
 * The request as ICAP services see it.
 * @throws {HttpError} `ERR_HTTP_HOST`, `ERR_HTTP_FRAMING` for odd fields
 */
export function requestHeadOf(req: IncomingMessage): RequestHead {
  const { endToEnd, host } = readHeaderFacts(req.rawHeaders);
  const { originalUrl, protocol } = req as FrameworkRequest;
  const url = originalUrl ?? req.url ?? '/';
  const encrypted = (req.socket as Partial<TLSSocket>).encrypted === true;
  const scheme = protocol === 'http' || protocol === 'https' ? protocol : encrypted ? 'https' : 'http';
  const { localAddress = 'localhost', localPort = 80 } = req.socket;
  const authority = host ?? `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
  const target = /^https?:\/\//i.test(url) ? url : `${scheme}://${authority}${url === '*' ? '' : url}`;
  return { method: req.method ?? 'GET', target, version: '1.1', headers: endToEnd };
}

/**
 * Makes an existing request look like an adapted one. Where it goes is the handlers' business: another
 * host in the target changes Host, but sends it nowhere else.
 *
 * @param before  what the services were given
 * @param bodyLength  bytes of its body, null where the end tells; undefined: no body
 */
export function adoptRequest(
  req: IncomingMessage,
  before: RequestHead,
  adapted: RequestHead,
  bodyLength: number | null | undefined,
): void {
  const request = req as FrameworkRequest;
  req.method = adapted.method;
  if (adapted.target !== before.target) {
    const path = pathOf(adapted.target);
    const { baseUrl = '' } = request;
    req.url = baseUrl !== '' && path.startsWith(`${baseUrl}/`) ? path.slice(baseUrl.length) : path;
    if (request.originalUrl !== undefined) request.originalUrl = path;
  }
  setHeaders(req, adapted.headers, bodyLength);
}

/** Replaces the fields of a request; framing and Connection are made to fit. `bodyLength` as above. */
export function setHeaders(
  req: IncomingMessage,
  headers: RawHeaders,
  bodyLength: number | null | undefined,
): void {
  const raw = withoutField(readHeaderFacts(headers).endToEnd, 'content-length');
  const connection = fieldValue(req.rawHeaders, 'connection');
  const upgrade = /\bupgrade\b/i.test(connection ?? '') ? fieldValue(req.rawHeaders, 'upgrade') : undefined;
  if (upgrade !== undefined) raw.push('Connection', 'Upgrade', 'Upgrade', upgrade);
  else if (connection !== undefined) {
    raw.push('Connection', /\bclose\b/i.test(connection) ? 'close' : 'keep-alive');
  }
  if (bodyLength === null) raw.push('Transfer-Encoding', 'chunked');
  else if (bodyLength !== undefined) raw.push('Content-Length', String(bodyLength));
  else if (!/^(?:GET|HEAD|OPTIONS|TRACE|DELETE)$/.test(req.method ?? '')) raw.push('Content-Length', '0');
  req.rawHeaders = raw;
  req.headers = headersObject(raw);
}

function pathOf(target: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  if (match === null) return target;
  const rest = match[1]!;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

// As node does: of these only the first counts, all others are joined.
const FIRST_COUNTS = new Set([
  'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host',
  'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards',
  'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent',
]); // prettier-ignore

function headersObject(raw: RawHeaders): IncomingMessage['headers'] {
  const headers: Record<string, string | string[]> = {};
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
    if (name === 'set-cookie') headers[name] = [...(Array.isArray(known) ? known : []), value];
    else if (name === '__proto__') continue;
    else if (known === undefined) headers[name] = value;
    else if (!FIRST_COUNTS.has(name)) {
      headers[name] = `${known as string}${name === 'cookie' ? '; ' : ', '}${value}`;
    }
  }
  return headers;
}

/** What the record says of the TLS of a client's connection; null for none. */
export function tlsOf(socket: TLSSocket): ProxyRecord['tls'] {
  if (socket.encrypted !== true) return null;
  const sni = typeof socket.servername === 'string' ? socket.servername : null;
  const alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null;
  return { version: socket.getProtocol(), sni, alpn, action: 'serve' };
}

/** Host of an absolute target, for rules. */
export function hostOf(target: string): string {
  return URL.canParse(target) ? new URL(target).hostname.replace(/^\[|\]$/g, '') : '';
}

// Splits request targets as clients of a proxy send them. The bytes are split and never rebuilt, so that
// an origin sees exactly the path that the client wrote. RFC 9112 §3.2.

import { HttpError, printable } from '../errors.ts';
import { parseAuthority } from '../util/authority.ts';
import type { OriginTarget } from './origin/engine.ts';

const DEFAULT_PORT = { http: 80, https: 443 } as const;

export interface SplitTarget {
  readonly target: OriginTarget;
  /** Authority as written, for Host. */
  readonly authority: string;
  /** What goes on the request line to the origin. */
  readonly path: string;
}

/**
 * Splits `http://host[:port]/path?query`.
 *
 * @param schemes  which are accepted
 * @returns null when `text` is not in absolute form
 * @throws {HttpError} `ERR_HTTP_TARGET` for another scheme, userinfo, a fragment or a bad authority
 */
export function splitAbsoluteForm(
  text: string,
  method: string,
  schemes: readonly ('http' | 'https')[],
): SplitTarget | null {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return null;
  if (!(schemes as readonly string[]).includes(scheme)) {
    const hint = scheme === 'https' ? ': use CONNECT for https' : '';
    throw new HttpError(
      'ERR_HTTP_TARGET',
      `scheme ${printable(scheme)} is not proxied in absolute form${hint}`,
    );
  }
  const start = scheme.length + 3;
  let end = start;
  for (; end < text.length; end++) {
    const c = text.charCodeAt(end);
    if (c === 0x2f || c === 0x3f || c === 0x23) break;
  }
  if (text.includes('#', end)) throw new HttpError('ERR_HTTP_TARGET', 'a request target has no fragment');
  const authority = text.slice(start, end);
  const parsed = parseAuthority(authority, DEFAULT_PORT[scheme as 'http']);
  if (parsed === null)
    throw new HttpError('ERR_HTTP_TARGET', `not a host and port: "${printable(authority)}"`);
  const rest = text.slice(end);
  let path = rest;
  if (rest === '') path = method === 'OPTIONS' ? '*' : '/';
  else if (rest.startsWith('?')) path = `/${rest}`;
  const { host, port } = parsed;
  return { target: { secure: scheme === 'https', host, port, serverName: host }, authority, path };
}

/**
 * Parses a CONNECT target.
 * @throws {HttpError} `ERR_HTTP_TARGET`
 */
export function parseConnectTarget(text: string): { host: string; port: number } {
  const parsed = parseAuthority(text);
  if (parsed === null)
    throw new HttpError('ERR_HTTP_TARGET', `CONNECT wants host:port, got "${printable(text)}"`);
  return { host: parsed.host, port: parsed.port };
}

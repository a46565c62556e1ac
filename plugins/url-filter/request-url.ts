// The URL of a request as lists are asked for it: lower-case host without port, path with its dots and
// needless escapes undone. What is written in two ways must not be judged in two ways.

import { hostOf } from './list-line.ts';
import type { LowerUrl } from './url-pattern.ts';

export interface RequestUrl {
  readonly host: string;
  /** Path without query; null where only the host is known (CONNECT). */
  readonly path: string | null;
  /** The whole, lower case, for patterns; null as above. */
  readonly lower: LowerUrl | null;
  /** As it was parsed; null as above. */
  readonly url: URL | null;
}

/** @returns null where the request names no host that can be judged */
export function requestUrl(method: string, text: string): RequestUrl | null {
  if (method === 'CONNECT') {
    const host = hostOf(text.replace(/:\d*$/, ''));
    return host === null ? null : { host, path: null, lower: null, url: null };
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  const host = hostOf(url.hostname);
  if (host === null) return null;
  const path = unescaped(url.pathname);
  const lower =
    `${url.protocol}//${host}${url.port === '' ? '' : `:${url.port}`}${path}${url.search}`.toLowerCase();
  const hostStart = url.protocol.length + 2;
  return { host, path, lower: { text: lower, hostStart, hostEnd: hostStart + host.length }, url };
}

/** Escapes of letters, digits and `-._~` mean the same as these (RFC 3986 §6.2.2.2). */
function unescaped(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return /[\w.~-]/.test(character) ? character : escape.toUpperCase();
  });
}

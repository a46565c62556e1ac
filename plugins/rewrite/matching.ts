// Which rules are for a message.

import type { BladeMessage } from 'weir';
import type { RewriteRule } from './options.ts';

/** The rules that are for the message, in their order. */
export function matchingRules(rules: readonly RewriteRule[], message: BladeMessage): RewriteRule[] {
  const { host, path } = placeOf(message.url);
  const type = mediaType(message.header('content-type'));
  return rules.filter(
    (rule) =>
      rule.direction === message.direction &&
      rule.hosts.some((pattern) => hostMatches(pattern.toLowerCase(), host)) &&
      rule.paths.some((pattern) => pathMatches(pattern, path)) &&
      (rule.types === null || rule.types.some((pattern) => typeMatches(pattern.toLowerCase(), type))) &&
      (rule.status === null || rule.status.includes(message.response?.status ?? 0)),
  );
}

/** `text/html` of `text/html; charset=utf-8`; '' where there is none. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

function placeOf(text: string): { readonly host: string; readonly path: string } {
  try {
    const { hostname, pathname } = new URL(text);
    return { host: hostname.replace(/\.$/, ''), path: pathname };
  } catch {
    return { host: text.replace(/:\d*$/, '').toLowerCase(), path: '/' }; // the host:port of a CONNECT
  }
}

function hostMatches(pattern: string, host: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function typeMatches(pattern: string, type: string): boolean {
  if (pattern === '*/*') return true;
  return pattern.endsWith('/*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** Leftmost match of each piece between asterisks: no backtracking. */
function pathMatches(pattern: string, path: string): boolean {
  const pieces = pattern.split('*');
  const last = pieces.pop()!;
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    const found = path.indexOf(piece, at);
    if (found < 0 || (i === 0 && found !== 0)) return false;
    at = found + piece.length;
  }
  return pieces.length === 0 ? path === last : path.length - last.length >= at && path.endsWith(last);
}

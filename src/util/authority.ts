// Reads and writes `host:port` as CONNECT targets, Host fields and absolute URLs carry it, stricter than
// the URL grammar: what is accepted here may become a certificate name, a cache key and a log field.
// Which hosts may be reached is policy and decided elsewhere. RFC 9110 §4.2, §7.2; RFC 3986 §3.2; RFC 5890.

import { isIPv6 } from 'node:net';

export type HostKind = 'dns' | 'ipv4' | 'ipv6';

export interface Host {
  /** Lower-case, without brackets and without a trailing dot. IPv6 text is not made canonical. */
  readonly host: string;
  readonly kind: HostKind;
}

export interface Authority extends Host {
  /** 1 to 65535. */
  readonly port: number;
}

export const MAX_HOST_LENGTH = 253; // characters, trailing dot not counted (RFC 1035 §2.3.4 less framing)
const MAX_LABEL_LENGTH = 63;
const MAX_PORT = 65_535;

const DOT = 0x2e;
const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;
const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Parses an authority. DNS labels are letters, digits, hyphen and underscore (IDNA names as A-labels
 * only); IPv4 is four decimal parts without leading zeros; IPv6 stands in brackets and has no zone.
 *
 * @param text  e.g. `example.com:443`, `[::1]:8080`, `10.0.0.1`
 * @param defaultPort  used when `text` has no port; without it a port is required (CONNECT)
 * @returns null for anything else: userinfo, an empty port, port 0, spaces, a path, `127.1`, …
 */
export function parseAuthority(text: string, defaultPort?: number): Authority | null {
  let hostEnd: number;
  let host: Host | null;
  if (text.charCodeAt(0) === OPENING_BRACKET) {
    const closing = text.indexOf(']');
    if (closing < 0) return null;
    host = ipv6(text.slice(1, closing));
    hostEnd = closing + 1;
  } else {
    const colon = text.indexOf(':');
    hostEnd = colon < 0 ? text.length : colon;
    host = parseName(text, hostEnd);
  }
  if (host === null) return null;
  const port = hostEnd === text.length ? defaultPort : parsePort(text, hostEnd);
  return port === undefined ? null : { host: host.host, port, kind: host.kind };
}

/**
 * Parses a host alone, as a certificate or a server name carries it: IPv6 without brackets.
 *
 * @returns null when it is neither a DNS name nor an address
 */
export function parseHost(text: string): Host | null {
  return text.includes(':') ? ipv6(text) : parseName(text, text.length);
}

/**
 * Writes an authority: brackets around IPv6, and no port when it equals `defaultPort`.
 *
 * @param host  as {@link parseAuthority} returns it
 */
export function formatAuthority(host: string, port: number, defaultPort?: number): string {
  const shown = host.includes(':') ? `[${host}]` : host;
  return port === defaultPort ? shown : `${shown}:${port}`;
}

function ipv6(text: string): Host | null {
  // A zone names an interface of the sender; it means nothing here (RFC 6874 never reached practice).
  return isIPv6(text) && !text.includes('%') ? { host: text.toLowerCase(), kind: 'ipv6' } : null;
}

/** `:port` from `at` to the end of the text; undefined when malformed. Empty and `:0443` are refused. */
function parsePort(text: string, at: number): number | undefined {
  const digits = text.length - at - 1;
  if (text.charCodeAt(at) !== COLON || digits < 1 || digits > 5 || text.charCodeAt(at + 1) === ZERO) {
    return undefined;
  }
  let port = 0;
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < ZERO || code > NINE) return undefined;
    port = port * 10 + code - ZERO;
  }
  return port <= MAX_PORT ? port : undefined;
}

/** DNS name or IPv4 in `text[0, end)`. One pass over the characters: this runs for every request. */
function parseName(text: string, end: number): Host | null {
  if (end > 0 && text.charCodeAt(end - 1) === DOT) end--;
  if (end === 0 || end > MAX_HOST_LENGTH) return null;
  let labelStart = 0;
  let digitsOnly = true; // of the current label
  let upper = false;
  for (let i = 0; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code === DOT) {
      if (!isLabel(text, labelStart, i)) return null;
      labelStart = i + 1;
      digitsOnly = true;
    } else if (code < ZERO || code > NINE) {
      digitsOnly = false;
      if (code >= 0x41 && code <= 0x5a) upper = true;
      else if ((code < 0x61 || code > 0x7a) && code !== HYPHEN && code !== UNDERSCORE) return null;
    }
  }
  if (!isLabel(text, labelStart, end)) return null;
  const whole = text.length === end ? text : text.slice(0, end);
  const host = upper ? whole.toLowerCase() : whole;
  // A name whose last label is a number reaches inet_aton in some resolvers: `127.1`, `0x7f.1`, `0177.0.0.1`.
  if (!digitsOnly && !HEX_NUMBER.test(host.slice(labelStart))) return { host, kind: 'dns' };
  return IPV4.test(host) ? { host, kind: 'ipv4' } : null;
}

const HEX_NUMBER = /^0x[0-9a-f]*$/;
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Length and no hyphen at either end; the characters are checked by the caller. */
function isLabel(text: string, start: number, end: number): boolean {
  const length = end - start;
  return (
    length > 0 &&
    length <= MAX_LABEL_LENGTH &&
    text.charCodeAt(start) !== HYPHEN &&
    text.charCodeAt(end - 1) !== HYPHEN
  );
}

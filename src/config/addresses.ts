// Listen addresses, networks, host patterns and ICAP URLs of the configuration, from text to data.
// Nothing is looked up here: names stay names. Matching against them is the proxy's and the gateway's.

import net from 'node:net';
import { domainToASCII } from 'node:url';
import { notAllowed } from './problems.ts';

/** A socket address to listen on. */
export interface ListenAddress {
  /** IP address without brackets, or a name such as `localhost`. */
  host: string;
  /** 0 to 65535; 0 lets the system choose. */
  port: number;
}

/** A range of IP addresses, ready for `net.BlockList.addSubnet(address, prefix, family)`. */
export interface Network {
  kind: 'network';
  address: string;
  prefix: number;
  family: 'ipv4' | 'ipv6';
}

/** A host name in lower case (A-labels), an IP address, `*.suffix` (below it, not itself) or `*`. */
export interface HostPattern {
  kind: 'host';
  pattern: string;
}

/** An ICAP service's address. */
export interface IcapUrl {
  /** True for `icaps`. */
  secure: boolean;
  /** Without brackets; `localhost` for a Unix socket. */
  host: string;
  /** 1344, or 11344 with `icaps`, unless given. */
  port: number;
  /** Path of a Unix socket that stands in for host and port, or null. */
  socketPath: string | null;
  /** Begins with `/`. */
  path: string;
  /** Begins with `?`, or is empty. */
  query: string;
  user: string | null;
  password: string | null;
  /** The URL without user and password, for request lines, logs and messages. */
  href: string;
}

/** The port of `icap` URLs that name none (RFC 3507 §4.2). */
export const ICAP_PORT = 1344;
const ICAPS_PORT = 11344;

const LISTEN = 'host:port such as 127.0.0.1:8080 or [::1]:8080';
const HOST = 'a host name, an IP address, *.suffix or *';
const NETWORK = 'an IP address or network such as 10.0.0.0/8 or "::1"';
const ICAP = 'an ICAP URL such as icap://127.0.0.1:1344/service';
const ICAP_UNIX = 'an absolute path and a service, such as icap+unix:/run/icap.sock?/service';
const MAX_SOCKET_PATH = 107; // bytes; the system has no room for more

/**
 * Reads `host:port`; IPv6 addresses stand in brackets.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseListen(value: unknown): ListenAddress {
  const [, bracketed, plain, digits] = matched(value, /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/) ?? [];
  const port = Number(digits ?? NaN);
  const host = bracketed !== undefined ? ipv6(bracketed) : hostName(plain ?? '');
  if (host === null || !(port <= 65_535)) {
    const hint = /^\d{1,5}$/.test(String(value)) ? `127.0.0.1:${String(value)}` : null;
    throw notAllowed(LISTEN, value, hint);
  }
  return { host, port };
}

/** `host:port` again, with brackets where they are needed. */
export function formatListen(address: ListenAddress): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/**
 * Reads an IP address (a network of one) or a network in CIDR notation.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseNetwork(value: unknown): Network {
  const [, address = '', digits] = matched(value, /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/) ?? [];
  const version = net.isIP(address);
  const bits = version === 6 ? 128 : 32;
  const prefix = Number(digits ?? bits);
  if (version === 0 || prefix > bits) throw notAllowed(NETWORK, value);
  return { kind: 'network', address: address.toLowerCase(), prefix, family: version === 6 ? 'ipv6' : 'ipv4' };
}

/**
 * Reads who may send a PROXY header: true, false, or a list of networks.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseTrustedBalancers(value: unknown): boolean | Network[] {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') return [parseNetwork(value)];
  if (!Array.isArray(value) || value.length === 0) {
    throw notAllowed('true, false or a list of networks such as [10.0.0.5, 10.1.0.0/24]', value);
  }
  return value.map(parseNetwork);
}

/**
 * Reads a host pattern: a name, `*.suffix`, `*` or an IP address; international names become A-labels.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseHostPattern(value: unknown): string {
  const text = typeof value === 'string' ? value : '';
  if (text === '*') return text;
  const suffix = text.startsWith('*.');
  const host = suffix ? hostName(text.slice(2)) : (ipv6(text.replace(/^\[(.*)\]$/, '$1')) ?? hostName(text));
  if (host === null || (suffix && net.isIP(host) !== 0)) throw notAllowed(HOST, value);
  return suffix ? `*.${host}` : host;
}

/**
 * Reads what clients may not reach: a network, an IP address or a host pattern.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseTarget(value: unknown): Network | HostPattern {
  if (typeof value === 'string' && (value.includes('/') || net.isIP(value) !== 0)) return parseNetwork(value);
  return { kind: 'host', pattern: parseHostPattern(value) };
}

/**
 * Reads a host to connect to: a name or an IP address, no pattern.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseHost(value: unknown): string {
  const text = typeof value === 'string' ? value : '';
  const host = ipv6(text.replace(/^\[(.*)\]$/, '$1')) ?? hostName(text);
  if (host === null) throw notAllowed('a host name or an IP address', value);
  return host;
}

/**
 * Reads an `icap://` or `icaps://` URL; user and password are percent-decoded and taken out of `href`. A Unix
 * socket is written `icap+unix:/path/of.sock?/service?query`.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`: another scheme, no or a malformed host, a fragment, port 0,
 *         white space or control characters (they would end up in a request line)
 * @see RFC 3507 §4.2
 */
export function parseIcapUrl(value: unknown): IcapUrl {
  if (typeof value === 'string' && /^icap\+unix:/i.test(value)) return parseIcapUnixUrl(value);
  const url = typeof value === 'string' && /^icaps?:\/\/[\x21-\x7e]+$/i.test(value) ? urlOrNull(value) : null;
  if (url === null || url.hash !== '') throw notAllowed(ICAP, value);
  const secure = url.protocol === 'icaps:';
  const host = ipv6(url.hostname.replace(/^\[(.*)\]$/, '$1')) ?? hostName(url.hostname);
  const port = url.port === '' ? (secure ? ICAPS_PORT : ICAP_PORT) : Number(url.port);
  const user = decoded(url.username);
  const password = decoded(url.password);
  if (host === null || port === 0 || user === undefined || password === undefined) {
    throw notAllowed(ICAP, value);
  }
  const path = url.pathname || '/';
  return icapUrl({ secure, host, port, socketPath: null, path, query: url.search, user, password });
}

/** `icap+unix:`, the percent-encoded path of a socket, and behind `?` the path and query of the service. */
function parseIcapUnixUrl(value: string): IcapUrl {
  const [, encoded, path = '/', query = ''] =
    matched(value, /^[^:]*:(?:\/\/(?=\/))?(\/(?!\/)[^?]+)(?:\?(\/[^?]*)?(\?.*)?)?$/) ?? [];
  const socketPath = /^[\x21-\x7e]+$/.test(value) ? decoded(encoded ?? '') : null;
  if (socketPath == null || /#|%00/.test(value)) throw notAllowed(ICAP_UNIX, value);
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH) {
    throw notAllowed(`a path of a socket of at most ${MAX_SOCKET_PATH} bytes`, value);
  }
  const place = { secure: false, host: 'localhost', port: ICAP_PORT, socketPath };
  return icapUrl({ ...place, path, query, user: null, password: null });
}

/** Completes the parts of an ICAP URL with its `href`. */
export function icapUrl(parts: Omit<IcapUrl, 'href'>): IcapUrl {
  const { socketPath } = parts;
  if (socketPath !== null) {
    const file = encodeURI(socketPath).replace(/[?#]/g, encodeURIComponent);
    return { ...parts, href: `icap+unix:${file}?${parts.path}${parts.query}` };
  }
  const scheme = parts.secure ? 'icaps' : 'icap';
  return { ...parts, href: `${scheme}://${formatListen(parts)}${parts.path}${parts.query}` };
}

/**
 * Reads an absolute URL with one of the given schemes.
 * @param schemes with colon, e.g. `['http:', 'https:']`
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseUrl(schemes: readonly string[], value: unknown): string {
  const url = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? urlOrNull(value) : null;
  if (url === null || !schemes.includes(url.protocol) || url.hostname === '') {
    throw notAllowed(`a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(', ')}`, value);
  }
  return url.href;
}

function matched(value: unknown, pattern: RegExp): RegExpExecArray | null {
  return typeof value === 'string' ? pattern.exec(value) : null;
}

function urlOrNull(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function ipv6(text: string): string | null {
  return net.isIPv6(text) && !text.includes('%') ? text.toLowerCase() : null;
}

/**
 * Lower-case name in A-labels, or IPv4 address; null when it is neither (RFC 1123 §2.1, underscores
 * tolerated). A name that ends in a number (`10.0.0`, `0x7f.1`) is refused: some resolvers read it as
 * an address.
 */
function hostName(text: string): string | null {
  if (net.isIPv4(text)) return text;
  const plain = text.replace(/\.$/, '').toLowerCase();
  const name = /^[\x00-\x7f]*$/.test(plain)
    ? plain
    : /[^\w.\u0080-\uffff-]/.test(plain)
      ? ''
      : domainToASCII(plain);
  if (name.length > 253 || /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name)) return null;
  const sound = name.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  return sound ? name : null;
}

/** Percent-decoded; null for none, undefined when malformed. */
function decoded(text: string): string | null | undefined {
  if (text === '') return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

// Parent proxies, DNS servers and the addresses to bind, from text to data. Nothing is looked up here.

import net from 'node:net';
import { parseHost } from './addresses.ts';
import { notAllowed } from './problems.ts';

export interface ParentUrl {
  /** `direct`: no parent; everything below is empty then. */
  scheme: 'direct' | 'http' | 'https' | 'socks5' | 'socks5h';
  /** Name or address without brackets. */
  host: string;
  port: number;
  user: string | null;
  password: string | null;
}

export interface BoundAddresses {
  ipv4: string | null;
  ipv6: string | null;
}

const DEFAULT_PORT = { http: 80, https: 443, socks5: 1080, socks5h: 1080 } as const;
const ALLOWED =
  'direct, or a URL such as http://user:password@proxy.example:3128, https://…, socks5://… or socks5h://…';
const MAX_SECRET = 255; // bytes of user and of password: SOCKS5 has no room for more (RFC 1929)

/**
 * Reads the URL of a parent proxy; user and password are percent-decoded.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`: another scheme, a path, port 0, a user without a password
 */
export function parseParentUrl(value: unknown): ParentUrl {
  if (value === 'direct') return { scheme: 'direct', host: '', port: 0, user: null, password: null };
  const [, scheme = ''] =
    typeof value === 'string' ? (/^(https?|socks5h?):\/\/[\x21-\x7e]+$/i.exec(value) ?? []) : [];
  const name = scheme.toLowerCase() as keyof typeof DEFAULT_PORT;
  // URL knows the rules of hosts and ports for http only; the default port of http must not get lost.
  const text = String(value).replace(/^[^:]*/, 'http');
  if (scheme === '' || !URL.canParse(text)) throw notAllowed(ALLOWED, value);
  const url = new URL(text);
  const written = /^[^/?#]*:\/\/(?:[^/?#]*@)?[^/?#]*:(\d+)(?:[/?#]|$)/.exec(String(value))?.[1];
  const port = written === undefined ? DEFAULT_PORT[name] : Number(written);
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '' || port === 0) {
    throw notAllowed(ALLOWED, value);
  }
  const credentials = credentialsOf(url);
  if (credentials === null) throw notAllowed(`${ALLOWED}; user and password, or neither`, value);
  return { scheme: name, host: parseHost(url.hostname.replace(/^\[(.*)\]$/, '$1')), port, ...credentials };
}

/**
 * Reads `user:password`, the content of a credentials file.
 * @returns null when it is none: no colon, nothing before it, control characters, over 255 bytes
 */
export function parseCredentials(text: string): { user: string; password: string } | null {
  const line = text.replace(/\r?\n[\s\S]*$/, '');
  const colon = line.indexOf(':');
  const user = line.slice(0, Math.max(0, colon));
  const password = line.slice(colon + 1);
  return isSecret(user) && isSecret(password) ? { user, password } : null;
}

function credentialsOf({ username, password }: URL): { user: string | null; password: string | null } | null {
  if (username === '' && password === '') return { user: null, password: null };
  try {
    const pair = { user: decodeURIComponent(username), password: decodeURIComponent(password) };
    return isSecret(pair.user) && isSecret(pair.password) && !pair.user.includes(':') ? pair : null;
  } catch {
    return null;
  }
}

function isSecret(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= MAX_SECRET && !/[\u0000-\u001f\u007f]/.test(text);
}

/**
 * Reads the address of a DNS server, with a port where it is not 53.
 * @returns as `dns.setServers` takes it
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseDnsServer(value: unknown): string {
  const text = typeof value === 'string' ? value : '';
  if (net.isIP(text) !== 0 && !text.includes('%')) return text;
  const [, bracketed, plain, digits] = /^(?:\[([^\]%]*)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = Number(digits ?? 53);
  const sound = bracketed === undefined ? net.isIPv4(plain ?? '') : net.isIPv6(bracketed);
  if (!sound || port < 1 || port > 65_535) {
    throw notAllowed(
      'the address of a DNS server such as 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:53',
      value,
    );
  }
  return text;
}

/**
 * Reads the addresses that connections begin at: one, or one of each family.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseBind(value: unknown): BoundAddresses {
  const list = value === null ? [] : Array.isArray(value) ? value : [value];
  const isAddress = (one: unknown): one is string => typeof one === 'string' && net.isIP(one) !== 0;
  const ipv4 = list.filter((one): one is string => isAddress(one) && net.isIPv4(one));
  const ipv6 = list.filter((one): one is string => isAddress(one) && net.isIPv6(one) && !one.includes('%'));
  if (ipv4.length > 1 || ipv6.length > 1 || ipv4.length + ipv6.length !== list.length) {
    throw notAllowed(
      'null, an IP address of this machine, or a list of one IPv4 and one IPv6 address',
      value,
    );
  }
  return { ipv4: ipv4[0] ?? null, ipv6: ipv6[0] ?? null };
}

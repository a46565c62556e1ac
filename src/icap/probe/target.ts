// Where a probe connects: an ICAP URL as a person types it, with the mistakes people make named one by
// one. What a URL may hold is config/addresses.ts, the same for the command line and the configuration.

import { formatListen, parseIcapUrl as parseUrl } from '../../config/addresses.ts';
import { ConfigError, printable } from '../../errors.ts';
import { fieldValue, formatFields, type RawHeaders } from '../codec/fields.ts';
import { WEIR_VERSION } from '../../util/version.ts';

export interface ProbeTarget {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** True for `icaps`. */
  readonly secure: boolean;
  /** Path and query as the request line carries them; `/` if the URL has none. */
  readonly path: string;
  /** Percent-decoded; '' if the URL has none. */
  readonly user: string;
  readonly password: string;
  /** Connect to this Unix socket; `host` and `port` then only fill the request line. */
  readonly socketPath?: string;
}

/**
 * Reads `icap://[user[:password]@]host[:port][/path][?query]`, the same with `icaps`, or
 * `icap+unix:/path/of.sock?/path`.
 *
 * @returns port 1344 for `icap` and 11344 for `icaps` unless given
 * @throws {ConfigError} `ERR_CONFIG_VALUE` that says what is wrong and how it should look; never shows a password
 * @see RFC 3507 §4.2; C-02 … C-05
 */
export function parseIcapUrl(text: string): ProbeTarget {
  try {
    const { host, port, secure, socketPath, path, query, user, password } = parseUrl(text);
    const target = { host, port, secure, path: path + query, user: user ?? '', password: password ?? '' };
    return socketPath === null ? target : { ...target, socketPath };
  } catch (cause) {
    const shown = printable(text.replace(/\/\/[^@/\s]*@/, '//…@'));
    const message = `"${shown}" is not an ICAP URL: ${whatIsWrong(text)}`;
    throw new ConfigError('ERR_CONFIG_VALUE', message, {}, cause);
  }
}

function whatIsWrong(text: string): string {
  if (text === '') return 'it is empty; it should look like icap://127.0.0.1:1344/service';
  if (/^icap\+unix:/i.test(text)) return 'a Unix socket is written icap+unix:/path/of.sock?/service';
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return `it has no scheme; try icap://${printable(text.replace(/^[/:]+/, ''))}`;
  if (scheme !== 'icap' && scheme !== 'icaps') {
    return `its scheme is ${scheme}; use icap:// (port 1344) or icaps:// (TLS, port 11344)`;
  }
  if (/[^\x21-\x7e]/.test(text)) return 'it holds blanks or characters that must be percent-encoded';
  if (text.includes('#')) return 'it has a fragment (#…), which a server never sees';
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(text)![1]!.replace(/^.*@/, '');
  if (!authority.includes(']') && authority.split(':').length > 2)
    return 'an IPv6 address must stand in brackets';
  if (authority === '' || authority.startsWith(':')) return 'it names no host';
  const port = /:(\d*)$/.exec(authority)?.[1];
  if (port !== undefined && (Number(port) > 65_535 || port === '0'))
    return `${port} is no port: use 1 to 65535`;
  if (/:[^\]:]*[^\]:\d][^\]:]*$/.test(authority)) return 'its port is not a number';
  if (/%(?![0-9a-f]{2})/i.test(text)) return 'a % is not followed by two hexadecimal digits';
  return 'its host is not a name or an address';
}

/** The URL without user and password, as request lines and messages show it (C-04). */
export function targetUrl(target: ProbeTarget): string {
  return `${target.secure ? 'icaps' : 'icap'}://${formatListen(target)}${target.path}`;
}

/**
 * Start line and fields of a request, each with CR LF: Host, User-Agent, Authorization if the URL named a
 * user, then the given ones, which take the place of those of the same name. `Encapsulated` and the blank
 * line are for the caller.
 */
export function requestStart(method: string, target: ProbeTarget, fields: RawHeaders = []): string {
  const login = `${target.user}:${target.password}`;
  const own = ['Host', formatListen(target), 'User-Agent', `weir/${WEIR_VERSION}`];
  if (login !== ':') own.push('Authorization', `Basic ${Buffer.from(login, 'utf8').toString('base64')}`);
  const kept: RawHeaders = [];
  for (let i = 0; i < own.length; i += 2) {
    if (fieldValue(fields, own[i]!.toLowerCase()) === undefined) kept.push(own[i]!, own[i + 1]!);
  }
  return `${method} ${targetUrl(target)} ICAP/1.0\r\n${formatFields([...kept, ...fields])}`;
}

// What an application behind proxy.reverse gets to see of a request: fields of the client's connection
// gone, X-Forwarded fields that can be relied on, Via. What it must never see is refused here.
// RFC 9110 §7.6; RFC 9112 §3.2.

import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ProxyLimits } from '../config/types.ts';
import { setHeaders } from '../embed/request-head.ts';
import { hasBody } from '../embed/request-body.ts';
import { HttpError } from '../errors.ts';
import { readHeaderFacts } from '../http/framing.ts';
import { fieldValues, withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import { parseAuthority } from '../util/authority.ts';
import { isAllowed, plainAddress } from '../util/networks.ts';

/** Fields by which a client could pass for another one; replaced or removed unless its address is trusted. */
const FORWARDED = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'forwarded',
];

export interface ReverseRules {
  readonly limits: Pick<ProxyLimits, 'headerFields' | 'uriBytes'>;
  readonly viaName: string;
  readonly trusted: BlockList;
  /** Which fields name the client. */
  readonly forwarded: 'x-forwarded' | 'forwarded' | 'both' | 'none';
}

/**
 * Address of the client: the connection's, or what a trusted balancer says, in X-Forwarded-For or, where the listener
 * speaks that, in Forwarded.
 */
export function clientBehind(
  req: IncomingMessage,
  trusted: BlockList,
  style: ReverseRules['forwarded'],
): string {
  const peer = plainAddress(req.socket.remoteAddress ?? 'unknown');
  if (!isAllowed(trusted, peer)) return peer;
  // From the right: each balancer adds whom it has seen, so the first that is none of them is the client.
  const older = fieldValues(req.rawHeaders, 'x-forwarded-for').join(',').split(',');
  const isNew = style === 'forwarded' || style === 'both';
  const newer = isNew ? forwardedFor(fieldValues(req.rawHeaders, 'forwarded').join(',')) : [];
  const chain = newer.length > 0 ? newer : older;
  const seen = chain.map((part) => plainAddress(part.trim())).filter((part) => part !== '');
  return seen.reverse().find((address) => !isAllowed(trusted, address)) ?? seen.at(-1) ?? peer;
}

/**
 * Judges a request and makes its fields those that the application gets.
 * @throws {HttpError} `ERR_HTTP_HEAD_TOO_LARGE`, `ERR_HTTP_TARGET_TOO_LONG`, `ERR_HTTP_TARGET`,
 *         `ERR_HTTP_HOST`, `ERR_HTTP_FRAMING`, `ERR_PROXY_LOOP`
 */
export function prepareForApplication(req: IncomingMessage, rules: ReverseRules): void {
  const { limits, viaName } = rules;
  if (req.rawHeaders.length > limits.headerFields * 2) {
    throw new HttpError('ERR_HTTP_HEAD_TOO_LARGE', `more than ${limits.headerFields} header fields`);
  }
  const target = req.url ?? '';
  if (target.length > limits.uriBytes) {
    throw new HttpError(
      'ERR_HTTP_TARGET_TOO_LONG',
      `the request target is longer than ${limits.uriBytes} bytes`,
    );
  }
  const facts = readHeaderFacts(req.rawHeaders);
  if (facts.via?.includes(viaName) === true) {
    throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this server before (Via)');
  }
  let { host } = facts;
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  if (absolute !== null) {
    host = absolute[1]!;
    req.url = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`;
  } else if (!target.startsWith('/')) {
    throw new HttpError('ERR_HTTP_TARGET', 'expected a path: this server stands in front of one application');
  }
  if (host !== null && parseAuthority(host, 80) === null) {
    throw new HttpError('ERR_HTTP_HOST', 'the Host field is no host with or without a port');
  }
  let fields: RawHeaders = withoutField(facts.endToEnd, 'expect'); // node has answered 100 already
  if (absolute !== null) fields = ['Host', host!, ...withoutField(fields, 'host')];
  const length = facts.contentLength ?? (hasBody(req) ? null : undefined);
  setHeaders(req, [...forwarded(req, fields, host, rules), 'Via', `${req.httpVersion} ${viaName}`], length);
}

function forwarded(
  req: IncomingMessage,
  fields: RawHeaders,
  host: string | null,
  { trusted, forwarded: style }: ReverseRules,
): RawHeaders {
  const peer = plainAddress(req.socket.remoteAddress ?? 'unknown');
  const known = isAllowed(trusted, peer);
  const said = (name: string): readonly string[] => (known ? fieldValues(fields, name) : []);
  const isOld = style === 'x-forwarded' || style === 'both';
  const isNew = style === 'forwarded' || style === 'both';
  const isPassedOn = (name: string): boolean =>
    (name === 'forwarded' && style === 'x-forwarded') || (name === 'x-forwarded-port' && isOld);
  const kept = FORWARDED.reduce<RawHeaders>(
    (rest, name) => (known && isPassedOn(name) ? rest : withoutField(rest, name)),
    fields,
  );
  const secure = (req.socket as Partial<TLSSocket>).encrypted === true;
  const proto = said('x-forwarded-proto')[0] ?? (secure ? 'https' : 'http');
  const asked = said('x-forwarded-host')[0] ?? host;
  const before = said('x-forwarded-for');
  if (isOld) {
    kept.push('X-Forwarded-For', [...before, peer].join(', '), 'X-Forwarded-Proto', proto);
    if (asked !== null) kept.push('X-Forwarded-Host', asked);
  }
  if (isNew) {
    // What a balancer says in the older fields is said once more in the newer one, unless it knows that itself.
    const elements = [...said('forwarded')];
    const older = before
      .join(',')
      .split(',')
      .flatMap((part) => plainAddress(part.trim()) || []);
    if (elements.length === 0) elements.push(...older.map((address) => `for=${node(address)}`));
    const authority = asked === null ? '' : `;host=${quoted(asked)}`;
    elements.push(`for=${node(peer)}${authority};proto=${/^https?$/i.test(proto) ? proto : 'http'}`);
    kept.push('Forwarded', elements.join(', '));
  }
  return kept;
}

/** Addresses of a Forwarded field, without ports; whatever hides itself is left out. RFC 7239 §4. */
function forwardedFor(text: string): string[] {
  return [...text.matchAll(/(?:^|[,;\s])for="?(?:\[([0-9a-f:.]+)\]|([0-9.]+))/gi)].map(
    ([, six, four]) => six ?? four!,
  );
}

/** RFC 7239 §6: an IPv6 address stands in brackets and quotes; what is no address is not passed on. */
function node(address: string): string {
  const family = isIP(address);
  return family === 0 ? 'unknown' : family === 6 ? `"[${address}]"` : address;
}

/** RFC 7239 §4: a colon cannot stand in a token. */
function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

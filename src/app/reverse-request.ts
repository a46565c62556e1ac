// What an application behind proxy.reverse gets to see of a request: fields of the client's connection
// gone, X-Forwarded fields that can be relied on, Via. What it must never see is refused here.
// RFC 9110 §7.6; RFC 9112 §3.2.

import type { IncomingMessage } from 'node:http';
import type { BlockList } from 'node:net';
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
}

/** Address of the client: the connection's, or what a trusted balancer says. */
export function clientBehind(req: IncomingMessage, trusted: BlockList): string {
  const peer = plainAddress(req.socket.remoteAddress ?? 'unknown');
  if (!isAllowed(trusted, peer)) return peer;
  // From the right: each balancer adds whom it has seen, so the first that is none of them is the client.
  const chain = fieldValues(req.rawHeaders, 'x-forwarded-for').join(',').split(',');
  const seen = chain.map((part) => plainAddress(part.trim())).filter((part) => part !== '');
  return seen.reverse().find((address) => !isAllowed(trusted, address)) ?? seen.at(-1) ?? peer;
}

/**
 * Judges a request and makes its fields those that the application gets.
 * @throws {HttpError} `ERR_HTTP_HEAD_TOO_LARGE`, `ERR_HTTP_TARGET_TOO_LONG`, `ERR_HTTP_TARGET`,
 *         `ERR_HTTP_HOST`, `ERR_HTTP_FRAMING`, `ERR_PROXY_LOOP`
 */
export function prepareForApplication(
  req: IncomingMessage,
  { limits, viaName, trusted }: ReverseRules,
): void {
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
  setHeaders(req, [...forwarded(req, fields, host, trusted), 'Via', `${req.httpVersion} ${viaName}`], length);
}

function forwarded(
  req: IncomingMessage,
  fields: RawHeaders,
  host: string | null,
  trusted: BlockList,
): RawHeaders {
  const peer = plainAddress(req.socket.remoteAddress ?? 'unknown');
  const known = isAllowed(trusted, peer);
  const before = known ? fieldValues(fields, 'x-forwarded-for') : [];
  const said = (name: string): string | undefined => (known ? fieldValues(fields, name)[0] : undefined);
  const kept = FORWARDED.reduce<RawHeaders>(
    (rest, name) => (known && name === 'forwarded' ? rest : withoutField(rest, name)),
    fields,
  );
  const secure = (req.socket as Partial<TLSSocket>).encrypted === true;
  kept.push('X-Forwarded-For', [...before, peer].join(', '));
  kept.push('X-Forwarded-Proto', said('x-forwarded-proto') ?? (secure ? 'https' : 'http'));
  const forwardedHost = said('x-forwarded-host') ?? host;
  if (forwardedHost !== null) kept.push('X-Forwarded-Host', forwardedHost);
  return kept;
}

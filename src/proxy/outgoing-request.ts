// The request on its way to the origin: where it goes, what of its head goes with it, and what a service
// may make of either. Sending it is origin/engine.ts, the order of a transaction forward.ts. K-51.

import { HttpError, IcapError, printable } from '../errors.ts';
import type { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { ServerExchange } from '../http/server-connection.ts';
import type { RawHeaders, RequestHead } from '../icap/codec/http-head.ts';
import { parseAuthority } from '../util/authority.ts';
import { withoutUntrueLength } from './final-answer.ts';
import type { OriginTarget } from './origin/engine.ts';
import { splitAbsoluteForm } from './request-target.ts';
import type { ProxyContext, Session } from './session.ts';

type Tunnel = NonNullable<Session['tunnel']>;

/** A request as it goes to the origin. */
export interface Outgoing {
  target: OriginTarget;
  head: RequestHead;
  /** Request line target in absolute form, as services see it. */
  url: string;
  /** Authority in it. */
  authority: string;
  body: Body | null;
  contentLength: number | null;
  trailer: string | null;
}

/**
 * Judges a request and says where it goes.
 * @throws {HttpError} `ERR_HTTP_TARGET`, `ERR_PROXY_MISDIRECTED`, `ERR_PROXY_LOOP`, `ERR_PROXY_SELF`,
 *         `ERR_PROXY_DENIED`; `onUrl` has been told the URL before the last four
 */
export function prepareRequest(
  context: ProxyContext,
  { tunnel, tls }: Session,
  { head, facts, body, framing }: ServerExchange,
  onUrl: (url: string) => void,
): Outgoing {
  // Inside a tunnel its target decides where to go; an absolute form only names the path.
  const split = splitAbsoluteForm(head.target, head.method, tunnel === null ? ['http'] : ['http', 'https']);
  if (tunnel === null && split === null) throw notForProxy(head);
  const target = tunnel === null ? split!.target : tunnel.target;
  const path = split?.path ?? head.target;
  const authority = tunnel === null ? split!.authority : (facts.host ?? tunnel.authority);
  const scheme = target.secure ? 'https' : 'http';
  const url = path === '*' ? `${scheme}://${authority}` : `${scheme}://${authority}${path}`;
  onUrl(url);
  if (tunnel !== null && head.version === '2.0') checkDirection(authority, tunnel, tls);
  if (path !== '*' && !path.startsWith('/')) throw notForProxy(head);
  if (facts.via?.includes(context.viaName)) {
    throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this proxy before (Via)');
  }
  if (tunnel === null) context.checkTarget(target.host, target.port);
  // A request of HTTP/1.0 may come without Host; what goes on is HTTP/1.1.
  const isForTunnel = (split === null || tunnel !== null) && facts.host !== null;
  const headers = isForTunnel ? facts.endToEnd : withHost(facts.endToEnd, facts.host, authority);
  return {
    target,
    head: { method: head.method, target: path, version: '1.1', headers },
    url,
    authority,
    body,
    contentLength: framing.kind === 'length' ? framing.length : null,
    trailer: facts.trailer,
  };
}

/**
 * Clients of HTTP/2 use one connection for every name that its certificate is good for, and ours may be good for
 * all neighbours of a host. Each has its own tunnel here: 421 sends the client there (RFC 9113 §9.1.1, §9.1.2).
 * @throws {HttpError} `ERR_PROXY_MISDIRECTED`
 */
function checkDirection(authority: string, { target }: Tunnel, tls: Session['tls']): void {
  const host = parseAuthority(authority, target.port)?.host;
  if (host === target.host || host === target.serverName || host === (tls?.sni ?? null)) return;
  const message = `a request for ${printable(authority)} in a tunnel to ${target.host}`;
  throw new HttpError('ERR_PROXY_MISDIRECTED', message, { host: target.host });
}

/**
 * Goes on with the request that a service made of it, also to another place (K-51).
 * @throws {HttpError} `ERR_PROXY_SELF`, `ERR_PROXY_DENIED`: a place that the client could not have asked for
 */
export function adoptRequest(
  context: ProxyContext,
  { client, user, groups = [] }: Session,
  outgoing: Outgoing,
  adapted: RequestHead,
): void {
  const facts = readHeaderFacts(adapted.headers);
  const split = splitAbsoluteForm(adapted.target, adapted.method, ['http', 'https']);
  if (adapted.method === 'CONNECT') {
    throw new IcapError('ERR_ADAPT_PROTOCOL', 'an ICAP service made a CONNECT of another request');
  }
  let headers = facts.endToEnd;
  if (split !== null && adapted.target !== outgoing.url) {
    // Inside a tunnel the authority of the URL is that of Host, and the tunnel's target decides.
    const { host, port, secure } = split.target;
    const before = parseAuthority(outgoing.authority, outgoing.target.secure ? 443 : 80);
    const moved = before?.host !== host || before.port !== port || secure !== outgoing.target.secure;
    if (moved) {
      context.checkTarget(host, port);
      if (secure && context.decide({ host, port, client, user, groups, sni: host })?.action === 'terminate') {
        throw new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${host}`, { host });
      }
      outgoing.target = split.target;
      outgoing.authority = split.authority;
      headers = withHost(headers, facts.host, split.authority);
    }
    outgoing.url = adapted.target;
  }
  const path = split?.path ?? adapted.target;
  const hasBody = outgoing.body !== null;
  outgoing.contentLength = hasBody ? facts.contentLength : null;
  if (!hasBody) headers = withoutUntrueLength({ ...facts, endToEnd: headers });
  outgoing.head = { method: adapted.method, target: path, version: '1.1', headers };
}

/** A proxy ignores Host beside an absolute form and sends what the target says (RFC 9112 §3.2.2). */
function withHost(headers: RawHeaders, host: string | null, authority: string): RawHeaders {
  if (host === null) return ['Host', authority, ...headers];
  if (host.toLowerCase() === authority.toLowerCase()) return headers;
  const copy = [...headers];
  for (let i = 0; i < copy.length; i += 2) if (copy[i]!.toLowerCase() === 'host') copy[i + 1] = authority;
  return copy;
}

function notForProxy(head: RequestHead): HttpError {
  const shown = head.target.length > 60 ? `${head.target.slice(0, 60)}…` : head.target;
  return new HttpError(
    'ERR_HTTP_TARGET',
    `this is a proxy: set it as your HTTP proxy instead of opening it (the request asks for "${shown}")`,
  );
}

// GET /metrics: who may scrape, and the answer. From the machine itself no token is needed unless one is
// configured for it; from elsewhere always. What is in the text is src/metrics.

import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../util/networks.ts';
import { carriesToken, isKnownHost } from './access.ts';
import { FOREIGN_HOST, NO_TOKEN } from './reply.ts';
import type { ApiReply } from './reply.ts';

export interface MetricsRoute {
  /** Each of them opens it. */
  readonly tokens: readonly string[];
  /** Even from this machine a token is needed. */
  readonly always: boolean;
  /** The figures of now, in the Prometheus text format 0.0.4. */
  text(): Promise<string>;
}

/** What is looked at of a request. */
export interface ScrapeRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of the peer. */
  readonly peer: string | undefined;
}

const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Fields that say that somebody else stands behind the peer. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'via'] as const;

/** @param listenHost  name or address that the listener was given */
export async function metricsReply(
  route: MetricsRoute,
  request: ScrapeRequest,
  listenHost: string,
): Promise<ApiReply> {
  const refusal = refusalOf(route, request, listenHost);
  if (refusal !== null) return refusal;
  return { status: 200, body: null, text: await route.text(), headers: { 'Content-Type': CONTENT_TYPE } };
}

function refusalOf(
  { tokens, always }: MetricsRoute,
  { url, headers, peer }: ScrapeRequest,
  listenHost: string,
): ApiReply | null {
  const inQuery = new URLSearchParams(url.split('?', 2)[1] ?? '').get('token');
  const given = [headers.authorization, inQuery === null ? undefined : `Bearer ${inQuery}`];
  // A page of a foreign name that resolves to us has no token; so with one, any Host will do.
  if (tokens.some((token) => given.some((field) => carriesToken(field, token)))) return null;
  if (always || !isFromHere(headers, peer)) return NO_METRICS_TOKEN;
  return isKnownHost(headers.host, listenHost) ? null : FOREIGN_HOST;
}

function isFromHere(headers: IncomingHttpHeaders, peer: string | undefined): boolean {
  return peer !== undefined && isLoopback(peer) && FORWARDED.every((name) => headers[name] === undefined);
}

/** For other paths of a listener that serves nothing else. */
export const ONLY_METRICS: ApiReply = { status: 404, body: { error: 'nothing here', hint: 'try /metrics' } };

const NO_METRICS_TOKEN: ApiReply = {
  ...NO_TOKEN,
  body: {
    error: 'a token is needed',
    hint: 'send `Authorization: Bearer …` with metrics.token, or else dashboard.token; `?token=…` will do',
  },
};

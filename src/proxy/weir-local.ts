// The host that the proxy answers itself: http://weir.local/ and https://weir.local/, with a leaf like any
// other host's. It is looked for before every rule, and nothing that is asked of it leaves the proxy. What is
// served there is pages/setup-site.ts.

import { Body } from '../http/body.ts';
import type { Answer } from '../http/server-exchange.ts';
import type { RequestHead } from '../icap/codec/http-head.ts';
import type { SetupReply, SetupRequest } from '../pages/setup-site.ts';
import { SETUP_HOST, setupNotFound } from '../pages/setup-site.ts';
import type { OriginTarget } from './origin/engine.ts';
import type { TlsDecision } from './tls-policy/rules.ts';

/** What is served; null: no such path. */
export type OwnSite = (request: SetupRequest) => SetupReply | null;

/** A decision that no rule has made, and none can change. */
export const OWN_HOST_DECISION: TlsDecision = { action: 'bump', index: -1 };

/** True for the proxy's own host. @param host  in lower case, without a trailing dot */
export function isOwnHost(host: string): boolean {
  return host === SETUP_HOST;
}

/** The answer to a request for the proxy's own host; null: the request is for another. */
export function ownAnswer(
  site: OwnSite | null,
  { host }: OriginTarget,
  { method, target, headers }: RequestHead,
): Answer | null {
  if (site === null || !isOwnHost(host)) return null;
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '') || '/';
  const reply = site({ method, target: path, headers }) ?? setupNotFound();
  return {
    ...{ status: reply.status, reason: reply.reason, headers: [...reply.headers] },
    body: method === 'HEAD' ? null : Body.of(reply.body),
    contentLength: reply.body.length,
  };
}

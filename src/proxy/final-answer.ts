// The answer that goes to the client, made from the origin's response or from what a service made of it.
// Framing is worked out anew; how it is written is http/server-connection.ts. C-37, C-93.

import type { Body } from '../http/body.ts';
import { readHeaderFacts } from '../http/framing.ts';
import type { HeaderFacts } from '../http/framing.ts';
import type { Answer } from '../http/server-connection.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { RawHeaders, ResponseHead } from '../icap/codec/http-head.ts';
import type { OriginResponse } from './origin/engine.ts';

/** The origin's answer as it came. */
export function originAnswer(response: OriginResponse, body: Body | null): Answer {
  const { head, facts } = response;
  return {
    status: head.status,
    reason: head.reason,
    headers: facts.endToEnd,
    body,
    contentLength: facts.contentLength,
    trailer: facts.trailer,
  };
}

/** An answer made by a service: hop-by-hop fields go, framing is worked out anew (C-93, C-37). */
export function adaptedAnswer(head: ResponseHead, body: Body | null, method: string): Answer {
  const facts = readHeaderFacts(head.headers);
  const bodiless = method === 'HEAD' || head.status === 204 || head.status === 304;
  if (bodiless) body?.cancel();
  const kept = bodiless ? null : body;
  const headers = kept === null && !bodiless ? withoutUntrueLength(facts) : facts.endToEnd;
  const contentLength =
    kept !== null || bodiless ? facts.contentLength : facts.contentLength === 0 ? 0 : null;
  return {
    status: head.status,
    reason: head.reason,
    headers,
    body: kept,
    contentLength,
    trailer: facts.trailer,
  };
}

/** The answer without what would lead a browser to another protocol, and with it past the proxy (RFC 7838). */
export function withoutAltSvc(answer: Answer): Answer {
  const { headers } = answer;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    if (name.length === 7 && name.toLowerCase() === 'alt-svc')
      return { ...answer, headers: withoutField(headers, 'alt-svc') };
  }
  return answer;
}

/** The fields without a Content-Length that a missing body cannot have. */
export function withoutUntrueLength(facts: HeaderFacts): RawHeaders {
  if (facts.contentLength === null || facts.contentLength === 0) return facts.endToEnd;
  return withoutField(facts.endToEnd, 'content-length');
}

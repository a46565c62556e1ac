// What a transaction asks of the engine of origins, and what its client is told first: 100 Continue before
// REQMOD, HTTP/1.1 where the origin wants a login that holds for a connection.

import { HttpError } from '../errors.ts';
import type { ServerExchange } from '../http/server-connection.ts';
import { withoutField } from '../icap/codec/fields.ts';
import type { OriginNote } from '../trace/notes.ts';
import type { Cancellation } from '../util/cancellation.ts';
import type { OriginRequest, OriginResponse } from './origin/engine.ts';
import type { Outgoing } from './outgoing-request.ts';
import type { ProtocolSwitch } from './protocol-switch.ts';
import type { ProxyContext } from './session.ts';

/**
 * The body is wanted for inspection at once: say so before REQMOD, or everybody waits (K-14).
 * @throws {HttpError} `ERR_HTTP_EXPECTATION`
 */
export function meetExpectation(exchange: ServerExchange, expect: string, outgoing: Outgoing): void {
  if (!/^100-continue$/i.test(expect)) {
    throw new HttpError('ERR_HTTP_EXPECTATION', 'only the expectation 100-continue is supported');
  }
  if (exchange.body !== null) exchange.inform(100, 'Continue', []);
  outgoing.head.headers = withoutField(outgoing.head.headers, 'expect');
}

/** @param protocolSwitch  where the client asks for another protocol */
export function originRequest(
  context: ProxyContext,
  exchange: ServerExchange,
  outgoing: Outgoing,
  protocolSwitch: ProtocolSwitch | null,
  cancellation: Cancellation,
  note: OriginNote | null,
): OriginRequest {
  const { head } = outgoing;
  const { version } = exchange.head;
  return {
    target: outgoing.target,
    head: {
      ...head,
      headers: [...(protocolSwitch?.headers ?? head.headers), 'Via', `${version} ${context.viaName}`],
    },
    body: outgoing.body,
    contentLength: outgoing.contentLength,
    trailer: outgoing.trailer,
    trailersWanted: /\btrailers\b/i.test(exchange.facts.te ?? ''),
    http2: version === '2.0',
    upgrade: protocolSwitch?.protocol ?? null,
    cancellation,
    loginScope: exchange.loginScope,
    note,
    onInformation: (status, reason, headers) => exchange.inform(status, reason, headers),
  };
}

/**
 * A client cannot log a connection in that its requests share: it is asked to come by HTTP/1.1.
 * @returns what ends the transaction
 */
export function demandHttp1(exchange: ServerExchange, { body }: OriginResponse): HttpError {
  const error = new HttpError(
    'ERR_HTTP2_LOGIN',
    'the origin wants a login that holds for a connection (NTLM, Negotiate), which HTTP/2 does not have',
  );
  body?.cancel(error);
  exchange.demandHttp1(error);
  return error;
}

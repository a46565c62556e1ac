// HTTP connections of clients: each request is counted, its sender found out where clients must log in, and
// then it becomes a transaction or a tunnel. Which connections there are, so that a reload or the end of the
// proxy can close them. Listening is proxy-server.ts; one transaction is forward.ts, a tunnel connect.ts.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { ServerConnection, ServerExchange } from '../http/server-exchange.ts';
import { HttpServerConnection } from '../http/server-connection.ts';
import { DEFAULT_HTTP2, Http2ServerConnection } from '../http2/server-connection.ts';
import { isDialogue } from '../http2/server-exchange.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { Deadlines } from '../util/deadlines.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { ClientUsage } from './access/client-usage.ts';
import { NextLeg } from './access/dialogue-scheme.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import type { ProxyArrangement } from './arrangement.ts';
import type { ConnectionRecords } from './connection-records.ts';
import type { Arrival, Entrance } from './entrance/entrance.ts';
import { toAbsoluteForm } from './entrance/transparent.ts';
import { ExchangeWatch } from './exchange-watch.ts';
import { Transaction } from './forward.ts';
import type { Session } from './session.ts';

export interface ConnectionsHost {
  /** What is in force. */
  arrangement(): ProxyArrangement;
  readonly records: ConnectionRecords;
  readonly deadlines: Deadlines;
  readonly usage: ClientUsage;
  stopping(): boolean;
  /** A client has gone beyond a limit. */
  refused(client: string, error: WeirError): void;
  onConnect(exchange: ServerExchange, entrance: Entrance, session: Session): void;
}

/** A connection that carries HTTP: of whom, and by which listener it came. */
interface Served {
  readonly session: Session;
  readonly entrance: Entrance;
  /** Of the access rules that it was let in by. */
  readonly accessKey: string;
  readonly arrival: Arrival | null;
  /** Told of the first request. */
  onUsed: (() => void) | null;
}

export class ClientConnections {
  readonly #host: ConnectionsHost;
  readonly #connections = new Map<ServerConnection, Served>();

  constructor(host: ConnectionsHost) {
    this.#host = host;
  }

  /** Tunnels that carry HTTP, decrypted and plain. */
  get tunnels(): { bump: number; plain: number } {
    const tunnels = { bump: 0, plain: 0 };
    for (const { session } of this.#connections.values()) {
      if (session.tunnel !== null) tunnels[session.tls === null ? 'plain' : 'bump']++;
    }
    return tunnels;
  }

  /** A client has come in. */
  arrived(socket: Socket, entrance: Entrance, arrival: Arrival): void {
    const { client, user, groups } = arrival;
    this.#serve(socket, entrance, { client, user, groups, tls: null, tunnel: null }, arrival);
  }

  /** HTTP begins inside a tunnel. @param onUsed  told of the first request */
  serveTunnel(
    socket: Socket,
    entrance: Entrance,
    session: Session,
    onUsed: (() => void) | null = null,
  ): void {
    this.#serve(socket, entrance, session, null, onUsed);
  }

  /** Closes connections that may not be used any more once they have answered what they are at. */
  closeUnadmitted(): void {
    for (const [connection, served] of this.#connections) {
      if (!this.#isAdmitted(served)) connection.drain();
    }
  }

  /** Closes all, or those of one listener, likewise. */
  drain(entrance: Entrance | null = null): void {
    for (const [connection, served] of this.#connections) {
      if (entrance === null || served.entrance === entrance) connection.drain();
    }
  }

  #isAdmitted({ session, entrance, accessKey }: Served): boolean {
    const { access } = this.#host.arrangement();
    if (!entrance.open || access.refusal(session.client) !== null) return false;
    // Whoever has opened a tunnel, or has shown a certificate, logged in then and there.
    const loggedIn = session.tunnel !== null || session.user !== null;
    return (!loggedIn || accessKey === access.key) && this.#host.arrangement().admits(session);
  }

  #serve(
    socket: Socket,
    entrance: Entrance,
    session: Session,
    arrival: Arrival | null,
    onUsed: (() => void) | null = null,
  ): void {
    const { limits, access, http2 } = this.#host.arrangement();
    const served: Served = { session, entrance, accessKey: access.key, arrival, onUsed };
    const options = {
      limits,
      headTimeoutMs: limits.headTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
      deadlines: this.#host.deadlines,
      onRequest: (exchange: ServerExchange) => this.#request(exchange, served, connection),
      onBadRequest: (error: WeirError) => this.#badRequest(error, session),
      onClose: () => void this.#connections.delete(connection),
    };
    const connection: ServerConnection =
      session.tls?.alpn === 'h2'
        ? new Http2ServerConnection(socket as TLSSocket, {
            ...options,
            ...(http2 ?? DEFAULT_HTTP2),
            extendedConnect: true,
            onTrouble: (error) => this.#host.refused(session.client, error),
          })
        : new HttpServerConnection(socket, options);
    this.#connections.set(connection, served);
    // The target of a tunnel may have been refused by a reload while the handshake went on.
    if (this.#host.stopping() || !this.#isAdmitted(served)) connection.drain();
  }

  #badRequest(error: WeirError, session: Session): { head: ResponseHead; body: Body } {
    const id = newIncidentId();
    const answer = errorAnswer(error, id, '', null);
    this.#host.records.failure(error, id, session, '', '', answer.status);
    const { status, reason, headers } = answer;
    return { head: { version: '1.1', status, reason, headers }, body: answer.body ?? Body.of() };
  }

  // --- one request ---

  #request(exchange: ServerExchange, served: Served, connection: ServerConnection): void {
    const { session, entrance, arrival } = served;
    served.onUsed?.();
    served.onUsed = null;
    const { access } = this.#host.arrangement();
    if (access.requests !== null) {
      const waitMs = this.#host.usage.request(session.client, access.requests);
      if (waitMs > 0) return this.#tooFast(exchange, session, waitMs);
    }
    if (arrival === null) return this.#dispatch(exchange, entrance, session); // in a tunnel
    try {
      if (arrival.refusal !== null) {
        connection.drain();
        throw arrival.refusal;
      }
      if (entrance.options.mode === 'transparent') {
        toAbsoluteForm(exchange.head, exchange.facts.host, arrival.destination);
      }
      if (!entrance.asks || session.user !== null) return this.#dispatch(exchange, entrance, session);
      const who = access.logIn(exchange.facts.proxyAuthorization, session.client, exchange.loginScope);
      if (!(who instanceof Promise)) return this.#dispatch(exchange, entrance, { ...session, ...who });
      who.then(
        (found) => this.#dispatch(exchange, entrance, { ...session, ...found }),
        (error: unknown) => this.#refuse(exchange, session, asWeirError(error)),
      );
    } catch (error) {
      this.#refuse(exchange, session, asWeirError(error));
    }
  }

  #dispatch(exchange: ServerExchange, entrance: Entrance, session: Session): void {
    if (exchange.head.method === 'CONNECT') this.#host.onConnect(exchange, entrance, session);
    else this.#transact(new Transaction(this.#host.arrangement(), session, exchange), exchange);
  }

  #transact(transaction: Transaction, { body, head }: ServerExchange): void {
    const watch = ExchangeWatch.start(
      this.#host.arrangement().limits,
      {
        body,
        isDialogue: isDialogue(head.headers),
        onExpired: (error) => void transaction.expire(error),
      },
      this.#host.deadlines,
    );
    const over = transaction.run();
    if (watch !== null) void over.finally(() => watch.stop());
  }

  #refuse(exchange: ServerExchange, session: Session, error: WeirError): void {
    const id = newIncidentId();
    const { head, startedAt } = exchange;
    const answer = errorAnswer(error, id, head.target, head);
    // In a dialogue of several legs only its next one is asked for.
    const challenges =
      error instanceof NextLeg ? error.challenge : this.#host.arrangement().access.challenges;
    const headers = error.httpStatus === 407 ? [...challenges, ...answer.headers] : answer.headers;
    exchange.body?.cancel();
    exchange.respond({ ...answer, headers }).catch(() => {});
    this.#host.records.failure(error, id, session, head.method, head.target, answer.status, startedAt);
  }

  /** Without a record: whoever sends too many requests would fill the log with them. */
  #tooFast(exchange: ServerExchange, { client }: Session, waitMs: number): void {
    const { perSecond } = this.#host.arrangement().access.requests!;
    const text = `${client} sends more than ${perSecond} requests a second`;
    const error = new HttpError('ERR_PROXY_RATE', text, { client });
    const answer = errorAnswer(error, newIncidentId(), exchange.head.target, exchange.head);
    const headers = ['Retry-After', `${Math.ceil(waitMs / 1000)}`, ...answer.headers];
    exchange.body?.cancel();
    exchange.respond({ ...answer, headers }).catch(() => {});
    this.#host.refused(client, error);
  }
}

// What all connections of one ICAP server share: the services, limits, the clock, counting of busy
// services, and where finished transactions are reported.

import type { WeirError } from '../../errors.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { HeadLimits } from '../codec/head.ts';
import { DEFAULT_HEAD_LIMITS } from '../codec/head.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { IcapOutcome, IcapReport, IcapService, IcapServiceHost, IcapTransaction } from '../service.ts';

export interface IcapServerLimits {
  /** Open connections; further ones are answered 503 and closed. */
  readonly connections: number;
  /** Silence after which an idle connection is closed. */
  readonly idleTimeoutMs: number;
  /** Silence in the middle of a request after which it is answered 408. */
  readonly requestTimeoutMs: number;
  /** From the connection to the end of the PROXY header, and from there to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number;
  /** Bytes of an unwanted rest of a request that are read for the connection's sake (S-11). */
  readonly drainBytes: number;
  readonly drainTimeoutMs: number;
  /** After so many requests the connection is closed (S-12); 0: never. */
  readonly maxRequestsPerConnection: number;
  /** Sizes of request heads (C-16). */
  readonly head: HeadLimits;
}

export const DEFAULT_SERVER_LIMITS: IcapServerLimits = {
  connections: 1000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 30_000,
  handshakeTimeoutMs: 10_000,
  drainBytes: 1024 * 1024,
  drainTimeoutMs: 2000,
  maxRequestsPerConnection: 0,
  head: DEFAULT_HEAD_LIMITS,
};

/** Who is at the other end of a connection. */
export interface IcapPeer {
  /** Of the ICAP client; behind a balancer that speaks the PROXY protocol the one that it names. */
  readonly address: string;
  /** Subject of the client certificate on icaps, e.g. `CN=squid, O=Example`; null without one. */
  readonly certificate: string | null;
  /** Both ends of the TCP connection, see own-connections.ts. */
  readonly connection: string;
}

/** The processes that serve the same clients beside this one (src/gateway/workers). */
export interface ServerPeers {
  /**
   * Whether one more request fits.
   * @param limit the service's own, over all processes; null where it has none
   * @param ofService requests of the service that this process serves now
   * @param ofAll requests of all services that this process serves now
   */
  admits(service: IcapService, limit: number | null, ofService: number, ofAll: number): boolean;
  /** Told after each connection and request that began or ended. */
  changed(): void;
}

/** What the listener does with a connection. */
export interface ServedConnection extends HasDeadline {
  /** Finishes the exchange under way, then closes. */
  drain(): void;
  /** Announces with the answer under way that the connection ends behind it; false where it is too late. */
  retire(): boolean;
  destroy(): void;
}

/** What a report needs of an exchange. */
export interface ReportedExchange {
  readonly head: { readonly uri: string };
  readonly transaction: IcapTransaction;
  readonly service: IcapService | undefined;
  readonly startedAt: number;
}

export interface IcapServerContext {
  readonly host: IcapServiceHost;
  readonly strict: boolean;
  readonly limits: IcapServerLimits;
  readonly spool: SpoolOptions;
  now(): Date;
  /** Adds this server's Via to a section that it relays, unless it is switched off (C-94). */
  withVia(section: string): string;
  /**
   * Says whether the ICAP client of a request has logged in. Null where nobody has to: costs nothing then.
   * @returns its user name, or null where this service asks for none
   * @throws {IcapError} or rejects: `ERR_ICAP_AUTH` (407), `ERR_ICAP_OVERLOADED` (503)
   */
  readonly admit:
    | ((
        headers: RawHeaders,
        service: IcapService | undefined,
        peer: IcapPeer,
      ) => string | null | Promise<string | null>)
    | null;
  /** Counts a request in; false when the service is at its limit. */
  enter(service: IcapService): boolean;
  leave(service: IcapService): void;
  /** ISTag for an answer to this URI, which may be unknown. */
  tagFor(uri: string | undefined, icapClient: string): string;
  report(
    exchange: ReportedExchange,
    icapStatus: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
  ): void;
  /** A request that was no valid ICAP. */
  refused(peer: string, error: WeirError): void;
  closed(connection: ServedConnection): void;
}

export type { IcapReport };

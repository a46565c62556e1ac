// What all connections of one ICAP server share: the services, limits, the clock, counting of busy
// services, and where finished transactions are reported.

import type { WeirError } from '../../errors.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { IcapOutcome, IcapReport, IcapService, IcapServiceHost, IcapTransaction } from '../service.ts';

export interface IcapServerLimits {
  /** Open connections; further ones are answered 503 and closed. */
  readonly connections: number;
  /** Silence after which an idle connection is closed. */
  readonly idleTimeoutMs: number;
  /** Silence in the middle of a request after which it is answered 408. */
  readonly requestTimeoutMs: number;
}

export const DEFAULT_SERVER_LIMITS: IcapServerLimits = {
  connections: 1000,
  idleTimeoutMs: 60_000,
  requestTimeoutMs: 30_000,
};

/** What the listener does with a connection. */
export interface ServedConnection extends HasDeadline {
  /** Finishes the exchange under way, then closes. */
  drain(): void;
  destroy(): void;
}

export interface IcapServerContext {
  readonly host: IcapServiceHost;
  readonly strict: boolean;
  readonly limits: IcapServerLimits;
  readonly spool: SpoolOptions;
  now(): Date;
  /** Adds this server's Via to a section that it relays, unless it is switched off (C-94). */
  withVia(section: string): string;
  /** Counts a request in; false when the service is at its limit. */
  enter(service: IcapService): boolean;
  leave(service: IcapService): void;
  /** ISTag for an answer to this URI, which may be unknown. */
  tagFor(uri: string | undefined): string;
  report(
    exchange: {
      readonly head: { readonly uri: string };
      readonly transaction: IcapTransaction;
      readonly service: IcapService | undefined;
      readonly startedAt: number;
    },
    icapStatus: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
  ): void;
  /** A request that was no valid ICAP. */
  refused(peer: string, error: WeirError): void;
  closed(connection: ServedConnection): void;
}

export type { IcapReport };

// The log records that users and programs rely on (one a transaction). Field names are part of the
// contract; nothing of bodies, cookies or authorization ever goes in.

import type { ErrorCode } from '../errors.ts';
import type { Meters } from '../metrics/meters.ts';
import type { Tracer } from './otlp/tracer.ts';
import type { IncidentSink } from './incidents.ts';

export interface ThreatRecord {
  readonly name: string;
  readonly blade: string | null;
  readonly severity: string | null;
  /** Id of the report that the blade keeps of it, for `weir report show`; absent: it keeps none. */
  readonly report?: string;
}

/** Messages of a WebSocket that went on in one direction. */
export interface WebSocketCounts {
  messages: number;
  /** Payload, not compressed. */
  bytes: number;
  /** Messages that a service has judged. */
  scanned: number;
  blocked: number;
}

/** A WebSocket, from its handshake to its end. */
export interface WebSocketRecord {
  readonly toOrigin: WebSocketCounts;
  readonly toClient: WebSocketCounts;
  /** permessage-deflate was agreed on. */
  readonly compressed: boolean;
  /** Who has closed it first, and with which code; 1006: without one. */
  readonly close: { readonly by: 'client' | 'origin' | 'weir' | null; readonly code: number };
}

/** One HTTP transaction through the proxy. */
export interface ProxyRecord {
  readonly id: string;
  readonly client: string;
  readonly user: string | null;
  readonly method: string;
  readonly url: string;
  /** Status that the client got; 0 where it got none. */
  readonly status: number;
  /** Body bytes from the client. */
  readonly bytesIn: number;
  /** Body bytes to the client. */
  readonly bytesOut: number;
  readonly tls: { version: string | null; sni: string | null; alpn: string | null; action: string } | null;
  readonly adaptation: readonly {
    service: string;
    method: string;
    icapStatus: number | null;
    ms: number;
    preview: number | null;
    verdict: string;
  }[];
  readonly verdict: 'allowed' | 'blocked' | 'modified' | 'bypassed' | 'error';
  readonly threat: ThreatRecord | null;
  /** Id on the page that took the place of content: the gateway's for a block, our own for an error. */
  readonly incident: string | null;
  /** What inspection came to; null where a failure left it open. `reason` says why it is `not-scanned`. */
  readonly coverage?: { readonly state: string; readonly reason: string | null } | null;
  /** For a request for a part of an object: the transaction that had it scanned, and how it came. */
  readonly range?: { readonly object: string | null; readonly use: string };
  /** Where the response, or the request, has no end: how that was known, and what was done with it. */
  readonly stream?: { readonly shape: string; readonly policy: string; readonly windows: number };
  /** Where the connection became a WebSocket whose messages were inspected; made at its end. */
  readonly webSocket?: WebSocketRecord;
  /** Where the record is of one message of a WebSocket (`method` is WS, `status` the code of the Close). */
  readonly webSocketMessage?: {
    /** Id of the transaction that opened it. */
    readonly connection: string;
    readonly direction: 'outgoing' | 'incoming';
    readonly opcode: 'text' | 'binary';
    /** In its direction; the first is 1. */
    readonly message: number;
  };
  /** What the client got because the scan took long; absent where it has waited, or did not have to. */
  readonly waited?: 'page' | 'trickle' | 'accepted';
  /** Id of the transaction whose kept answer was fetched. */
  readonly waitedFor?: string;
  readonly ms: number;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** One ICAP transaction of the gateway. */
export interface GatewayRecord {
  readonly id: string;
  readonly icapClient: string;
  /** The proxy of the same Weir has asked, over TCP: its own record tells of the same transaction. */
  readonly own?: true;
  /** Name that the ICAP client has logged in with, where it had to. */
  readonly icapUser?: string;
  /** Subject of its certificate, where it has shown one. */
  readonly icapCertificate?: string;
  readonly service: string;
  readonly method: string;
  readonly icapStatus: number;
  readonly clientIp: string | null;
  readonly serverIp: string | null;
  readonly user: string | null;
  readonly url: string;
  readonly verdict: 'allowed' | 'blocked' | 'modified' | 'error';
  readonly threat: ThreatRecord | null;
  /** `cached`: the verdict was known, and the blade not asked. */
  readonly blades: readonly { name: string; verdict: string; ms: number; cached?: true }[];
  /** That the message was scanned with; absent where the service scans nothing. */
  readonly profile?: string;
  readonly bytes: number;
  readonly ms: number;
  readonly error?: { readonly code: ErrorCode; readonly message: string };
}

/** Where records and events go. */
export interface Telemetry {
  /** False when records would be dropped: callers then do not build them. */
  readonly records: boolean;
  /** What counts for metrics, whether or not there are records; absent or null: nobody does. */
  readonly meters?: Meters | null | undefined;
  /** What takes spans for OpenTelemetry; absent or null: nobody does. */
  readonly tracer?: Tracer | null | undefined;
  /** Hears of blocks and of background verdicts; absent or null: nobody does. */
  readonly incidents?: IncidentSink | null | undefined;
  /**
   * Asked under load before a record is made, where `records` is true: true means that this one is not needed
   * and has been counted by whoever counts; absent: all are.
   * @param isOwn  as for `gateway`, and for what the proxy has asked for in this process; false of the proxy
   */
  leavesOut?(kind: 'proxy' | 'gateway', verdict: ProxyRecord['verdict'], isOwn: boolean): boolean;
  proxy(record: ProxyRecord): void;
  /** @param isOwn  a proxy of this process has asked over TCP, and tells of the same itself */
  gateway(record: GatewayRecord, isOwn?: boolean): void;
  event(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object): void;
}

export const NO_TELEMETRY: Telemetry = { records: false, proxy() {}, gateway() {}, event() {} };

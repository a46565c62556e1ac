// A trace as it is stored and printed: one JSON object. Additions are free; what stands here keeps its
// name and meaning, since programs read `weir why --json`. Durations are milliseconds.

import type { ProxyRecord, ThreatRecord, WebSocketRecord } from '../telemetry/records.ts';
import type { AfterFailure, PolicyLine } from './notes.ts';
import type { Finding } from '../icap/findings.ts';
import type { KeptFields } from './redaction.ts';

export interface TraceRecord {
  readonly v: 1;
  readonly id: string;
  /** Id on the page that the user saw, where it is another one. */
  readonly incident: string | null;
  /** Begin, ISO 8601. */
  readonly time: string;
  readonly ms: number;
  readonly verdict: string;
  /** What decided: a line of the configuration with its value, or a sentence where none did. */
  readonly decided: string;
  readonly threat: ThreatRecord | null;
  /** What inspection came to, where there was something to inspect. */
  readonly coverage: { readonly state: string; readonly reason: string | null } | null;
  readonly error: TracedError | null;
  readonly client: { readonly address: string; readonly user: string | null };
  readonly tls: TracedTls | null;
  readonly request: TracedRequest;
  readonly reqmod: readonly TracedStep[];
  readonly origin: TracedOrigin | null;
  readonly respmod: readonly TracedStep[];
  readonly answer: TracedAnswer;
  /** For a part of an object: the transaction that had it scanned, and how it came. */
  readonly range?: { readonly object: string | null; readonly use: string };
  /** For a body without end: how that was known, what was done with it, and how many pieces were judged. */
  readonly stream?: { readonly shape: string; readonly policy: string; readonly windows: number };
  /** For a WebSocket whose messages were inspected: how many there were, and how it ended. */
  readonly webSocket?: WebSocketRecord;
  /** For one message of a WebSocket, which has a trace of its own where it did not pass. */
  readonly webSocketMessage?: ProxyRecord['webSocketMessage'] & {};
  /** What the client got because the scan took long, and when; absent where it got nothing. */
  readonly waited?: { readonly way: string; readonly at: number | null };
  /** Id of the transaction whose kept answer was fetched. */
  readonly waitedFor?: string;
}

export interface TracedError {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
}

export interface TracedTls {
  readonly action: string;
  readonly sni: string | null;
  readonly version: string | null;
  readonly alpn: string | null;
  /** host:port of CONNECT. */
  readonly tunnel: string | null;
  /** Null: no rule fitted, which means bump. */
  readonly rule: PolicyLine | null;
  /** From CONNECT until the tunnel was ready, or had failed. */
  readonly ms: number | null;
}

export interface TracedRequest {
  readonly method: string;
  readonly url: string;
  readonly version: string | null;
  readonly headers: KeptFields;
  /** Body bytes from the client. */
  readonly bytes: number;
}

export interface TracedStep {
  /** Service or group that the rule uses. */
  readonly use: string;
  readonly rule: PolicyLine | null;
  /** Key of `when` that did not fit, e.g. `not.hosts`, or `left out`; null where the rule applied. */
  readonly skipped: string | null;
  /** From the begin of the transaction. */
  readonly at: number;
  readonly services: readonly TracedService[];
  readonly answer: {
    readonly icapStatus: number;
    readonly headers: KeptFields;
    readonly verdict: string;
    /** First line of the message that the service made; null where it left it as it was. */
    readonly startLine: string | null;
    readonly messageHeaders: KeptFields;
  } | null;
}

export interface TracedService {
  readonly service: string;
  readonly ms: number;
  readonly error: TracedError | null;
  readonly after: AfterFailure | null;
  /** e.g. `adaptation.services.scan.onError: block`. */
  readonly decided: string | null;
  /** One for each ICAP request; none for a service of the own gateway. */
  readonly attempts: readonly TracedExchange[];
  /** What each blade said, in the order in which they were asked; only of the own gateway, absent where none was. */
  readonly blades?: readonly Finding[];
}

export interface TracedExchange {
  readonly address: string;
  /** Waiting for a connection. */
  readonly queuedMs: number;
  /** Null: the connection was open. */
  readonly connectMs: number | null;
  /** From the request sent to the first byte of an answer. */
  readonly firstByteMs: number | null;
  readonly ms: number;
  readonly request: readonly string[];
  /** Bytes. */
  readonly preview: number | null;
  /** Start of the preview in base64, where `trace.bodies` asks for it. */
  readonly body: string | null;
  readonly status: number | null;
  readonly reason: string | null;
  readonly headers: KeptFields;
  readonly error: TracedError | null;
}

export interface TracedOrigin {
  readonly authority: string;
  readonly address: string | null;
  /** e.g. `TLSv1.3`. */
  readonly tls: string | null;
  /** Null: no connection was made, or bytes were passed through. */
  readonly protocol: 'HTTP/1.1' | 'HTTP/2' | null;
  /** The parent proxy that it went through. */
  readonly parent?: string;
  readonly reused: boolean;
  /** Time to a new connection, TLS included. */
  readonly connectMs: number | null;
  /** From the connection to the head of the answer. */
  readonly firstByteMs: number | null;
  readonly ms: number;
  readonly status: number | null;
  readonly error: TracedError | null;
}

export interface TracedAnswer {
  /** 0: nothing was sent. */
  readonly status: number;
  readonly reason: string | null;
  readonly headers: KeptFields;
  /** Body bytes to the client. */
  readonly bytes: number;
  /** Who made it. */
  readonly from: 'origin' | 'service' | 'weir' | 'nobody' | 'tunnel';
}

// What is known of a client connection, and what all connections of one proxy share.

import type { CaptureSink } from '../capture/capture.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { TraceSink, TransactionNotes, TunnelNote } from '../trace/notes.ts';
import type { AdaptationPipeline, StepTrace } from './adaptation/pipeline.ts';
import type { CertificatePolicy } from './certificate-policy.ts';
import type { ProxyHooks } from './hooks/proxy-hooks.ts';
import type { OriginEngine, OriginTarget } from './origin/engine.ts';
import type { Patience } from './patience/settings.ts';
import type { RangeObjects } from './ranges/range-objects.ts';
import type { StreamAdaptation } from './streams/stream-adaptation.ts';
import type { HandshakeFailure } from './tls-policy/handshake-failure.ts';
import type { TlsAction, TlsDecision, TlsFacts } from './tls-policy/rules.ts';
import type { OwnSite } from './weir-local.ts';
import type { WebSocketSettings } from './websocket/inspection.ts';
import type { WebSocketRelay } from './websocket/relay.ts';

/** What was done with a tunnel's TLS, and what the client said in its ClientHello. */
export interface TunnelTls {
  readonly version: string | null;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly action: TlsAction;
  /** Why it passes unread although no rule says so. */
  readonly learned?: string;
  /** Why the handshake came to nothing. */
  readonly failure?: HandshakeFailure;
}

/** A client connection that carries HTTP. */
export interface Session {
  readonly client: string;
  readonly user: string | null;
  /** Of the user; default: none are known. */
  readonly groups?: readonly string[];
  readonly tls: TunnelTls | null;
  /** Where a tunnel leads; null for a connection that sends absolute-form requests. */
  readonly tunnel: { readonly target: OriginTarget; readonly authority: string } | null;
  /** How the tunnel came about; only where transactions are traced. */
  readonly opening?: TunnelNote | null;
  /** What services were asked about the CONNECT itself (K-52), for its record. */
  readonly connectSteps?: readonly StepTrace[];
  /** The same for its trace. */
  readonly connectNotes?: TransactionNotes | null;
}

/** What every transaction needs of its proxy. */
export interface ProxyContext {
  readonly pipeline: AdaptationPipeline;
  /** Takes messages through the pipeline, those without an end in windows. */
  readonly streams: StreamAdaptation;
  /** What happens to messages of WebSockets. */
  readonly webSocket: WebSocketSettings;
  /** WebSockets whose messages are inspected now. */
  readonly relays: Set<WebSocketRelay>;
  /** What plugins have hooked in; null: nothing. */
  readonly hooks: ProxyHooks | null;
  /** What is in force now, for connections that outlive a configuration. */
  readonly inForce: ProxyContext;
  /** Answers requests for parts of objects. */
  readonly ranges: RangeObjects;
  readonly engine: OriginEngine;
  /** What happens where the certificate of an origin cannot be verified. */
  readonly certificates: CertificatePolicy;
  readonly telemetry: Telemetry;
  /** Null: nothing is traced. */
  readonly traces: TraceSink | null;
  /** Null: no copies are made. */
  readonly captures: CaptureSink | null;
  /** What clients get while a scan takes long. */
  readonly patience: Patience;
  /** Answers keep Alt-Svc, by which browsers find the way past us. */
  readonly keepsAltSvc: boolean;
  /** Name of this instance in Via; seen again in a request, it is a loop. */
  readonly viaName: string;
  /** What the proxy's own host serves; null: it is a host like any other. */
  readonly site: OwnSite | null;
  /** What proxy.tls.rules say of a target; null: nothing. */
  decide(facts: TlsFacts): TlsDecision | null;
  /** @throws {HttpError} `ERR_PROXY_SELF`, `ERR_PROXY_DENIED` */
  checkTarget(host: string, port: number): void;
}

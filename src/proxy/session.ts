// What is known of a client connection, and what all connections of one proxy share.

import type { Telemetry } from '../telemetry/records.ts';
import type { TraceSink, TransactionNotes, TunnelNote } from '../trace/notes.ts';
import type { AdaptationPipeline, StepTrace } from './adaptation/pipeline.ts';
import type { CertificatePolicy } from './certificate-policy.ts';
import type { OriginEngine, OriginTarget } from './origin/engine.ts';
import type { Patience } from './patience/settings.ts';
import type { RangeObjects } from './ranges/range-objects.ts';
import type { StreamAdaptation } from './streams/stream-adaptation.ts';
import type { TlsAction } from './tls-rules.ts';

/** What was done with a tunnel's TLS, and what the client said in its ClientHello. */
export interface TunnelTls {
  readonly version: string | null;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly action: 'bump' | 'splice' | 'terminate';
}

/** A client connection that carries HTTP. */
export interface Session {
  readonly client: string;
  readonly user: string | null;
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
  /** Answers requests for parts of objects. */
  readonly ranges: RangeObjects;
  readonly engine: OriginEngine;
  /** What happens where the certificate of an origin cannot be verified. */
  readonly certificates: CertificatePolicy;
  readonly telemetry: Telemetry;
  /** Null: nothing is traced. */
  readonly traces: TraceSink | null;
  /** What clients get while a scan takes long. */
  readonly patience: Patience;
  /** Answers keep Alt-Svc, by which browsers find the way past us. */
  readonly keepsAltSvc: boolean;
  /** Name of this instance in Via; seen again in a request, it is a loop. */
  readonly viaName: string;
  /** What proxy.tls.rules say of a host; null: nothing. */
  decide(host: string): TlsAction | null;
  /** @throws {HttpError} `ERR_PROXY_SELF`, `ERR_PROXY_DENIED` */
  checkTarget(host: string, port: number): void;
}

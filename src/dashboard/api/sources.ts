// Where the API gets what it tells, as narrow interfaces: src/app fills them in for a running Weir. What may
// be missing (no proxy, no traces, no quarantine yet) is null, and its routes say so.

import type { Readable } from 'node:stream';
import type { CheckReport, DoctorReport } from '../../icap/doctor/types.ts';
import type { MeterSnapshot } from '../../metrics/meters.ts';
import type { Incident } from '../../telemetry/incidents.ts';
import type { TraceRecord } from '../../trace/types.ts';
import type { StatusSource } from '../status.ts';
import type {
  CapturedBody,
  HeaderPairs,
  LearnedItem,
  PanelReply,
  PluginReloadReply,
  PluginView,
  PolicyChange,
  PolicyCheckReply,
  PolicyDraftReply,
  PolicyProblem,
  PolicyPutReply,
  PolicyReply,
  PolicyTestReply,
  PolicyTestRequest,
  QuarantineItem,
  ReplayReply,
  ReportReply,
  StatusReply,
  TransactionCaptureReply,
  TrustReply,
} from './types.ts';

export interface DashboardSources {
  readonly services: StatusSource;
  about(): AboutWeir;
  /** All that is counted. */
  meters(): MeterSnapshot;
  readonly traces: TraceSource | null;
  readonly captures: CaptureSource | null;
  readonly replays: ReplaySource | null;
  readonly incidents: IncidentSource | null;
  readonly quarantine: QuarantineSource | null;
  readonly reports: ReportsSource;
  readonly policy: PolicySource | null;
  readonly learned: LearnedSource | null;
  readonly plugins: PluginSource | null;
  readonly doctor: DoctorSource | null;
  /** @param seenAs  host by which the visitor came */
  trust(seenAs: string | null): TrustReply | null;
  /** The last answer to OPTIONS by service; null: not known. */
  optionsReceived?(service: string): OptionsReceived | null;
}

export interface OptionsReceived {
  readonly fields: HeaderPairs;
  /** Status line to closing blank line; at most 16 KiB of them. */
  readonly head: CapturedBody;
}

/** What GET /api/status tells beside readiness and counts. */
export type AboutWeir = Pick<StatusReply, 'startedAt' | 'addresses' | 'inspection' | 'warnings'> & {
  readonly features: Omit<StatusReply['features'], 'traces' | 'captures' | 'quarantine' | 'panels'>;
};

export interface TraceSource {
  /** By transaction id or the id on a page. */
  find(id: string): Promise<TraceRecord | null>;
  /** Newest last. */
  last(count: number): Promise<readonly TraceRecord[]>;
}

export interface CaptureSource {
  /** Null: nothing was captured, or it is gone. */
  get(id: string): TransactionCaptureReply | null | Promise<TransactionCaptureReply | null>;
}

export interface ReplaySource {
  /**
   * A captured transaction once more.
   * @param profile  null: as configured
   * @returns null: nothing was captured, or it is gone
   * @throws {ConfigError} `ERR_CONFIG_VALUE`: no such profile
   */
  replay(id: string, profile: string | null): Promise<ReplayReply | null>;
}

export interface IncidentSource {
  /** Oldest first. */
  readonly recent: readonly Incident[];
  /** Called for each new one. @returns detaches it */
  attach(sink: { incident(incident: Incident): void }): () => void;
}

export interface QuarantineSource {
  /** Newest first. */
  list(): Promise<{ items: readonly QuarantineItem[]; bytes: number; maxBytes: number | null }>;
  get(id: string): Promise<QuarantineItem | null>;
  /** The object as it was transferred: malware, most likely. Null: none of that id. */
  download(id: string): Promise<{ readonly name: string; readonly stream: Readable } | null>;
  /** Null: none of that id. */
  release(id: string, reason: string): Promise<{ readonly sha256: string | null } | null>;
  /**
   * For what an incident was about, whether or not it is kept; for a short time. Null: none of that id.
   * @throws {HttpError} `ERR_QUARANTINE`: it had no content
   */
  allowOnce(id: string, reason: string): Promise<{ readonly sha256: string | null } | null>;
  /** False: none of that id. */
  remove(id: string): Promise<boolean>;
}

export interface ReportsSource {
  /** Null: there is none of that id. */
  find(id: string): Promise<ReportReply | null>;
  /** Newest first; null: no plugin keeps any. */
  latest(count: number): Promise<readonly ReportReply[] | null>;
}

export interface PolicySource {
  read(): Promise<PolicyReply>;
  /** Null: no proxy runs here. */
  test(request: PolicyTestRequest): PolicyTestReply | null;
  /** The text with one change, not written; or why the change does not fit it. */
  draft(yaml: string, change: PolicyChange): PolicyDraftReply | { readonly refusal: string };
  check(yaml: string): PolicyCheckReply | Promise<PolicyCheckReply>;
  write(yaml: string, digest: string): Promise<PolicyWritten>;
}

export type PolicyWritten =
  | { readonly kind: 'done'; readonly reply: PolicyPutReply }
  | { readonly kind: 'no-file' }
  | { readonly kind: 'changed'; readonly digest: string }
  | { readonly kind: 'invalid'; readonly problems: readonly PolicyProblem[] }
  /** The text was right, but could not be put in force; the file is as it was. */
  | { readonly kind: 'refused'; readonly code: string | null; readonly error: string };

export interface LearnedSource {
  list(): readonly LearnedItem[];
  /** @returns how many were removed */
  remove(host: string, client: string | null): number;
}

export interface PluginSource {
  list(): readonly PluginView[];
  /** Null: no such panel. */
  panel(plugin: string, id: string): Promise<PanelReply | null>;
  /** Sets one up anew. Null: there is none of that name. @throws {PluginError} the one before serves on */
  reload(plugin: string): Promise<PluginReloadReply | null>;
}

export interface DoctorSource {
  /**
   * Null: no such service. `refusal`: why it cannot be examined.
   * @param only  ids or groups of checks; empty: all. @throws {ConfigError} `ERR_CONFIG_VALUE`: there is no such check
   */
  prepare(service: string, only: readonly string[]): Examination | { readonly refusal: string } | null;
}

export interface Examination {
  readonly total: number;
  run(hooks: { onStart(title: string): void; onReport(report: CheckReport): void }): Promise<DoctorReport>;
}

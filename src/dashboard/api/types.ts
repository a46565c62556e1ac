// Every request, answer and live message of the dashboard's API, as JSON. The pages in web/ are written
// against these types and openapi.json says the same to other programs; additions are free, what stands here
// keeps its name and meaning. Moments are ISO 8601, durations milliseconds, sizes bytes.

import type { Incident } from '../../telemetry/incidents.ts';
import type { TraceRecord } from '../../trace/types.ts';
import type { ServiceReport, ServicesReport, StepReport } from '../status.ts';
import type { PolicyProblem } from './policy-types.ts';

export type { Incident } from '../../telemetry/incidents.ts';
export type { TraceRecord } from '../../trace/types.ts';
export type * from './policy-types.ts';
export type * from './report-types.ts';
export type * from './surroundings-types.ts';
export type { OptionsReport, ServiceReport, ServicesReport, StepReport } from '../status.ts';

/** The body of every answer whose status is 400 or above. */
export interface ApiError {
  /** One sentence. */
  readonly error: string;
  /** Permanent, as docs/errors.md lists it; null where none fits. */
  readonly code?: string | null;
  /** What to do about it. */
  readonly hint?: string;
  /** Of 409 and 422 for a policy. */
  readonly problems?: readonly PolicyProblem[];
  /** Of 409 for a policy: what the file holds now. */
  readonly digest?: string;
}

/** POST /api/login, which sets the cookie of a session as `GET /?token=…` does; POST /api/logout ends it. */
export interface LoginRequest {
  readonly token: string;
}

export interface LoginReply {
  readonly loggedIn: boolean;
}

/** What this build and configuration offer; pages hide what is false. */
export interface Features {
  /** Traces are kept: GET /api/transactions/:id has more than the summary. */
  readonly traces: boolean;
  /** Heads and bodies are captured. */
  readonly captures: boolean;
  readonly quarantine: boolean;
  /** PUT /api/policy can write; false without a configuration file. */
  readonly policyWritable: boolean;
  readonly panels: boolean;
  readonly gateway: boolean;
  readonly proxy: boolean;
}

/** Since the start, or in one bucket of the time line. */
export interface Counts {
  readonly transactions: number;
  readonly allowed: number;
  readonly blocked: number;
  readonly modified: number;
  readonly bypassed: number;
  readonly errors: number;
  /** Messages that nobody judged, by the reason, e.g. `size`; a transaction has up to two. */
  readonly notScanned: Readonly<Record<string, number>>;
  /** Body bytes from clients, and to them. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** GET /api/status */
export interface StatusReply {
  readonly version: string;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly now: string;
  readonly node: string;
  readonly platform: string;
  readonly pid: number;
  readonly memoryBytes: number;
  readonly addresses: {
    readonly proxy: readonly string[];
    readonly reverse: readonly string[];
    readonly gateway: readonly string[];
    /** ICAP services of the gateway, e.g. `/sandblast`. */
    readonly services: readonly string[];
  };
  /** False where no rule intercepts TLS. */
  readonly inspection: boolean;
  readonly ready: boolean;
  readonly reasons: readonly {
    readonly name: string;
    readonly state: string;
    readonly code: string | null;
  }[];
  readonly counts: Counts;
  /** Viewers of the live feed. */
  readonly viewers: number;
  readonly features: Features;
  /** What is allowed but probably not meant. */
  readonly warnings: readonly string[];
}

export interface OverviewBucket extends Counts {
  /** Its begin. */
  readonly at: string;
  /** Durations of its transactions, from a sample of at most 64. */
  readonly latencyMs: { readonly p50: number | null; readonly p95: number | null };
}

export interface Ranked {
  readonly name: string;
  readonly count: number;
}

/** GET /api/overview?minutes=60 (1 … 1440) */
export interface OverviewReply {
  readonly bucketMs: number;
  /** Oldest first, without gaps; the last is the one that runs. */
  readonly buckets: readonly OverviewBucket[];
  readonly totals: Counts;
  /** Of the recent transactions that are kept, at most ten each. */
  readonly top: {
    readonly hosts: readonly Ranked[];
    readonly threats: readonly Ranked[];
    readonly services: readonly Ranked[];
    readonly clients: readonly Ranked[];
  };
}

export type Verdict = 'allowed' | 'blocked' | 'modified' | 'bypassed' | 'error';

/** One transaction as a row of a list. */
export interface TransactionSummary {
  /** Of the transaction; the id on a block page is `incident`. */
  readonly id: string;
  readonly incident: string | null;
  /** Its end. */
  readonly time: string;
  readonly ms: number;
  /** `proxy`: a transaction of the proxy; `gateway`: an ICAP transaction of a gateway without a proxy. */
  readonly kind: 'proxy' | 'gateway';
  readonly client: string;
  readonly user: string | null;
  /** Of HTTP; of ICAP for `gateway`. */
  readonly method: string;
  /** Without user and password; at most 2048 characters. */
  readonly url: string;
  readonly host: string;
  /** 0: the client got nothing. */
  readonly status: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly verdict: Verdict;
  readonly threat: string | null;
  readonly severity: string | null;
  /** `bump`, `splice`, `terminate`; null: no TLS. */
  readonly tls: string | null;
  /** Why nothing was judged; null where something was. */
  readonly notScanned: string | null;
  /** Services that were asked, in order. */
  readonly services: readonly {
    readonly name: string;
    readonly method: string;
    readonly verdict: string;
    readonly ms: number;
  }[];
  readonly error: string | null;
}

/** GET /api/transactions?limit=&before=&q=&verdict=&host=&method=&status=&user=&client=&service= */
export interface TransactionsReply {
  /** Newest first. */
  readonly items: readonly TransactionSummary[];
  /** Give it as `before` for the page after this one; null: there is none. */
  readonly next: string | null;
  /** How many are kept in memory, and how many at most. */
  readonly kept: number;
  readonly capacity: number;
  /** Since the start, not looked at because nobody was there or the list is full. */
  readonly forgotten: number;
}

/** Fields of GET /api/transactions and of a live subscription; all of them must fit. */
export interface TransactionFilter {
  /** Part of URL, id, threat, user, client or error; any case. */
  readonly q?: string;
  readonly verdict?: Verdict | readonly Verdict[];
  /** The host itself or a domain above it. */
  readonly host?: string;
  readonly method?: string;
  /** `404`, or a class: `4xx`. */
  readonly status?: string;
  readonly client?: string;
  readonly user?: string;
  readonly service?: string;
}

/** One line of what `weir why` tells. */
export interface StoryLine {
  /** Its text; leading blanks are its indentation. */
  readonly text: string;
  readonly mark: 'good' | 'warn' | 'bad' | null;
}

/** GET /api/transactions/:id */
export interface TransactionReply {
  readonly summary: TransactionSummary | null;
  /** Null where no trace was kept; `traceMissing` says why. */
  readonly trace: TraceRecord | null;
  readonly traceMissing: string | null;
  readonly story: readonly StoryLine[];
  readonly capture: TransactionCaptureReply | null;
  readonly incident: Incident | null;
}

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export interface CapturedMessage {
  readonly startLine: string;
  readonly headers: HeaderPairs;
  /** Null where there was none, or none was kept. */
  readonly body: CapturedBody | null;
}

export interface CapturedBody {
  /** As it came; may be more than what is kept. */
  readonly bytes: number;
  readonly truncated: boolean;
  /** What is kept, at most 64 KiB here. */
  readonly base64: string;
}

/** What was captured of a transaction: what came from each side, and what went on. */
export interface TransactionCaptureReply {
  readonly request: CapturedMessage | null;
  readonly response: CapturedMessage | null;
  /** What was said to ICAP servers, in order; services of this process are not asked over a wire. */
  readonly icap: readonly CapturedIcapExchange[];
}

/** One ICAP request and its answer, byte for byte; secrets are overwritten by as many asterisks. */
export interface CapturedIcapExchange {
  readonly service: string;
  /** `host:port` or path of the socket. */
  readonly address: string;
  readonly sent: CapturedBody;
  readonly received: CapturedBody;
}

/** GET /api/transactions/:id/commands */
export interface CommandsReply {
  /** Quoted for a POSIX shell; secrets are not in it. */
  readonly curl: string;
  /** The same through this proxy; null where no proxy runs. */
  readonly curlThroughProxy: string | null;
  /** `weir icap …` for each service that was asked. */
  readonly icap: readonly { readonly service: string; readonly command: string }[];
  /** `weir why ID` */
  readonly why: string;
}

/** POST /api/transactions/:id/replay */
export interface ReplayRequest {
  /** Profile of all services of the gateway that scan; default: as configured. */
  readonly profile?: string;
}

/** What became of a transaction, once. */
export interface ReplayOutcome {
  readonly verdict: 'allowed' | 'blocked' | 'modified' | 'bypassed' | 'error';
  readonly threat: string | null;
  /** Why it was not scanned. */
  readonly notScanned: string | null;
  readonly services: readonly string[];
}

export interface ReplayReply {
  /** Null: as configured. */
  readonly profile: string | null;
  readonly before: ReplayOutcome;
  /** Null where it cannot be replayed. */
  readonly now: (ReplayOutcome & { readonly ms: number; readonly error: string | null }) | null;
  /** Why not. */
  readonly skipped: string | null;
  /** Only a part of a body was kept: services have seen that part. */
  readonly partial: boolean;
  readonly changed: boolean;
}

export interface ServiceDetail extends ServiceReport {
  /** Former states, oldest first, at most 50. */
  readonly history: readonly { readonly at: string; readonly state: string; readonly cause: string | null }[];
  /** Durations of its answers since the start: `count` of those up to `toMs` and above the one before. */
  readonly latency: {
    readonly buckets: readonly { readonly toMs: number | null; readonly count: number }[];
    readonly p50: number | null;
    readonly p95: number | null;
    readonly count: number;
  };
  readonly verdicts: Readonly<Record<string, number>>;
  /** Closed: it is asked; open: it is not until nextTry; half-open: one probe decides. */
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** All fields of its last answer to OPTIONS; null where there was none or it is in-process. */
  readonly optionsReceived: HeaderPairs | null;
  /** The head of that answer byte for byte, status line to closing blank line; the first 16 KiB of it. */
  readonly optionsHead: CapturedBody | null;
  /** Job of the last examination, whether it runs or is over; the last 20 of all services are kept. */
  readonly doctor: string | null;
}

/** GET /api/services */
export interface ServicesReply extends ServicesReport {
  readonly services: readonly ServiceDetail[];
  readonly steps: readonly StepReport[];
}

/** POST /api/services/:name/doctor */
export interface DoctorRequest {
  /** Ids or groups of checks, as `weir icap doctor --list` prints them; default: all. */
  readonly only?: readonly string[];
}

export interface DoctorStarted {
  readonly job: string;
}

/** GET /api/jobs/:id */
export interface JobReply {
  readonly id: string;
  readonly kind: 'doctor';
  /** Name of the service. */
  readonly subject: string;
  readonly state: 'running' | 'done' | 'failed';
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly progress: { readonly done: number; readonly total: number; readonly now: string | null };
  /** Findings so far. */
  readonly checks: readonly JobCheck[];
  readonly advice: readonly string[];
  readonly error: string | null;
}

export interface JobCheck {
  readonly id: string;
  readonly group: string;
  readonly level: 'must' | 'should' | 'info';
  readonly title: string;
  readonly clause: string;
  readonly status: 'pass' | 'fail' | 'warn' | 'skip';
  readonly saw: string;
  readonly means: string | null;
  readonly ms: number;
}

/** Server to viewer on GET /api/live (WebSocket, text messages). */
export type LiveMessage =
  | {
      readonly type: 'hello';
      readonly version: string;
      readonly now: string;
      /** Batches come this often at most. */
      readonly everyMs: number;
      readonly maxItems: number;
    }
  | {
      readonly type: 'transactions';
      /** Oldest first, at most `maxItems`. */
      readonly items: readonly TransactionSummary[];
      /** That fitted the filter and are not shown. */
      readonly skipped: number;
      /** Of all transactions since the last batch, whatever the filter. */
      readonly total: number;
    }
  | {
      readonly type: 'services';
      readonly services: readonly ServiceReport[];
      readonly steps: readonly StepReport[];
    }
  | { readonly type: 'incident'; readonly incident: Incident }
  | { readonly type: 'job'; readonly job: JobReply }
  | { readonly type: 'policy'; readonly digest: string | null; readonly applied: readonly string[] }
  | { readonly type: 'problem'; readonly error: string };

/** Viewer to server; the last one counts. */
export interface LiveSubscribe {
  readonly type: 'subscribe';
  readonly filter?: TransactionFilter;
  /** Nothing but `services`, `incident` and `job` then. */
  readonly paused?: boolean;
}

// What an examination is made of: checks, the findings they come to, and the report that is printed or
// written as JSON. A check knows one rule of the protocol and how to see whether a server keeps it; in
// which order checks run, and what follows from a finding, examine.ts decides.

import type { CheckContext } from './context.ts';

/**
 * `must`: a MUST or the grammar of RFC 3507, its errata or HTTP/1.1, the only level that fails an
 * examination. `should`: a SHOULD, or what deployed clients count on. `info`: a fact worth knowing.
 */
export type Level = 'must' | 'should' | 'info';

export type Status = 'pass' | 'fail' | 'warn' | 'skip';

export const GROUPS = [
  'connection',
  'options',
  'istag',
  'errors',
  'persistence',
  'grammar',
  'uri',
  'chunks',
  'preview',
  'no-content',
  'partial',
  'trailers',
  'echo',
  'verdict',
  'limits',
  'load',
] as const;

export type Group = (typeof GROUPS)[number];

/** What one check saw. `wrong` becomes `fail`, `warn` or `pass` by the check's level. */
export interface Finding {
  readonly result: 'right' | 'wrong' | 'skip';
  /** What came back, or why nothing was asked; one line in plain words. */
  readonly saw: string;
  /** Figures for the summary, e.g. latencies in milliseconds. */
  readonly figures?: Readonly<Record<string, number>>;
}

export interface Check {
  /** `group.what`, permanent. */
  readonly id: string;
  readonly group: Group;
  readonly level: Level;
  /** The rule, as a statement about a good server. */
  readonly title: string;
  /** Where the rule comes from: RFC section, erratum or draft. */
  readonly clause: string;
  /** What is sent. */
  readonly sends: string;
  /** What it means for an operator when the server does otherwise; one plain sentence. */
  readonly means: string;
  /** Might bother a busy or fragile server: only run with `--intrusive`. */
  readonly intrusive?: true;
  /** What must have worked before; else the check is skipped: an answer to OPTIONS, to a plain message. */
  readonly needs: 'nothing' | 'options' | 'message';
  readonly run: (context: CheckContext) => Promise<Finding> | Finding;
}

export interface CheckReport {
  readonly id: string;
  readonly group: Group;
  readonly level: Level;
  readonly title: string;
  readonly clause: string;
  readonly status: Status;
  readonly saw: string;
  /** Only with `fail` and `warn`. */
  readonly means: string | null;
  /** Bytes both ways, abbreviated and escaped; '' where nothing was sent. */
  readonly sent: string;
  readonly received: string;
  readonly ms: number;
  readonly figures?: Readonly<Record<string, number>>;
}

export interface Capabilities {
  /** Best guess; null when nothing names it. */
  readonly product: string | null;
  /** The `Service` field. */
  readonly service: string | null;
  readonly methods: readonly string[];
  /** Bytes; null where no preview is offered. */
  readonly preview: number | null;
  readonly allow204: boolean;
  readonly allow206: boolean;
  readonly allowTrailers: boolean;
  readonly maxConnections: number | null;
  readonly optionsTtlSeconds: number | null;
  readonly istag: string | null;
  /** Null: not examined. */
  readonly persistent: boolean | null;
  readonly pipelining: boolean | null;
  readonly detects: {
    readonly plain: boolean | null;
    readonly gzip: boolean | null;
    readonly zip: boolean | null;
  };
  /** Oddities of clients that the server puts up with, by name. */
  readonly tolerates: Readonly<Record<string, boolean | null>>;
  /** Milliseconds; null where not measured. */
  readonly latencyMs: { readonly options: number | null; readonly message: number | null };
}

export interface DoctorReport {
  readonly url: string;
  readonly startedAt: string;
  readonly summary: Readonly<Record<Status, number>> & {
    readonly total: number;
    /** A connection could be opened. */
    readonly reached: boolean;
    /** It was reached and no check of level `must` failed. */
    readonly ok: boolean;
    readonly connections: number;
    readonly bytesSent: number;
    readonly ms: number;
  };
  readonly capabilities: Capabilities;
  readonly advice: readonly string[];
  readonly checks: readonly CheckReport[];
}

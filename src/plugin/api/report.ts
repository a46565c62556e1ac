// Reports: what a plugin keeps of a judgement beyond its verdict, so that somebody can read later what content
// did. The plugin keeps them; the dashboard and `weir report` ask for them by id. Drawing is ../report-tree.ts.

/** One thing that happened, and what happened because of it. */
export interface ReportNode {
  /** One word, e.g. `process`, `download`, `file`; it chooses the picture. */
  readonly kind: string;
  /** A command line, address, path or excerpt. Shown as text, whatever is in it. */
  readonly what: string;
  /** Points that it brought; 0 where it is no reason. */
  readonly score: number;
  readonly children: readonly ReportNode[];
}

export interface ReportReason {
  /** Permanent name of the rule, e.g. `runs-download`. */
  readonly rule: string;
  readonly text: string;
  readonly score: number;
}

/** A file that the content carried or made. */
export interface ReportFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  readonly type: string;
  /** Threat that anti-virus named, `clean`, or null where it was not asked. */
  readonly antivirus: string | null;
}

export interface Report {
  /** Letters, digits and dashes, at most 64; unique among all plugins, e.g. `te-0123456789ab`. */
  readonly id: string;
  /** ISO 8601. */
  readonly at: string;
  readonly url: string;
  readonly direction: 'request' | 'response';
  /** Bytes of the body. */
  readonly size: number;
  /** What the content is, e.g. `html`; '' where that is not known. */
  readonly type: string;
  readonly verdict: 'malicious' | 'suspicious' | 'clean';
  readonly threat: string | null;
  readonly score: number;
  /** Score from which content is blocked. */
  readonly threshold: number;
  /** The weightiest first. */
  readonly reasons: readonly ReportReason[];
  readonly tree: ReportNode;
  readonly drops: readonly ReportFile[];
  /** What was not looked at, or not to its end. */
  readonly limits: readonly string[];
  /** Milliseconds that it took. */
  readonly ms: number;
}

/** Where the reports of a plugin are kept. Asked whenever somebody looks, also in a process that wrote none. */
export interface ReportSource {
  /** Null: there is none of that id, or it is gone. */
  find(id: string): Promise<Report | null>;
  /** Ids of the latest, newest first. */
  latest(count: number): Promise<readonly string[]>;
}

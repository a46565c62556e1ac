// Reports in requests and answers of the API; see types.ts.

import type { Report } from '../../plugin/api.ts';

export type { Report, ReportFile, ReportNode, ReportReason } from '../../plugin/api.ts';

/** GET /api/reports/:id. Files that content made hang in the tree below what made them. */
export type ReportReply = Report;

/** One line of the list. */
export interface ReportSummary {
  readonly id: string;
  readonly at: string;
  readonly url: string;
  readonly direction: 'request' | 'response';
  /** Bytes of the body. */
  readonly size: number;
  readonly type: string;
  readonly verdict: 'malicious' | 'suspicious' | 'clean';
  readonly threat: string | null;
  readonly score: number;
  /** Score from which content is blocked. */
  readonly threshold: number;
  /** The weightiest. */
  readonly reason: string | null;
}

/** GET /api/reports */
export interface ReportsReply {
  /** Newest first. */
  readonly items: readonly ReportSummary[];
}

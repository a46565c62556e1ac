// What an emulation is given and what it answers: plain data, as it goes between threads.

import type { UnpackBudget } from 'weir/detect';
import type { BehaviourNode, Reason } from './report.ts';
import type { ScriptLimits } from './script/sandbox.ts';

/** What the worker is sent. Either `bytes` (moved) or the path of a file that outlives the run. */
export interface AnalysisJob {
  readonly bytes: Uint8Array | null;
  readonly file: string | null;
  readonly contentEncoding: string | undefined;
  readonly contentType: string | undefined;
  /** File name by Content-Disposition or URL; may be `''`. */
  readonly name: string;
  readonly url: string;
  readonly budget: UnpackBudget;
  readonly limits: ScriptLimits;
}

export interface FileDrop {
  readonly name: string;
  readonly type: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

/** What the worker answers; plain data. */
export interface Analysis {
  readonly tree: BehaviourNode;
  readonly score: number;
  readonly reasons: readonly Reason[];
  readonly type: string;
  readonly drops: readonly FileDrop[];
  readonly limits: readonly string[];
}

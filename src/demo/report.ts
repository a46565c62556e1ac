// A run of the demo as one document for programs (`weir demo --json`). Additions are free; what stands here
// keeps its name and meaning.

import type { TraceRecord } from '../trace/types.ts';
import type { Check, ScenarioResult } from './scenario.ts';
import { sixSteps, type StoryStep } from './six-steps.ts';

export interface DemoReport {
  /** Every verdict was the expected one. */
  readonly ok: boolean;
  /** ICAP URL that judged in place of the own gateway; null: the own gateway. */
  readonly chain: string | null;
  readonly ms: number;
  readonly scenarios: readonly ScenarioReport[];
}

export interface ScenarioReport {
  readonly name: string;
  readonly title: string;
  readonly ok: boolean;
  readonly ms: number;
  /** Why it could not be played; null: it was. */
  readonly failure: string | null;
  readonly checks: readonly Check[];
  readonly transactions: readonly {
    readonly label: string | null;
    readonly expected: string;
    readonly seen: string;
    /** `seen` is what it should be; another server may also answer with the same message again. */
    readonly ok: boolean;
    readonly steps: readonly StoryStep[];
    /** As `weir why --json` prints it. */
    readonly trace: TraceRecord;
  }[];
}

export function demoReport(
  results: readonly ScenarioResult[],
  { chain, ms }: Pick<DemoReport, 'chain' | 'ms'>,
): DemoReport {
  return {
    ok: results.every(({ ok }) => ok),
    chain,
    ms: Math.round(ms),
    scenarios: results.map(({ scenario, played, failure, ok: allOk, ms: took }) => ({
      name: scenario.name,
      title: scenario.title,
      ok: allOk,
      ms: Math.round(took),
      failure,
      checks: played?.checks ?? [],
      transactions: (played?.acts ?? []).map(({ label, expected, ok, trace }) => ({
        ...{ label, expected, seen: trace.verdict, ok, steps: sixSteps(trace), trace },
      })),
    })),
  };
}

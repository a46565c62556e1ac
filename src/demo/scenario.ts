// What a scenario of the lab is: something a user does, the verdict that it must get, and what else must be
// true afterwards. Each is a file in scenarios/; what is told of it is story.ts.

import type { ProxyRecord } from '../telemetry/records.ts';
import type { TraceRecord } from '../trace/types.ts';
import type { LabClient } from './client.ts';
import type { LabOrigin, LabPage } from './origin.ts';

export type Verdict = ProxyRecord['verdict'];

/** What a scenario works with. */
export interface Lab {
  readonly client: LabClient;
  readonly origin: LabOrigin;
  /** Subject of the CA that signs what the proxy shows, as certificates name their issuer. */
  readonly caName: string;
  /** URL of the user's own ICAP server, which then judges in place of Weir's gateway; null: none. */
  readonly chain: string | null;
  /**
   * The trace of the transaction that a record describes, also of one that is over only later.
   * @throws {HttpError} `ERR_DEMO_CLIENT` when there is none within 10 s
   */
  traced(matches: (record: ProxyRecord) => boolean): Promise<TraceRecord>;
}

/** Something that had to be true. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
}

/** One transaction of a scenario. */
export interface Act {
  /** Where a scenario has several; null otherwise. */
  readonly label: string | null;
  readonly expected: Verdict;
  readonly trace: TraceRecord;
}

export interface Played<A extends Act = Act> {
  readonly acts: readonly A[];
  readonly checks: readonly Check[];
}

/** A transaction with the verdict on its verdict. */
export interface JudgedAct extends Act {
  readonly ok: boolean;
}

export interface Scenario {
  /** e.g. `malware-download`. */
  readonly name: string;
  readonly title: string;
  /** A sentence or two on what is shown. */
  readonly about: string;
  /** What the origin serves for it, by `host/path`. */
  readonly pages: Readonly<Record<string, LabPage>>;
  /** `host/path` of what a person can open in a browser; null: nothing. */
  readonly visit: string | null;
  /** Depends on how Weir's own gateway works, so that it says nothing about another server. */
  readonly ownGatewayOnly: boolean;
  play(lab: Lab): Promise<Played>;
}

/** How a scenario ended. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly played: Played<JudgedAct> | null;
  /** Why it could not be played to its end; null: it was. */
  readonly failure: string | null;
  /** Every verdict was the expected one, and everything that had to be true was. */
  readonly ok: boolean;
  readonly ms: number;
}

/** Plays a scenario; never rejects. */
export async function playScenario(scenario: Scenario, lab: Lab): Promise<ScenarioResult> {
  const startedAt = performance.now();
  try {
    const { acts, checks } = await scenario.play(lab);
    const played = { checks, acts: acts.map((act) => ({ ...act, ok: isExpected(act, lab) })) };
    const ok = [...played.acts, ...checks].every((part) => part.ok);
    return { scenario, played, failure: null, ok, ms: performance.now() - startedAt };
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { scenario, played: null, failure, ok: false, ms: performance.now() - startedAt };
  }
}

/** Many a server answers with the same message again, and a field of its own, where it has no objection. */
function isExpected({ expected, trace }: Act, { chain }: Lab): boolean {
  return (
    trace.verdict === expected || (chain !== null && expected === 'allowed' && trace.verdict === 'modified')
  );
}

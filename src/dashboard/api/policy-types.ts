// What the API tells of the configuration and takes for it, as JSON; types.ts has the rest.

import type { StoryLine } from './types.ts';

export interface PolicyProblem {
  /** e.g. `adaptation.services.scan.preview`; empty: the file as a whole. */
  readonly path: string;
  /** From 1. */
  readonly line: number | null;
  readonly column: number | null;
  readonly found: string;
  readonly allowed: string;
  readonly message: string;
  readonly suggestion: string | null;
  readonly code: string;
}

export interface TlsRuleView {
  /** Key of the configuration, e.g. `proxy.tls.rules[0]`. */
  readonly path: string;
  readonly action: 'bump' | 'splice' | 'terminate';
  /** Its conditions as the configuration says them: `{ host: ['*.bank.example'] }`. */
  readonly match: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface AdaptationRuleView {
  readonly path: string;
  readonly point: 'reqmod' | 'respmod';
  readonly use: readonly string[];
  readonly when: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface ProfileView {
  readonly name: string;
  readonly onError: string;
  readonly blades: readonly {
    readonly name: string;
    readonly enabled: boolean;
    readonly options: Readonly<Record<string, unknown>>;
  }[];
  /** Whether the file says something of it; a built-in one stays where that is removed. */
  readonly written: boolean;
  /** What names it: `/sandblast` for a service of the gateway or a rule of it, `profile office` for one on it. */
  readonly usedBy: readonly string[];
}

/** GET /api/policy */
export interface PolicyReply {
  /** Configuration file; null: the defaults are in force and nothing can be written. */
  readonly file: string | null;
  readonly writable: boolean;
  /** Text of the file; empty without one. Values of secret keys are `[redacted]` only in the views beside it. */
  readonly yaml: string;
  /** SHA-256 of the text, hexadecimal; give it with PUT. */
  readonly digest: string;
  readonly tlsRules: readonly TlsRuleView[];
  readonly adaptationRules: readonly AdaptationRuleView[];
  readonly groups: readonly { readonly name: string; readonly services: readonly string[] }[];
  readonly services: readonly { readonly name: string; readonly url: string; readonly onError: string }[];
  readonly profiles: readonly ProfileView[];
  readonly notScanned: Readonly<Record<string, string>>;
}

/** POST /api/policy/test */
export interface PolicyTestRequest {
  readonly url: string;
  /** Default: GET. */
  readonly method?: string;
  /** Content-Type of the response. */
  readonly type?: string;
  readonly clientIp?: string;
  readonly user?: string;
}

export interface PolicyTestStep {
  readonly point: 'reqmod' | 'respmod';
  readonly rule: string;
  readonly text: string;
  readonly use: string;
  /** Services behind `use`. */
  readonly services: readonly string[];
  /** Null: it applies; else the key of `when` that does not fit, or `unknown` with what would decide. */
  readonly skipped: string | null;
}

export interface PolicyTestReply {
  readonly url: string;
  readonly host: string;
  readonly tls: {
    readonly action: 'bump' | 'splice' | 'terminate';
    /** Null: no rule fits, which means bump. */
    readonly rule: string | null;
    readonly text: string | null;
  } | null;
  readonly target: { readonly allowed: boolean; readonly reason: string | null };
  readonly steps: readonly PolicyTestStep[];
  readonly profiles: readonly {
    readonly service: string;
    readonly profile: string;
    readonly blades: readonly string[];
  }[];
  /** What would happen, as sentences in order. */
  readonly story: readonly StoryLine[];
  /** Looks at heads only: what a service would say of the content is not known. */
  readonly outcome: 'inspected' | 'passed-uninspected' | 'refused';
}

/** POST /api/policy/check */
export interface PolicyCheckRequest {
  readonly yaml: string;
}

export interface PolicyCheckReply {
  readonly ok: boolean;
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
}

/** One change of the configuration, as a form makes it. */
export type PolicyChange =
  | {
      readonly list: 'tls' | 'adaptation';
      /** A rule is put before the one at `at`, or behind the last where `at` is the length of the list. */
      readonly do: 'add' | 'replace';
      readonly at: number;
      /** The rule as the configuration says it. */
      readonly value: Readonly<Record<string, unknown>>;
    }
  | { readonly list: 'tls' | 'adaptation'; readonly do: 'remove'; readonly at: number }
  | { readonly list: 'tls' | 'adaptation'; readonly do: 'move'; readonly at: number; readonly to: number }
  | {
      readonly profile: string;
      readonly do: 'set';
      /** Keys that are given are set, null takes a key away; comments and other keys stay. */
      readonly value: Readonly<Record<string, unknown>>;
    }
  | { readonly profile: string; readonly do: 'remove' };

/** POST /api/policy/draft */
export interface PolicyDraftRequest {
  /** The text that is to be changed. */
  readonly yaml: string;
  readonly change: PolicyChange;
}

/** The changed text, not yet written, and what the check says of it. 422 where the change does not fit the text. */
export interface PolicyDraftReply extends PolicyCheckReply {
  readonly yaml: string;
}

/** PUT /api/policy; 409 with `digest` when the file has changed meanwhile, 422 with `problems`. */
export interface PolicyPutRequest {
  readonly yaml: string;
  readonly digest: string;
}

export interface PolicyPutReply {
  readonly digest: string;
  readonly applied: readonly string[];
  readonly needsRestart: readonly string[];
  readonly warnings: readonly string[];
}

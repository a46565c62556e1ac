// Which services a message would meet, asked before it goes through its chain: of a request whose response
// is not known yet, whether any may; of a message, which. Running them is pipeline.ts.

import type { PlannedRule } from './chain.ts';
import type { PipelineInput } from './pipeline.ts';
import type { MessageFacts } from './rules.ts';

/** What of a message rules look at. */
export type PlanInput = Pick<
  PipelineInput,
  'host' | 'request' | 'response' | 'clientIp' | 'user' | 'groups'
> & {
  /** Bytes; null where they are not known. */
  readonly length: number | null;
};

/**
 * The rules that send the message somewhere, with the state of what they use: equal texts mean that two
 * messages with the same bytes would be judged by the same services, with the same signatures.
 * @returns '' where no service would see it
 */
export function planOf(rules: readonly PlannedRule[], input: PlanInput): string {
  let plan = '';
  for (const [index, rule] of rules.entries()) {
    if (!isFor(rule, input)) continue;
    for (const { members } of rule.steps) {
      plan += ` ${index}`;
      for (const { service } of members) plan += `/${service.name}=${service.istag?.() ?? ''}`;
    }
    if (rule.stop) break;
  }
  return plan;
}

/** Whether any service would see the message. */
export function isSeen(rules: readonly PlannedRule[], input: PlanInput): boolean {
  for (const rule of rules) {
    if (!isFor(rule, input)) continue;
    if (rule.steps.length > 0) return true;
    if (rule.stop) return false;
  }
  return false;
}

/** Whether a rule for responses may be for what comes back; types and sizes are not known yet. */
export function mayApply(rules: readonly PlannedRule[], input: PlanInput): boolean {
  for (const { when, steps, stop } of rules) {
    const mismatch = when === null ? null : when.mismatch(factsOf(input));
    if (mismatch === 'policy') continue;
    if (steps.length > 0) return true;
    if (mismatch === null && stop) return false;
  }
  return false;
}

function isFor({ when }: PlannedRule, input: PlanInput): boolean {
  if (when === null) return input.request.method !== 'CONNECT';
  return when.mismatch(factsOf(input)) === null;
}

function factsOf({ host, request, response, clientIp, user, groups, length }: PlanInput): MessageFacts {
  return { host, request, response, clientIp, user, ...(groups === undefined ? {} : { groups }), length };
}

// Rules of the configuration as the pipeline wants them: names of services and groups replaced by steps,
// networks and patterns compiled.

import { BlockList } from 'node:net';
import type {
  AdaptationCondition,
  AdaptationConditionLists,
  AdaptationConfig,
  AdaptationRule,
} from '../config/types.ts';
import type { Meters } from '../metrics/meters.ts';
import type { PlannedRule } from '../proxy/adaptation/chain.ts';
import type { ConditionLists } from '../proxy/adaptation/rules.ts';
import { RuleCondition } from '../proxy/adaptation/rules.ts';
import { AdaptationStep } from '../proxy/adaptation/step.ts';
import type { StepService } from '../proxy/adaptation/step.ts';

/** Services and groups by name; a group has those of its members that are there. */
export function stepsOf(
  { groups, notScanned }: AdaptationConfig,
  members: ReadonlyMap<string, StepService>,
  meters: Meters | null = null,
): ReadonlyMap<string, AdaptationStep> {
  const steps = new Map<string, AdaptationStep>();
  for (const [name, member] of members) {
    steps.set(name, new AdaptationStep(name, [member], 'failover', { notScanned, meters }));
  }
  for (const { name, services, strategy, hedge } of Object.values(groups)) {
    const of = services.flatMap((service) => members.get(service) ?? []);
    if (of.length > 0) steps.set(name, new AdaptationStep(name, of, strategy, { hedge, notScanned, meters }));
  }
  return steps;
}

/** The rules of one point, in order. */
export function plannedRules(
  rules: readonly AdaptationRule[],
  point: AdaptationRule['point'],
  steps: ReadonlyMap<string, AdaptationStep>,
): PlannedRule[] {
  return rules
    .map((rule, index) => ({ ...rule, index }))
    .filter((rule) => rule.point === point)
    .map(({ use, when, stop, index }) => ({
      when: when === null ? null : conditionOf(when, use.length > 0),
      steps: use.map((name) => steps.get(name)!),
      stop,
      line: {
        path: `adaptation.rules[${index}]`,
        text: `${point}, use: ${use.length === 0 ? 'nothing' : use.join(', ')}`,
      },
    }));
}

/** Whether anything can come to a service: by a rule, a group of one, or the word of one that routes. */
export function isUsed({ services, rules, groups }: AdaptationConfig, service: string): boolean {
  const names = rules.flatMap(({ use }) => use.flatMap((name) => [name, ...(groups[name]?.services ?? [])]));
  return names.includes(service) || names.some((name) => services[name]?.routing === true);
}

function conditionOf(when: AdaptationCondition, scans: boolean): RuleCondition {
  const { size, tls, query, not } = when;
  return new RuleCondition(
    {
      ...listsOf(when),
      size: size === null ? null : { min: size.min ?? 0, max: size.max ?? Infinity },
      tls,
      query,
      not: not === null ? null : listsOf(not),
    },
    scans,
  );
}

function listsOf({ clients, ...lists }: AdaptationConditionLists): ConditionLists {
  if (clients.length === 0) return { ...lists, clients: null };
  const list = new BlockList();
  for (const { address, prefix, family } of clients) list.addSubnet(address, prefix, family);
  return { ...lists, clients: list };
}

// A configuration as lists to show: rules with their place and what they say, profiles, services. Values of
// rules are given as the file has them where there is one, so that a page can give them back.

import type { ResolvedConfig } from '../../config/types.ts';
import type { AdaptationRuleView, PolicyReply, ProfileView, TlsRuleView } from '../../dashboard/api/types.ts';
import type { TlsRule } from '../../proxy/tls-policy/rules.ts';
import { TlsRules } from '../../proxy/tls-policy/rules.ts';
import { usersOfProfile } from './profile-users.ts';

type Views = Omit<PolicyReply, 'file' | 'writable' | 'yaml' | 'digest'>;

/**
 * @param raw  the configuration as it was written; null: there is no file
 * @param tlsRules  those in force
 */
export function viewsOf(config: ResolvedConfig, raw: unknown, tlsRules: readonly TlsRule[]): Views {
  const { services, groups, notScanned } = config.adaptation;
  return {
    tlsRules: tlsViews(tlsRules, at(at(at(raw, 'proxy'), 'tls'), 'rules')),
    adaptationRules: ruleViews(config, at(at(raw, 'adaptation'), 'rules')),
    groups: Object.values(groups).map((group) => ({ name: group.name, services: group.services })),
    services: Object.values(services).map(({ name, url, onError }) => ({ name, url: url.href, onError })),
    profiles: profileViews(config, raw),
    notScanned: Object.fromEntries(Object.entries(notScanned).filter(([, what]) => what !== undefined)),
  };
}

function tlsViews(rules: readonly TlsRule[], raw: unknown): TlsRuleView[] {
  const compiled = new TlsRules(rules);
  return rules.map(({ action, lists, ...conditions }, index) => {
    const { path, text } = compiled.line(index)!;
    const { action: _, ...written } = map(at(raw, index));
    const resolved = {
      ...conditions,
      ...(lists === undefined ? {} : { lists: lists.map((list) => list.path) }),
    };
    return { path, action, match: Object.keys(written).length > 0 ? written : given(resolved), text };
  });
}

function ruleViews({ adaptation }: ResolvedConfig, raw: unknown): AdaptationRuleView[] {
  return adaptation.rules.map(({ point, use, when, stop }, index) => {
    const written = map(at(at(raw, index), 'when'));
    const resolved = when === null ? {} : given(when);
    const what = use.length === 0 ? 'left out' : use.join(', ');
    return {
      path: `adaptation.rules[${index}]`,
      ...{ point, use },
      when: Object.keys(written).length > 0 ? written : resolved,
      text: `${point}, use: ${what}${stop ? ', stop' : ''}`,
    };
  });
}

function profileViews({ profiles, gateway }: ResolvedConfig, raw: unknown): ProfileView[] {
  return Object.values(profiles).map(({ name, onError, blades }) => ({
    ...{ name, onError },
    blades: Object.entries(blades).map(([blade, { enabled, ...settings }]) => ({
      ...{ name: blade, enabled },
      options: { ...settings, ...map(at(at(at(at(raw, 'profiles'), name), 'blades'), blade)) },
    })),
    written: at(at(raw, 'profiles'), name) !== undefined,
    usedBy: [
      ...new Set([
        ...Object.values(gateway.services)
          .filter(({ profile }) => profile === name)
          .map((service) => `/${service.name}`),
        ...usersOfProfile(raw, name).map((user) => user.name),
      ]),
    ],
  }));
}

/** Without what says nothing. */
function given(conditions: object): Record<string, unknown> {
  const entries = Object.entries(conditions) as [string, unknown][];
  const says = (value: unknown): boolean =>
    value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(entries.filter(([, value]) => says(value)));
}

function at(value: unknown, key: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string | number, unknown>)[key];
}

function map(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

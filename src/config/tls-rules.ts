// proxy.tls as the rest of the program reads it, its resolution, and what the keys of one rule must agree on.
// Kinds, ranges and defaults are tls-schema.ts; what a rule does is src/proxy/tls-policy.

import type { Network } from './addresses.ts';
import type { ConfigPath, UnplacedProblem } from './problems.ts';
import { shown } from './problems.ts';

/** Ports from `first` to `last`. */
export interface PortRange {
  first: number;
  last: number;
}

/** All conditions that are there must fit. */
export interface TlsRule {
  /** Host patterns: `name`, `*.suffix`, `*` or an IP address. */
  hosts?: string[] | undefined;
  /** Files with a host a line. */
  lists?: string[] | undefined;
  ips?: Network[] | undefined;
  ports?: PortRange[] | undefined;
  clients?: Network[] | undefined;
  /** Names; `*`: whoever has logged in. */
  users?: string[] | undefined;
  groups?: string[] | undefined;
  sni?: 'present' | 'absent' | undefined;
  action: 'bump' | 'splice' | 'terminate';
}

export interface SelfHealingConfig {
  /** Rejections of one host by one client. */
  after: number;
  /** Milliseconds in which they must come. */
  withinMs: number;
  /** Milliseconds that the host is passed through for that client. */
  forMs: number;
}

export interface TlsConfig {
  rules: TlsRule[];
  /** What is done behind CONNECT with what is no TLS. */
  nonTls: 'http' | 'tunnel' | 'terminate';
  selfHealing: SelfHealingConfig;
  /** Nothing is learned: a client that rejects our certificate stays without the host. */
  strict: boolean;
}

type Written = Omit<TlsConfig, 'selfHealing'> & {
  selfHealing: { after: number; within: number; for: number };
};

/** Completes the checked section. */
export function resolveTls(tls: Written, absolute: (file: string) => string): TlsConfig {
  const { after, within, for: forMs } = tls.selfHealing;
  const rules = tls.rules.map((rule) => ({
    ...rule,
    ...(rule.lists === undefined ? {} : { lists: rule.lists.map(absolute) }),
  }));
  return { ...tls, rules, selfHealing: { after, withinMs: within, forMs } };
}

const CONDITIONS = ['hosts', 'lists', 'ips', 'ports', 'clients', 'users', 'groups', 'sni'];

/** Problems of rules as written. */
export function checkTlsRules(rules: unknown): UnplacedProblem[] {
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown, index): UnplacedProblem[] => {
    if (typeof rule !== 'object' || rule === null || CONDITIONS.some((key) => key in rule)) return [];
    const path: ConfigPath = ['proxy', 'tls', 'rules', index];
    const message = 'says of nothing when it holds: give it hosts: ["*"] if it is for all';
    const allowed = `at least one of ${CONDITIONS.join(', ')}`;
    return [{ code: 'ERR_CONFIG_VALUE', path, message, allowed, found: shown(rule), suggestion: null }];
  });
}

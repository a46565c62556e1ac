// What is done with a tunnel's TLS: the first rule whose host pattern fits decides, otherwise it is
// intercepted. Asked once with CONNECT's host and again when the ClientHello has named another.

import { hostMatcher } from './host-match.ts';

export type TlsAction = 'bump' | 'splice' | 'terminate';

export interface TlsRule {
  readonly hosts: readonly string[];
  readonly action: TlsAction;
}

/** Compiles rules into a decision; null where no rule fits. */
export function tlsDecider(rules: readonly TlsRule[]): (host: string) => TlsAction | null {
  const compiled = rules.map((rule) => ({
    matches: hostMatcher(Object.fromEntries(rule.hosts.map((host) => [host, true as const]))),
    action: rule.action,
  }));
  return (host) => compiled.find((rule) => rule.matches(host) !== undefined)?.action ?? null;
}

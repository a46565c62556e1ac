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
  const find = tlsRuleFinder(rules);
  return (host) => rules[find(host)]?.action ?? null;
}

/** The same as the rule's place in the list; -1 where none fits. */
export function tlsRuleFinder(rules: readonly TlsRule[]): (host: string) => number {
  const compiled = rules.map(({ hosts }) =>
    hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const]))),
  );
  return (host) => compiled.findIndex((matches) => matches(host) !== undefined);
}

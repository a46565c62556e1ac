// proxy.tls.rules: the first rule of which all conditions fit decides what is done with a tunnel's TLS. Asked
// when the tunnel is asked for, and again when the ClientHello has said which server it means. A host is
// passed through unread only where both names agree, so that a false server name opens nothing.

import type { BlockList } from 'node:net';
import { isIP } from 'node:net';
import { isAllowed, networks } from '../../util/networks.ts';
import type { PolicyLine } from '../../trace/notes.ts';
import { hostMatcher } from '../host-match.ts';
import type { HostList } from './host-list.ts';

export type TlsAction = 'bump' | 'splice' | 'terminate';

/** Conditions; those that are there must all fit. */
export interface TlsRule {
  /** Host patterns. */
  readonly hosts?: readonly string[] | undefined;
  /** Lists of which one must have the host. */
  readonly lists?: readonly { readonly path: string; readonly list: HostList }[] | undefined;
  /** Networks of targets that are asked for by address. */
  readonly ips?: readonly string[] | undefined;
  readonly ports?: readonly { readonly first: number; readonly last: number }[] | undefined;
  /** Networks. */
  readonly clients?: readonly string[] | undefined;
  /** Names; `*` is whoever has logged in. */
  readonly users?: readonly string[] | undefined;
  /** Groups of users, of which one must be the client's. */
  readonly groups?: readonly string[] | undefined;
  readonly sni?: 'present' | 'absent' | undefined;
  readonly action: TlsAction;
}

/** What a decision goes by. */
export interface TlsFacts {
  /** Where the tunnel leads: a name in lower case, or an address. */
  readonly host: string;
  readonly port: number;
  /** Address. */
  readonly client: string;
  readonly user: string | null;
  /** Of the user; default: none are known. */
  readonly groups?: readonly string[];
  /** Of the ClientHello; null without one; undefined: there is no ClientHello yet. */
  readonly sni: string | null | undefined;
}

export interface TlsDecision {
  readonly action: TlsAction;
  /** Place of the rule in the list. */
  readonly index: number;
}

/** Undefined: that cannot be known yet. */
type Fits = (name: string, facts: TlsFacts) => boolean | undefined;

export class TlsRules {
  readonly #rules: readonly TlsRule[];
  readonly #compiled: readonly Fits[];

  /** @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network */
  constructor(rules: readonly TlsRule[]) {
    this.#rules = rules;
    this.#compiled = rules.map(compiled);
  }

  /**
   * What the rules say; null where none fits, or where that is not known before the ClientHello. The server
   * name is asked about first, then the host.
   */
  decide(facts: TlsFacts): TlsDecision | null {
    const { host, sni } = facts;
    if (sni == null || sni === host) return this.#find(host, facts);
    const byName = this.#find(sni, facts);
    if (byName === null) return this.#find(host, facts);
    if (byName.action !== 'splice' || isIP(host) !== 0) return byName;
    const byHost = this.#find(host, facts);
    return byHost?.action === 'splice' ? byName : byHost;
  }

  /** A rule for people; null for a place without one. */
  line(index: number): PolicyLine | null {
    const rule = this.#rules[index];
    return rule === undefined ? null : { path: `proxy.tls.rules[${index}]`, text: textOf(rule) };
  }

  #find(name: string, facts: TlsFacts): TlsDecision | null {
    for (const [index, fits] of this.#compiled.entries()) {
      const answer = fits(name, facts);
      if (answer === undefined) return null;
      if (answer) return { action: this.#rules[index]!.action, index };
    }
    return null;
  }
}

function compiled({ hosts, lists, ips, ports, clients, users, groups, sni }: TlsRule): Fits {
  const conditions: Fits[] = [];
  if (ports !== undefined) {
    conditions.push((_, { port }) => ports.some(({ first, last }) => first <= port && port <= last));
  }
  if (users !== undefined) {
    const named = new Set(users);
    conditions.push((_, { user }) => user !== null && (named.has('*') || named.has(user)));
  }
  if (groups !== undefined) {
    const named = new Set(groups);
    conditions.push((_, { groups: known = [] }) => known.some((group) => named.has(group)));
  }
  if (clients !== undefined) {
    const from = networks(clients);
    conditions.push((_, { client }) => isAllowed(from, client));
  }
  if (ips !== undefined) {
    const targets: BlockList = networks(ips);
    conditions.push((_, { host }) => isAllowed(targets, host));
  }
  if (hosts !== undefined) {
    const matches = hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const])));
    conditions.push((name) => matches(name) !== undefined);
  }
  if (lists !== undefined) conditions.push((name) => lists.some(({ list }) => list.has(name)));
  // Last: what it does not know matters only where all others fit.
  if (sni !== undefined) {
    conditions.push((_, facts) =>
      facts.sni === undefined ? undefined : (facts.sni !== null) === (sni === 'present'),
    );
  }
  return (name, facts) => {
    for (const fits of conditions) {
      const answer = fits(name, facts);
      if (answer !== true) return answer;
    }
    return true;
  };
}

const SHOWN = 3; // values of a condition

function textOf({ action, hosts, lists, ips, ports, clients, users, groups, sni }: TlsRule): string {
  const some = (label: string, values: readonly string[] | undefined): string[] => {
    if (values === undefined) return [];
    return [`${label}${values.slice(0, SHOWN).join(', ')}${values.length > SHOWN ? ', …' : ''}`];
  };
  const range = ({ first, last }: { first: number; last: number }): string =>
    first === last ? String(first) : `${first}-${last}`;
  const conditions = [
    ...some('', hosts),
    ...some(
      'lists: ',
      lists?.map(({ path }) => path),
    ),
    ...some('ips: ', ips),
    ...some('ports: ', ports?.map(range)),
    ...some('clients: ', clients),
    ...some('users: ', users),
    ...some('groups: ', groups),
    ...(sni === undefined ? [] : [`sni: ${sni}`]),
  ];
  return `${action} ${conditions.join('; ')}`;
}

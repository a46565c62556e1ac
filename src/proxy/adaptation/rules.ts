// Which messages a rule of adaptation.rules is for. Decides on one message at a time, from what its heads
// say; in which order rules run and what they use is pipeline.ts. K-51, K-52, K-70.

import type { BlockList } from 'node:net';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RequestHead, ResponseHead } from '../../icap/codec/http-head.ts';
import { isAllowed } from '../../util/networks.ts';
import { hostMatcher } from '../host-match.ts';

/** What a rule may look at. */
export interface MessageFacts {
  /** Lower case, without brackets. */
  readonly host: string;
  /** Target in absolute form, or `host:port` for CONNECT. */
  readonly request: RequestHead;
  /** Null for REQMOD. */
  readonly response: ResponseHead | null;
  /** Bytes of the body; null where they are not known yet. */
  readonly length: number | null;
  readonly clientIp: string | null;
  readonly user: string | null;
  /** Of the user; default: none are known. */
  readonly groups?: readonly string[];
}

/** Lists whose entries let a message in, or, below `not`, keep it out. An empty list says nothing. */
export interface ConditionLists {
  /** Host patterns. */
  readonly hosts: readonly string[];
  /** Path patterns: `*` stands for any characters. */
  readonly paths: readonly string[];
  /** In capitals; `*` for all but CONNECT. */
  readonly methods: readonly string[];
  /** Media types, in lower case; the second half may be `*`. */
  readonly types: readonly string[];
  readonly clients: BlockList | null;
  /** Names; `*` for everybody who has logged in. */
  readonly users: readonly string[];
  /** Names of groups of users. */
  readonly groups: readonly string[];
}

export interface ConditionOptions extends ConditionLists {
  /** Bytes, bounds included. */
  readonly size: { readonly min: number; readonly max: number } | null;
  /** Whether the message came over TLS that was decrypted here; null: either way. */
  readonly tls: boolean | null;
  readonly query: 'present' | 'absent' | null;
  readonly not: ConditionLists | null;
}

/** Which part of a condition a message does not meet. */
export type Mismatch = 'policy' | 'type' | 'size';

export class RuleCondition {
  readonly #options: ConditionOptions;
  readonly #includes: ListMatcher;
  readonly #excludes: ListMatcher | null;
  readonly #unknownSizeFits: boolean;

  /**
   * @param scans  the rule sends messages somewhere: one whose size is not known may have any, so it is
   *   sent; a rule that leaves messages out does so only for sizes that are known
   */
  constructor(options: ConditionOptions, scans: boolean) {
    this.#options = options;
    this.#includes = new ListMatcher(options, false);
    this.#excludes = options.not === null ? null : new ListMatcher(options.not, true);
    this.#unknownSizeFits = scans;
  }

  /** True where the rule speaks of CONNECT itself, and not only of what is sent through tunnels (K-52). */
  get namesConnect(): boolean {
    return this.#options.methods.includes('CONNECT');
  }

  /** Null: the rule is for this message. */
  mismatch(facts: MessageFacts): Mismatch | null {
    const { tls, query, size } = this.#options;
    const { request, length } = facts;
    if (request.method === 'CONNECT' && !this.namesConnect) return 'policy';
    if (tls !== null && tls !== /^https:/i.test(request.target)) return 'policy';
    if (query !== null && (query === 'present') !== request.target.includes('?')) return 'policy';
    const missing = this.#includes.missing(facts);
    if (missing !== null) return missing;
    const excluded = this.#excludes?.hit(facts) ?? null;
    if (excluded !== null) return excluded;
    if (size === null) return null;
    if (length === null) return this.#unknownSizeFits ? null : 'size';
    return length >= size.min && length <= size.max ? null : 'size';
  }

  /** Name of the key that `mismatch` went by, e.g. `hosts` or `not.types`; null where the rule fits. */
  unmet(facts: MessageFacts): string | null {
    const { tls, query } = this.#options;
    const { request } = facts;
    if (this.mismatch(facts) === null) return null;
    if (request.method === 'CONNECT' && !this.namesConnect) return 'methods';
    if (tls !== null && tls !== /^https:/i.test(request.target)) return 'tls';
    if (query !== null && (query === 'present') !== request.target.includes('?')) return 'query';
    const excluded = this.#excludes?.firstKey(facts, true) ?? null;
    return this.#includes.firstKey(facts, false) ?? (excluded === null ? 'size' : `not.${excluded}`);
  }

  /** What the rule picks its messages by, for one that it leaves out on purpose. */
  get picksBy(): Mismatch {
    const { size, types } = this.#options;
    if (size !== null) return 'size';
    return types.length > 0 && !types.includes('*/*') ? 'type' : 'policy';
  }
}

type Test = (facts: MessageFacts) => boolean;

class ListMatcher {
  readonly #tests: (readonly [Mismatch, Test, key: string])[] = [];

  /** @param excludes  the lists say what to keep out: one that names everything counts then */
  constructor({ hosts, paths, methods, types, clients, users, groups }: ConditionLists, excludes: boolean) {
    const add = (
      what: Mismatch,
      key: keyof ConditionLists,
      list: readonly string[],
      all: string,
      make: () => Test,
    ): void => {
      if (!list.includes(all)) {
        if (list.length > 0) this.#tests.push([what, make(), key]);
      } else if (excludes) this.#tests.push([what, () => true, key]);
    };
    add(
      'policy',
      'methods',
      methods,
      '*',
      () =>
        ({ request }) =>
          methods.includes(request.method),
    );
    add('policy', 'hosts', hosts, '*', () => {
      const matches = hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const])));
      return ({ host }) => matches(host) === true;
    });
    if (clients !== null) {
      this.#tests.push([
        'policy',
        ({ clientIp }) => clientIp !== null && isAllowed(clients, clientIp),
        'clients',
      ]);
    }
    add('policy', 'users', users, '', () => {
      return ({ user }) => user !== null && (users.includes(user) || users.includes('*'));
    });
    add('policy', 'groups', groups, '', () => {
      return ({ groups: known = [] }) => known.some((group) => groups.includes(group));
    });
    add('policy', 'paths', paths, '*', () => {
      const patterns = paths.map(pathMatcher);
      return ({ request }) => {
        const path = comparablePath(request.target);
        return patterns.some((matches) => matches(path));
      };
    });
    add('type', 'types', types, '*/*', () => (facts) => matchesType(types, mediaTypeOf(facts)));
  }

  /** The first list without an entry for the message. */
  missing(facts: MessageFacts): Mismatch | null {
    for (const [what, test] of this.#tests) if (!test(facts)) return what;
    return null;
  }

  /** Name of the first list whose test comes out so. */
  firstKey(facts: MessageFacts, outcome: boolean): string | null {
    return this.#tests.find(([, test]) => test(facts) === outcome)?.[2] ?? null;
  }

  /** The first list with an entry for the message. */
  hit(facts: MessageFacts): Mismatch | null {
    for (const [what, test] of this.#tests) if (test(facts)) return what;
    return null;
  }
}

/** Of the response, or of the request where there is none yet; '' where it is not said. */
export function mediaTypeOf({ request, response }: Pick<MessageFacts, 'request' | 'response'>): string {
  const type = fieldValue((response ?? request).headers, 'content-type') ?? '';
  return type.split(';', 1)[0]!.trim().toLowerCase();
}

function matchesType(patterns: readonly string[], type: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith('/*') ? type.startsWith(pattern.slice(0, -1)) : type === pattern,
  );
}

const ORDINARY = /%(?:2d|2e|3[0-9]|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)/gi;

/**
 * Path of a target as it is compared: lower case, percent-encoding of ordinary characters undone and dot
 * segments resolved (RFC 3986 §6.2.2), so that a spelling cannot dodge a rule. '' for CONNECT.
 */
export function comparablePath(target: string): string {
  const scheme = target.indexOf('://');
  if (scheme < 0 && !target.startsWith('/')) return '';
  const start = scheme < 0 ? 0 : target.indexOf('/', scheme + 3);
  const query = target.indexOf('?');
  if (start < 0 || (query >= 0 && query < start)) return '/';
  const path = target
    .slice(start, query < 0 ? undefined : query)
    .replace(ORDINARY, (code) => String.fromCharCode(parseInt(code.slice(1), 16)))
    .toLowerCase();
  if (!/\/\.{1,2}(?:\/|$)/.test(path)) return path;
  const segments: string[] = [];
  for (const segment of path.split('/').slice(1)) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  const folder = /\/\.{1,2}$/.test(path) && segments.length > 0;
  return `/${segments.join('/')}${folder ? '/' : ''}`;
}

/** Compares piece by piece between the stars: linear in the path, whatever the pattern. */
function pathMatcher(pattern: string): (path: string) => boolean {
  const pieces = pattern.toLowerCase().split('*');
  const first = pieces[0]!;
  if (pieces.length === 1) return (path) => path === first;
  const last = pieces.at(-1)!;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (path) => {
    if (path.length < first.length + last.length) return false;
    if (!path.startsWith(first) || !path.endsWith(last)) return false;
    const end = path.length - last.length;
    let at = first.length;
    for (const piece of middle) {
      const found = path.indexOf(piece, at);
      if (found < 0 || found + piece.length > end) return false;
      at = found + piece.length;
    }
    return true;
  };
}

// Parent proxies: which of them may carry a connection to a host, in which order they are tried, and which
// did not work lately. How a parent is spoken to is parent-http.ts and parent-socks.ts.

import type { BlockList } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { HttpError } from '../../errors.ts';
import { formatAuthority } from '../../util/authority.ts';
import { isAllowed } from '../../util/networks.ts';
import { hostMatcher } from '../host-match.ts';

export interface ParentOptions {
  /** `direct`: no parent, the origin itself. `socks5h` leaves names to the parent, `socks5` looks them up. */
  readonly scheme: 'direct' | 'http' | 'https' | 'socks5' | 'socks5h';
  /** Name or address without brackets; nothing for `direct`. */
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly user: string; readonly password: string } | null;
  /** Host patterns that it is for. */
  readonly hosts: readonly string[];
  /** What it is not for. Networks fit addresses as clients write them, never what a name resolves to. */
  readonly except: { readonly networks: BlockList; readonly hosts: readonly string[] };
  /** Certificates (PEM) that vouch for an `https` parent; null: Node's own roots. */
  readonly ca: readonly string[] | null;
}

/** Told when a parent stops working, and when it works again. */
export type OnParentHealth = (parent: Parent, failure: HttpError | null) => void;

const DEAD_MS = 30_000; // a parent that failed comes after the others for so long

export class Parent {
  readonly options: ParentOptions;
  /** e.g. `http://proxy.example:3128`: nothing secret. */
  readonly label: string;
  /** Value of Proxy-Authorization; null without credentials. */
  readonly authorization: string | null;
  deadUntil = 0;
  readonly #isFor: (host: string) => true | undefined;
  readonly #isExcepted: (host: string) => true | undefined;
  #context: SecureContext | null = null;

  constructor(options: ParentOptions) {
    const { scheme, host, port, credentials } = options;
    this.options = options;
    this.label = scheme === 'direct' ? 'direct' : `${scheme}://${formatAuthority(host, port)}`;
    const pair = credentials === null ? null : Buffer.from(`${credentials.user}:${credentials.password}`);
    this.authorization = pair === null ? null : `Basic ${pair.toString('base64')}`;
    this.#isFor = patterns(options.hosts);
    this.#isExcepted = patterns(options.except.hosts);
  }

  get isDirect(): boolean {
    return this.options.scheme === 'direct';
  }

  carries(host: string): boolean {
    if (this.#isFor(host) !== true || this.#isExcepted(host) === true) return false;
    return !isAllowed(this.options.except.networks, host);
  }

  /** For TLS with the parent itself. */
  get secureContext(): SecureContext {
    const { ca } = this.options;
    return (this.#context ??= createSecureContext(ca === null ? {} : { ca: [...ca] }));
  }
}

export class ParentList {
  readonly #parents: readonly Parent[];
  readonly #onHealth: OnParentHealth;

  constructor(options: readonly ParentOptions[], onHealth: OnParentHealth) {
    this.#parents = options.map((one) => new Parent(one));
    this.#onHealth = onHealth;
  }

  /** The parents for a host as they are best tried; none: the origin itself. */
  waysTo(host: string): readonly Parent[] {
    const ways = this.#parents.filter((parent) => parent.carries(host));
    if (ways.length < 2) return ways;
    const now = performance.now();
    const isDead = ({ deadUntil }: Parent): boolean => deadUntil > now;
    return [...ways.filter((way) => !isDead(way)), ...ways.filter(isDead)];
  }

  failed(parent: Parent, error: HttpError): void {
    const wasAlive = parent.deadUntil === 0;
    parent.deadUntil = performance.now() + DEAD_MS;
    if (wasAlive) this.#onHealth(parent, error);
  }

  worked(parent: Parent): void {
    if (parent.deadUntil === 0) return;
    parent.deadUntil = 0;
    this.#onHealth(parent, null);
  }
}

function patterns(hosts: readonly string[]): (host: string) => true | undefined {
  return hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const])));
}

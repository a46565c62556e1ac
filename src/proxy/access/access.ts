// Who may use the proxy: networks of clients, and how they log in. What they may reach is the targets' and
// rules' matter; how much they may ask for is client-usage.ts.

import type { X509Certificate } from 'node:crypto';
import type { BlockList } from 'node:net';
import { HttpError } from '../../errors.ts';
import type { GroupsByUser } from '../../auth/group-file.ts';
import type { WeirError } from '../../errors.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import { isAllowed, networks } from '../../util/networks.ts';
import type { Authenticator, LoggedIn } from './authenticator.ts';
import type { CertificateUser } from './certificate-user.ts';
import { userOf } from './certificate-user.ts';
import type { RequestRate } from './client-usage.ts';

export interface AccessOptions {
  /** Networks (CIDR or address) of the clients that are served; null: everybody who reaches a listener. */
  readonly allow: readonly string[] | null;
  /** Connections of one client; null: no limit of its own. */
  readonly connections: number | null;
  /** Requests of one client; null: no limit. */
  readonly requests: RequestRate | null;
  /** Ways to log in with a field; the first is preferred. */
  readonly authenticators: readonly Authenticator[];
  /** Part of a client certificate that is the name of its user; null: certificates log nobody in. */
  readonly certificateUser: CertificateUser | null;
  /** Groups of users, besides those that a log-in names; default: none are known. */
  readonly groups?: GroupsByUser | null;
  /** Differs where somebody who has logged in may not count as such any more. */
  readonly key: string;
}

const NONE: readonly string[] = [];

export const OPEN_ACCESS: AccessOptions = {
  allow: null,
  connections: null,
  requests: null,
  authenticators: [],
  certificateUser: null,
  key: '',
};

export class Access {
  /** Connections of one client; null: no limit. */
  readonly connections: number | null;
  readonly requests: RequestRate | null;
  /** Whether clients must log in. */
  readonly asks: boolean;
  /** Whether they can with user and password. */
  readonly takesPasswords: boolean;
  readonly key: string;
  /** Fields of an answer that asks for credentials. */
  readonly challenges: RawHeaders;
  readonly #allowed: BlockList | null;
  readonly #authenticators: readonly Authenticator[];
  readonly #certificateUser: CertificateUser | null;
  readonly #groups: GroupsByUser | null;

  /** @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network */
  constructor(options: AccessOptions) {
    const { allow, authenticators, certificateUser } = options;
    this.connections = options.connections;
    this.requests = options.requests;
    this.key = options.key;
    this.asks = authenticators.length > 0 || certificateUser !== null;
    this.takesPasswords = authenticators.some(({ scheme }) => scheme === 'basic');
    this.challenges = authenticators.flatMap(({ challenge }) => ['Proxy-Authenticate', challenge]);
    this.#allowed = allow === null ? null : networks(allow);
    this.#authenticators = authenticators;
    this.#certificateUser = certificateUser;
    this.#groups = options.groups ?? null;
  }

  /** Why an address may not connect; null when it may. */
  refusal(address: string): WeirError | null {
    if (this.#allowed === null || isAllowed(this.#allowed, address)) return null;
    return new HttpError('ERR_PROXY_CLIENT', `${address} is not in proxy.clients.allow`);
  }

  /**
   * Judges a TLS connection to the proxy.
   *
   * @param shown  certificate of the client; null: it has none
   * @param trusted  whether it comes from the listener's clientCa; false where that asks for none
   * @param asked  whether the listener asks for one
   * @param logsIn  whether clients of the listener log in
   * @returns the user that the certificate names, and why the connection is not served all the same
   */
  certificate(
    shown: X509Certificate | null,
    trusted: boolean,
    asked: boolean,
    logsIn: boolean,
  ): { user: string | null; groups: readonly string[]; refusal: WeirError | null } {
    const nobody = { user: null, groups: NONE, refusal: null };
    if (!asked) return nobody;
    const refuse = (why: string) => ({ ...nobody, refusal: new HttpError('ERR_PROXY_CLIENT', why) });
    if (shown !== null && !trusted) return refuse('the client certificate is not one of clientCa');
    const part = logsIn ? this.#certificateUser : null;
    if (shown === null) {
      // Where certificates and passwords both log in, one of them will do.
      const either = part !== null && this.#authenticators.length > 0;
      return either ? nobody : refuse('a client certificate is required');
    }
    const user = part === null ? null : userOf(shown, part);
    if (part === null) return nobody;
    if (user !== null) return { ...this.#member({ user, groups: NONE }), refusal: null };
    return refuse(`the client certificate has no ${part} that can be a user name`);
  }

  /**
   * Finds out who sends a request.
   *
   * @param credentials  value of Proxy-Authorization, or null
   * @param client  address
   * @param scope  the connection, where a login may hold for all that comes on it
   * @returns the user and the groups, at once where they are known
   * @throws or rejects with {HttpError} `ERR_PROXY_AUTH`; `ERR_PROXY_CLIENT` where only certificates log in;
   *         what the authenticator throws
   */
  logIn(
    credentials: string | null,
    client: string,
    scope: object | null = null,
  ): LoggedIn | Promise<LoggedIn> {
    if (this.#authenticators.length === 0) {
      throw new HttpError('ERR_PROXY_CLIENT', 'a client certificate is required');
    }
    if (credentials === null && scope !== null) {
      for (const authenticator of this.#authenticators) {
        const who = authenticator.known?.(scope) ?? null;
        if (who !== null) return this.#member(who);
      }
    }
    if (credentials === null) throw new HttpError('ERR_PROXY_AUTH', 'no user and password were given');
    const scheme = /^[^ ]*/.exec(credentials)![0].toLowerCase();
    const authenticator = this.#authenticators.find((one) => one.scheme === scheme);
    if (authenticator === undefined) {
      throw new HttpError('ERR_PROXY_AUTH', 'credentials of another kind than those that are asked for');
    }
    const who = authenticator.authenticate(credentials, client, scope);
    return who instanceof Promise ? who.then((found) => this.#known(found)) : this.#known(who);
  }

  #known(who: LoggedIn | null): LoggedIn {
    if (who !== null) return this.#member(who);
    throw new HttpError('ERR_PROXY_AUTH', 'wrong user or password');
  }

  /** With the groups of the file. */
  #member(who: LoggedIn): LoggedIn {
    const further = this.#groups?.get(who.user);
    if (further === undefined) return who;
    const groups = who.groups.length === 0 ? further : [...new Set([...who.groups, ...further])];
    return { user: who.user, groups };
  }
}

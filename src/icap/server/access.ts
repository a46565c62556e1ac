// Who may use the server: the networks that may connect, and the services that want a password. What a
// refused client is told is turn-away.ts and responses.ts. C-18, S-403, S-407.

import type { BlockList } from 'node:net';
import { BasicAuthenticator } from '../../auth/basic.ts';
import { readPasswordFile } from '../../auth/password-file.ts';
import { HashVerifier } from '../../auth/password-verifier.ts';
import { IcapError } from '../../errors.ts';
import { isAllowed, networks } from '../../util/networks.ts';
import { fieldValue } from '../codec/fields.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import type { IcapService } from '../service.ts';

/** Password files by service. */
export interface PasswordOptions {
  /** Of the services that are not named, and of paths that lead nowhere; null: nobody has to log in. */
  readonly file: string | null;
  /** By path of the service, e.g. `/echo`. */
  readonly services: Readonly<Record<string, string | null>>;
}

export interface AccessOptions {
  /** Networks (CIDR or address) that may connect; null: everybody who can reach the port. */
  readonly allow: readonly string[] | null;
  readonly passwords: PasswordOptions;
}

export const OPEN_ACCESS: AccessOptions = { allow: null, passwords: { file: null, services: {} } };

export class Access {
  readonly warnings: string[] = [];
  /** Null where nobody has to log in. */
  readonly admit: ((headers: RawHeaders, service: IcapService | undefined) => Admission) | null;
  readonly #allowed: BlockList | null;
  readonly #options: AccessOptions;
  readonly #files = new Map<string, BasicAuthenticator>();

  /** @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network */
  constructor(options: AccessOptions) {
    this.#options = options;
    this.#allowed = options.allow === null ? null : networks(options.allow);
    this.admit = this.#paths().length === 0 ? null : (headers, service) => this.#admit(headers, service);
  }

  /**
   * Reads the password files.
   * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`
   */
  load(): void {
    for (const path of this.#paths()) {
      const { users, warnings } = readPasswordFile(path);
      this.#files.set(path, new BasicAuthenticator(new HashVerifier(users)));
      this.warnings.push(...warnings);
    }
  }

  /** Why an address may not connect; null when it may. */
  refusal(address: string): IcapError | null {
    if (this.#allowed === null || isAllowed(this.#allowed, address)) return null;
    return new IcapError('ERR_ICAP_FORBIDDEN', `${address} is not in gateway.allow`);
  }

  #paths(): string[] {
    const { file, services } = this.#options.passwords;
    return [...new Set([file, ...Object.values(services)])].filter((path) => path !== null);
  }

  #admit(headers: RawHeaders, service: IcapService | undefined): Admission {
    const { file, services } = this.#options.passwords;
    const own = service === undefined ? undefined : services[service.path];
    const path = own === undefined ? file : own;
    if (path === null) return null;
    const users = this.#files.get(path)!;
    // A proxy may relay its user's Proxy-Authorization (C-91) and log in itself with the other field.
    const given = FIELDS.flatMap((name) => fieldValue(headers, name) ?? []);
    if (given.length === 0) throw new IcapError('ERR_ICAP_AUTH', 'no user and password were given');
    return tryEach(users, given);
  }
}

const FIELDS = ['proxy-authorization', 'authorization'];

/** The user's name; null where none is asked for. */
export type Admission = string | null | Promise<string | null>;

function tryEach(users: BasicAuthenticator, given: readonly string[]): string | Promise<string> {
  for (const [index, value] of given.entries()) {
    const user = users.check(value);
    if (typeof user === 'string') return user;
    if (user === null) continue;
    return user.then((found) => found ?? tryEach(users, given.slice(index + 1)));
  }
  throw new IcapError('ERR_ICAP_AUTH', 'wrong user or password');
}

// Names of origins and parents to the addresses that may be connected to: overrides first, then the resolver,
// then every address is judged. No connection reaches Weir's own ports or a denied address, and no name can be
// rebound in between: what is judged here is what is connected to.

import { isIP } from 'node:net';
import { HttpError } from '../../errors.ts';
import { isOwnAddress } from '../../util/own-address.ts';
import { hostMatcher } from '../host-match.ts';
import type { BindAddresses } from './bind.ts';
import { ANY_ADDRESS, reachableFrom } from './bind.ts';
import type { OriginTarget } from './engine.ts';
import { unresolved } from './origin-errors.ts';
import { parentError } from './parent-errors.ts';
import type { Parent } from './parents.ts';
import type { ResolverOptions } from './resolver.ts';
import { DEFAULT_RESOLVER, Resolver } from './resolver.ts';
import type { TimeLimit } from './time-limit.ts';

export interface AddressOptions {
  /** Host name or `*.suffix` to the address or name to connect to instead. */
  readonly hosts: Readonly<Record<string, string>>;
  /** Default: the system's resolver. */
  readonly dns?: ResolverOptions;
  /** Default: the system chooses. */
  readonly bind?: BindAddresses;
  /** True for a port that Weir itself listens on. */
  isOwnPort(port: number): boolean;
  /** True for an address that clients may not reach under this host name (`proxy.targets`). */
  isDeniedAddress(address: string, host: string): boolean;
}

type Addresses = readonly string[] | Promise<readonly string[]>;

export class OriginAddresses {
  readonly #options: AddressOptions;
  readonly #bind: BindAddresses;
  readonly #resolver: Resolver;
  readonly #override: (host: string) => string | undefined;

  constructor(options: AddressOptions) {
    this.#options = options;
    this.#bind = options.bind ?? ANY_ADDRESS;
    this.#resolver = new Resolver(options.dns ?? DEFAULT_RESOLVER);
    this.#override = hostMatcher(options.hosts);
  }

  /**
   * Addresses of an origin, at least one; at once where they are known.
   * @throws {HttpError} `ERR_ORIGIN_DNS`, and as {@link admit}
   */
  of(target: OriginTarget, limit: TimeLimit): Addresses {
    const failed = (error: unknown): never => {
      throw error instanceof HttpError ? error : unresolved(target, error as NodeJS.ErrnoException);
    };
    try {
      const found = this.#lookUp(target.host, limit);
      if (!(found instanceof Promise)) return this.admit(target, found);
      return found.then((all) => this.admit(target, all), failed);
    } catch (error) {
      return failed(error);
    }
  }

  /**
   * Those of them that this machine can connect to as proxy.upstream.bind says.
   * @throws {HttpError} `ERR_ORIGIN_UNREACHABLE`: none
   */
  reachable({ host, port }: OriginTarget, addresses: readonly string[]): readonly string[] {
    const reachable = reachableFrom(this.#bind, addresses);
    if (reachable.length > 0) return reachable;
    const text = `${host} is at ${addresses[0]!}, and proxy.upstream.bind has no address of that family`;
    throw new HttpError('ERR_ORIGIN_UNREACHABLE', text, { host, port });
  }

  /**
   * Leaves out the addresses that clients may not reach.
   * @throws {HttpError} `ERR_PROXY_SELF`, `ERR_PROXY_DENIED`: none is left
   */
  admit(target: OriginTarget, addresses: readonly string[]): readonly string[] {
    const admitted = addresses.filter((address) => this.#refusal(target, address) === null);
    if (admitted.length === 0) throw this.#refusal(target, addresses[0]!)!;
    return admitted;
  }

  /** Addresses of a parent, at least one. @throws {HttpError} `ERR_PARENT_UNAVAILABLE` */
  async ofParent(parent: Parent, target: OriginTarget, limit: TimeLimit): Promise<readonly string[]> {
    const { host, port } = parent.options;
    let found: readonly string[];
    try {
      found = await this.#lookUp(host, limit);
    } catch (error) {
      if (error instanceof HttpError) throw error;
      const { code = '' } = error as NodeJS.ErrnoException;
      const what = `cannot be reached: its name cannot be resolved (${code})`;
      throw parentError('ERR_PARENT_UNAVAILABLE', parent, target, what, error);
    }
    const reachable = reachableFrom(this.#bind, found);
    const others = reachable.filter((address) => !this.#isSelf(address, port));
    if (others.length > 0) return others;
    const what =
      reachable.length > 0 ? 'is this Weir itself' : 'has no address that proxy.upstream.bind can reach';
    throw parentError('ERR_PARENT_UNAVAILABLE', parent, target, what);
  }

  /** @throws what the resolver says, or the time limit */
  #lookUp(host: string, limit: TimeLimit): Addresses {
    const name = this.#override(host) ?? host;
    if (isIP(name) !== 0) return [name];
    const found = this.#resolver.resolve(name);
    return found instanceof Promise ? limit.wait(found) : found;
  }

  #refusal({ host, port }: OriginTarget, address: string): HttpError | null {
    if (this.#isSelf(address, port)) {
      return new HttpError('ERR_PROXY_SELF', `${host}:${port} is one of Weir's own ports`, { host, port });
    }
    if (!this.#options.isDeniedAddress(address, host)) return null;
    const text = `${host} is at ${address}, where clients may not go (proxy.targets.deny)`;
    return new HttpError('ERR_PROXY_DENIED', text, { host, address });
  }

  #isSelf(address: string, port: number): boolean {
    return this.#options.isOwnPort(port) && isOwnAddress(address);
  }
}

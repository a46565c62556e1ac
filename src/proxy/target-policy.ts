// Where clients may not go (`proxy.targets`): names as they are asked for, addresses as they are connected to,
// in whatever form an IPv6 address carries an IPv4 one. When they are asked is the connector's and the
// arrangement's.

import type { BlockList } from 'node:net';
import { isIP } from 'node:net';
import { isAllowed } from '../util/networks.ts';
import { addressForms } from '../util/own-address.ts';
import { hostMatcher } from './host-match.ts';

/** Networks and host patterns. */
export interface Targets {
  readonly networks: BlockList;
  readonly hosts: readonly string[];
}

export interface TargetPolicyOptions {
  readonly deny: Targets;
  /** Exceptions from `deny`. */
  readonly allow: Targets;
}

export class TargetPolicy {
  readonly #deny: Lists;
  readonly #allow: Lists;

  constructor({ deny, allow }: TargetPolicyOptions) {
    this.#deny = listsOf(deny);
    this.#allow = listsOf(allow);
  }

  /** True for a host, name or address, that clients may not even ask for. */
  isDenied(host: string): boolean {
    if (this.#allow.hasHost(host)) return false;
    if (isIP(host) === 0) return this.#deny.hasHost(host);
    const isAllowedAddress = addressForms(host).every((form) => this.#allow.hasAddress(form));
    return !isAllowedAddress && (this.#deny.hasHost(host) || this.isDeniedAddress(host, host));
  }

  /** True for an address that clients may not reach under this host name. */
  isDeniedAddress(address: string, host: string): boolean {
    if (!this.#deny.hasNetworks || this.#allow.hasHost(host)) return false;
    return addressForms(address).some((form) => this.#deny.hasAddress(form) && !this.#allow.hasAddress(form));
  }
}

interface Lists {
  readonly hasNetworks: boolean;
  hasHost(host: string): boolean;
  hasAddress(address: string): boolean;
}

function listsOf({ networks, hosts }: Targets): Lists {
  const find = hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const])));
  return {
    hasNetworks: networks.rules.length > 0,
    hasHost: (host) => find(host) === true,
    hasAddress: (address) => isAllowed(networks, address),
  };
}

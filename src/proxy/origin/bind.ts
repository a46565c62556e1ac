// The addresses that connections to the outside begin at, one a family. Where only one family has an address,
// the other is not used: it would leave by another way than the operator chose.

import { isIPv6 } from 'node:net';

export interface BindAddresses {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

/** Leaves the system to choose. */
export const ANY_ADDRESS: BindAddresses = { ipv4: null, ipv6: null };

/** Option of `net.connect` for a connection to this address. */
export function localAddressFor(bind: BindAddresses, address: string): { localAddress?: string } {
  const local = isIPv6(address) ? bind.ipv6 : bind.ipv4;
  return local === null ? {} : { localAddress: local };
}

/** Those that can be reached from the addresses. */
export function reachableFrom(bind: BindAddresses, addresses: readonly string[]): readonly string[] {
  if (bind.ipv4 === null && bind.ipv6 === null) return addresses;
  return addresses.filter((address) => (isIPv6(address) ? bind.ipv6 : bind.ipv4) !== null);
}

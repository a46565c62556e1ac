// Networks of IP addresses: parsed once, asked for every connection, and the network that an address
// belongs to where connections are counted. Who may do what with them is decided elsewhere.

import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { ConfigError } from '../errors.ts';

/**
 * Parses networks into a list that addresses can be checked against.
 * @param entries  addresses and CIDRs, e.g. `10.0.0.0/8`, `::1`
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for anything that is no address or CIDR
 */
export function networks(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    try {
      if (prefix === undefined) list.addAddress(address, family);
      else list.addSubnet(address, /^\d+$/.test(prefix) ? Number(prefix) : NaN, family); // '' is not 0
    } catch (error) {
      throw new ConfigError('ERR_CONFIG_VALUE', `not an address or network: "${entry}"`, {}, error);
    }
  }
  return list;
}

/** True when `address` (v4, v6 or v4 mapped into v6) is in the list; false for what is no address. */
export function isAllowed(list: BlockList, address: string): boolean {
  const plain = plainAddress(address);
  const version = isIP(plain);
  return version !== 0 && list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
}

/** An address as people write it: v4 not mapped into v6, and without the zone of this machine. */
export function plainAddress(address: string): string {
  const zone = address.indexOf('%');
  const text = zone < 0 ? address : address.slice(0, zone);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  return mapped === null ? text : mapped[1]!;
}

const LOOPBACK = networks(['127.0.0.0/8', '::1']);

export function isLoopback(address: string): boolean {
  return isAllowed(LOOPBACK, address);
}

/**
 * The network that is most likely one client's or site's: /24 of IPv4, /64 of IPv6.
 * @returns e.g. `192.0.2.0/24`, `2001:db8:0:1::/64`; the text itself where it is no address
 */
export function networkOf(address: string): string {
  const plain = plainAddress(address);
  if (isIPv4(plain)) return `${plain.slice(0, plain.lastIndexOf('.'))}.0/24`;
  if (!isIPv6(plain)) return plain;
  const [left = '', right] = plain.split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const dotted = after.at(-1)?.includes('.') === true ? 1 : 0; // counts as two groups
  const zeros = right === undefined ? 0 : Math.max(0, 8 - before.length - after.length - dotted);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4);
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}

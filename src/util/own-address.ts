// Which addresses are this machine's, and which IPv4 address an IPv6 one leads to: both decide whether a
// connection would end somewhere else than its address seems to say.

import { isIPv4, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { plainAddress } from './networks.ts';

/**
 * True for loopback, the unspecified address and the addresses of this machine's interfaces, also where they
 * are written inside an IPv6 address.
 */
export function isOwnAddress(address: string): boolean {
  const forms = addressForms(address);
  if (forms.some((form) => /^127\.|^0\.|^::1?$/.test(form))) return true;
  for (const addresses of Object.values(networkInterfaces())) {
    if (addresses?.some((own) => forms.includes(own.address))) return true;
  }
  return false;
}

/**
 * An address in the forms that a rule may name it by: plain, and the IPv4 address that it carries.
 *
 * IPv4-mapped and IPv4-compatible (RFC 4291 §2.5.5), IPv4-translated (RFC 2765 §2.1), NAT64 with the
 * well-known prefix (RFC 6052 §2.1) and the local one (RFC 8215), 6to4 (RFC 3056 §2).
 *
 * @returns one or two addresses; the text itself where it is none
 */
export function addressForms(address: string): string[] {
  const plain = plainAddress(address);
  if (!isIPv6(plain)) return [plain];
  const groups = ipv6Groups(plain);
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const within = embedded(groups);
  return within === null ? [canonical] : [canonical, within];
}

function embedded(groups: readonly number[]): string | null {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  if (a === 0x2002) return ipv4(b, c);
  if (a === 0x64 && b === 0xff9b && (c === 1 || (c | d | e | f) === 0)) return ipv4(g, h);
  if ((a | b | c | d) !== 0) return null;
  if (e === 0 && f === 0 && g === 0 && h <= 1) return null; // :: and ::1 themselves
  const carries = (e === 0 && (f === 0 || f === 0xffff)) || (e === 0xffff && f === 0);
  return carries ? ipv4(g, h) : null;
}

function ipv4(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

/** The eight groups of an IPv6 address without zone. */
export function ipv6Groups(address: string): number[] {
  const dotted = address.slice(address.lastIndexOf(':') + 1);
  let text = address;
  if (isIPv4(dotted)) {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number);
    const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    text = address.slice(0, -dotted.length) + hex;
  }
  const [left = '', right] = text.split('::');
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const before = parse(left);
  const after = parse(right ?? '');
  const zeros = right === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array<number>(zeros).fill(0), ...after];
}

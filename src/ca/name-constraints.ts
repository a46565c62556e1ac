// Limits a CA to the names that it may certify, so that a stolen key is worth little elsewhere. Writes the
// extension for a new CA, and answers for any CA whether a name is within its bounds; clients enforce the
// same. RFC 5280 §4.2.1.10.

import type { X509Certificate } from 'node:crypto';
import { BlockList, isIP, isIPv4 } from 'node:net';

import { printable, TlsError } from '../errors.ts';
import { parseHost } from '../util/authority.ts';
import { addressBytes } from './address-bytes.ts';
import * as der from './der.ts';
import { DerReader } from './der-reader.ts';
import { EXTENSION, extensionOf } from './extensions.ts';

const DNS = 2; // GeneralName tags
const IP = 7;
const MAX_ENTRIES = 100;

/** What may be certified: domains with all that is below them, and networks. */
export interface PermittedNames {
  readonly domains: readonly string[];
  readonly networks: readonly { readonly address: string; readonly prefix: number }[];
}

/**
 * Reads entries as users write them: `example.com`, `10.0.0.0/8`, `::1`.
 * @throws {TlsError} `ERR_CA_INVALID`: neither a domain nor a network, or more than 100 entries
 */
export function parsePermitted(entries: readonly string[]): PermittedNames {
  if (entries.length > MAX_ENTRIES) {
    throw new TlsError('ERR_CA_INVALID', `at most ${MAX_ENTRIES} permitted names, got ${entries.length}`);
  }
  const domains: string[] = [];
  const networks: { address: string; prefix: number }[] = [];
  for (const entry of entries) {
    const [address = '', prefix, ...more] = entry.split('/');
    const width = isIPv4(address) ? 32 : 128;
    if (isIP(address) !== 0 && more.length === 0 && (prefix === undefined || /^\d{1,3}$/.test(prefix))) {
      const bits = prefix === undefined ? width : Number(prefix);
      if (bits <= width) {
        networks.push({ address, prefix: bits });
        continue;
      }
    }
    const host = parseHost(entry.replace(/^\*?\./, ''));
    if (host?.kind !== 'dns') {
      const message = `"${printable(entry)}" is neither a domain such as example.com nor a network such as 10.0.0.0/8`;
      throw new TlsError('ERR_CA_INVALID', message);
    }
    domains.push(host.host);
  }
  return { domains, networks };
}

/**
 * The extension, critical. A kind of name that is not permitted anywhere is excluded as a whole: a list of
 * domains alone would leave every address open.
 */
export function nameConstraints({ domains, networks }: PermittedNames): der.Node {
  const subtree = (tag: number, bytes: Buffer): der.Node => der.sequence(der.tagged(tag, bytes));
  const permitted = [
    ...domains.map((domain) => subtree(DNS, Buffer.from(domain, 'latin1'))),
    ...networks.map(({ address, prefix }) => subtree(IP, networkBytes(address, prefix))),
  ];
  const excluded = [
    ...(domains.length === 0 ? [subtree(DNS, Buffer.alloc(0))] : []),
    ...(networks.length === 0 ? [subtree(IP, Buffer.alloc(8)), subtree(IP, Buffer.alloc(32))] : []),
  ];
  const parts = [der.implicit(0, permitted), ...(excluded.length === 0 ? [] : [der.implicit(1, excluded)])];
  return der.extension(EXTENSION.nameConstraints, true, der.sequence(...parts));
}

function networkBytes(address: string, prefix: number): Buffer {
  const bytes = addressBytes(address);
  const mask = Buffer.alloc(bytes.length);
  for (let bit = 0; bit < prefix; bit++) mask[bit >> 3]! |= 0x80 >> (bit & 7);
  for (const [index, octet] of mask.entries()) bytes[index]! &= octet;
  return Buffer.concat([bytes, mask]);
}

interface Subtrees {
  readonly domains: string[];
  readonly networks: BlockList;
  hasNetworks: boolean;
}

/** What one CA certificate lets be certified. */
export class NameBounds {
  readonly #permitted: Subtrees;
  readonly #excluded: Subtrees;

  private constructor(permitted: Subtrees, excluded: Subtrees) {
    this.#permitted = permitted;
    this.#excluded = excluded;
  }

  /** @returns null for a CA without constraints */
  static of(certificate: X509Certificate): NameBounds | null {
    const value = extensionOf(certificate, EXTENSION.nameConstraints);
    if (value === null) return null;
    const [permitted, excluded] = [emptySubtrees(), emptySubtrees()];
    for (const { tag, content } of new DerReader(value).inside().rest()) {
      readSubtrees(content, tag === 0xa0 ? permitted : excluded);
    }
    return new NameBounds(permitted, excluded);
  }

  /** @param name  lower-case DNS name, `*.` in front allowed, or an address */
  permits(name: string): boolean {
    if (isIP(name) !== 0) {
      const family = isIPv4(name) ? 'ipv4' : 'ipv6';
      if (this.#excluded.networks.check(name, family)) return false;
      return !this.#permitted.hasNetworks || this.#permitted.networks.check(name, family);
    }
    const host = name.replace(/^\*\./, '');
    const within = ({ domains }: Subtrees): boolean => domains.some((domain) => isBelow(host, domain));
    if (within(this.#excluded)) return false;
    return this.#permitted.domains.length === 0 || within(this.#permitted);
  }

  /** Entries as users write them, for people. */
  describe(): string[] {
    return [...this.#permitted.domains, ...this.#permitted.networks.rules.map(networkOf)];
  }
}

/** `Subnet: IPv4 10.0.0.0/8` as `10.0.0.0/8`. */
function networkOf(rule: string): string {
  return rule.slice(rule.lastIndexOf(' ') + 1);
}

function emptySubtrees(): Subtrees {
  return { domains: [], networks: new BlockList(), hasNetworks: false };
}

function readSubtrees(content: Buffer, into: Subtrees): void {
  const list = new DerReader(content);
  while (!list.done) {
    const { tag, content: base } = list.inside().next();
    if (tag === (0x80 | DNS)) into.domains.push(base.toString('latin1').toLowerCase().replace(/^\./, ''));
    if (tag !== (0x80 | IP) || (base.length !== 8 && base.length !== 32)) continue;
    const half = base.length / 2;
    const address = addressText(base.subarray(0, half));
    into.networks.addSubnet(address, prefixOf(base.subarray(half)), half === 4 ? 'ipv4' : 'ipv6');
    into.hasNetworks = true;
  }
}

/** An empty domain stands for all names. */
function isBelow(host: string, domain: string): boolean {
  return domain === '' || host === domain || host.endsWith(`.${domain}`);
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return [...bytes].join('.');
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(':');
}

function prefixOf(mask: Buffer): number {
  let bits = 0;
  for (const octet of mask) for (let left = octet; left & 0x80; left = (left << 1) & 0xff) bits++;
  return bits;
}

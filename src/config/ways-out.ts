// Ways to origins and targets as the rest of the program reads them, with the default of proxy.targets.deny.

import type { HostPattern, Network } from './addresses.ts';
import { parseTarget } from './addresses.ts';
import type { BoundAddresses, ParentUrl } from './parent-url.ts';

export interface ParentConfig {
  url: ParentUrl;
  /** Host patterns. */
  hosts: string[];
  noProxy: (Network | HostPattern)[];
  /** File with `user:password`; null: those of the URL. */
  credentials: string | null;
  /** PEM files. */
  ca: string[];
}

export interface DnsConfig {
  /** `address` or `address:port`; empty: the system's resolver. */
  servers: string[];
  family: 'any' | 'ipv4' | 'ipv6';
  timeoutMs: number;
  minTtlMs: number;
  maxTtlMs: number;
  systemTtlMs: number;
  negativeTtlMs: number;
  entries: number;
}

export interface ClientCertificateConfig {
  hosts: string[];
  /** PEM files. */
  cert: string;
  key: string;
  passphrase: string | null;
}

export interface WaysOutConfig {
  /** Parent proxies in order. */
  proxy: ParentConfig[];
  bind: BoundAddresses;
  dns: DnsConfig;
  clientCertificates: ClientCertificateConfig[];
}

export interface TargetsConfig {
  deny: (Network | HostPattern)[];
  allow: (Network | HostPattern)[];
}

/** proxy.upstream as the schema has read it. */
interface Checked {
  proxy: ParentConfig[];
  bind: BoundAddresses;
  dns: {
    servers: string[];
    family: DnsConfig['family'];
    timeout: number;
    minTtl: number;
    maxTtl: number;
    systemTtl: number;
    negativeTtl: number;
    entries: number;
  };
  clientCertificates: ClientCertificateConfig[];
}

/**
 * What clients that are not on this machine may not reach unless the configuration says so: this machine,
 * link-local addresses, and where clouds tell a machine its secrets.
 */
export const DEFAULT_DENIED: readonly string[] = [
  '127.0.0.0/8',
  '::1',
  'localhost',
  '*.localhost',
  '0.0.0.0/8',
  '::',
  '169.254.0.0/16', // with 169.254.169.254: AWS, Azure, Google, …
  'fe80::/10',
  'fd00:ec2::/32', // AWS
  'fd20:ce::254', // Google
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure
  '192.0.0.192', // Oracle
  'metadata.google.internal',
];

export function resolveWaysOut(upstream: Checked, absolute: (file: string) => string): WaysOutConfig {
  const { servers, family, timeout, minTtl, maxTtl, systemTtl, negativeTtl, entries } = upstream.dns;
  return {
    proxy: upstream.proxy.map((parent) => ({
      ...parent,
      credentials: parent.credentials === null ? null : absolute(parent.credentials),
      ca: parent.ca.map(absolute),
    })),
    bind: upstream.bind,
    dns: {
      servers,
      family,
      timeoutMs: timeout,
      minTtlMs: Math.min(minTtl, maxTtl),
      maxTtlMs: maxTtl,
      systemTtlMs: systemTtl,
      negativeTtlMs: negativeTtl,
      entries,
    },
    clientCertificates: upstream.clientCertificates.map((entry) => ({
      ...entry,
      cert: absolute(entry.cert),
      key: absolute(entry.key),
    })),
  };
}

/** @param isExposed  a listener of the proxy can be reached from other machines */
export function resolveTargets(
  { deny, allow }: { deny: TargetsConfig['deny'] | null; allow: TargetsConfig['allow'] },
  isExposed: boolean,
): TargetsConfig {
  return { deny: deny ?? (isExposed ? DEFAULT_DENIED.map(parseTarget) : []), allow };
}

/** True for an address that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

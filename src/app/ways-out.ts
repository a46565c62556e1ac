// From the configuration's ways to origins to the connector's options: files are read and tried here, so that
// a wrong one stops a start or a reload and not the first connection.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BlockList } from 'node:net';
import { rootCertificates } from 'node:tls';
import type { HostPattern, Network } from '../config/addresses.ts';
import { parseCredentials } from '../config/parent-url.ts';
import type { UpstreamConfig } from '../config/types.ts';
import type { ClientCertificateConfig, DnsConfig, ParentConfig, TargetsConfig } from '../config/ways-out.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { ClientCertificate } from '../proxy/origin/origin-tls.ts';
import type { ParentOptions } from '../proxy/origin/parents.ts';
import type { ResolverOptions } from '../proxy/origin/resolver.ts';
import type { TargetPolicyOptions, Targets } from '../proxy/target-policy.ts';

export interface WaysOut {
  readonly parents: readonly ParentOptions[];
  readonly dns: ResolverOptions;
  readonly clientCertificates: readonly ClientCertificate[];
  /** Differs where what the files hold differs. */
  readonly key: readonly unknown[];
}

/**
 * Reads the files that ways to origins need.
 * @param ca  what vouches for origins, from proxy.upstream.trust; null: Node's own roots
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`: a file; `ERR_CONFIG_VALUE`: what is in it
 */
export function readWaysOut(upstream: UpstreamConfig, ca: readonly string[] | null): WaysOut {
  const parents = upstream.proxy.map((parent, index) =>
    parentOf(parent, `proxy.upstream.proxy[${index}]`, ca),
  );
  const clientCertificates = upstream.clientCertificates.map((entry, index) =>
    certificateOf(entry, `proxy.upstream.clientCertificates[${index}]`),
  );
  const files = parents.map((parent) => ({ credentials: parent.credentials, ca: parent.ca }));
  return { parents, dns: dnsOf(upstream.dns), clientCertificates, key: [files, clientCertificates] };
}

export function targetPolicyOf({ deny, allow }: TargetsConfig): TargetPolicyOptions {
  return { deny: targetsOf(deny), allow: targetsOf(allow) };
}

/** Paths of all files that are read. */
export function filesOfWaysOut({ proxy, clientCertificates }: UpstreamConfig): string[] {
  return [
    ...proxy.flatMap(({ credentials, ca }) => [...(credentials === null ? [] : [credentials]), ...ca]),
    ...clientCertificates.flatMap(({ cert, key }) => [cert, key]),
  ];
}

function parentOf(
  { url, hosts, noProxy, credentials: file, ca: files }: ParentConfig,
  path: string,
  trust: readonly string[] | null,
): ParentOptions {
  const { scheme, host, port, user, password } = url;
  const own = files.map((pem) => contentOf(pem, `${path}.ca`));
  return {
    scheme,
    host,
    port,
    credentials:
      file !== null
        ? credentialsIn(file, `${path}.credentials`)
        : user === null || password === null
          ? null
          : { user, password },
    hosts,
    except: targetsOf(noProxy),
    ca: own.length === 0 ? trust : [...(trust ?? rootCertificates), ...own],
  };
}

function credentialsIn(file: string, path: string): { user: string; password: string } {
  const credentials = parseCredentials(contentOf(file, path));
  if (credentials !== null) return credentials;
  const text = `${path}: ${file} has no user:password on its first line`;
  throw new ConfigError('ERR_CONFIG_VALUE', text, { path: file });
}

function certificateOf(
  { hosts, cert: certFile, key: keyFile, passphrase }: ClientCertificateConfig,
  path: string,
): ClientCertificate {
  const cert = contentOf(certFile, `${path}.cert`);
  const key = contentOf(keyFile, `${path}.key`);
  try {
    const privateKey = createPrivateKey({ key, ...(passphrase === null ? {} : { passphrase }) });
    if (!new X509Certificate(cert).checkPrivateKey(privateKey)) throw new Error('the key is that of another');
  } catch (error) {
    const text = `${path}: ${certFile} and ${keyFile} cannot be used together: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_VALUE', text, { path: certFile }, error);
  }
  return { hosts, cert, key, passphrase };
}

function dnsOf(dns: DnsConfig): ResolverOptions {
  const { servers, family, timeoutMs, entries } = dns;
  return {
    servers,
    family,
    timeoutMs,
    ttl: {
      minMs: dns.minTtlMs,
      maxMs: dns.maxTtlMs,
      unknownMs: dns.systemTtlMs,
      negativeMs: dns.negativeTtlMs,
    },
    maxEntries: entries,
  };
}

function targetsOf(entries: readonly (Network | HostPattern)[]): Targets {
  const networks = new BlockList();
  const hosts: string[] = [];
  for (const entry of entries) {
    if (entry.kind === 'host') hosts.push(entry.pattern);
    else networks.addSubnet(entry.address, entry.prefix, entry.family);
  }
  return { networks, hosts };
}

function contentOf(file: string, path: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `${path}: ${messageOf(error)}`, { path: file }, error);
  }
}

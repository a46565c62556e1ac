// Certificates of the proxy's own listeners: PEM files, or one of our own authority, made for the names of
// this machine and renewed every day. Speaking TLS with them is proxy/entrance/tls-stage.ts.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { CertificateAuthority } from '../ca/authority.ts';
import { mintLeaf, processLeafKey } from '../ca/leaf.ts';
import { ConfigError, messageOf, reasonOf } from '../errors.ts';
import type { TlsMaterial } from '../icap/server/tls-files.ts';
import { readTlsFiles } from '../icap/server/tls-files.ts';
import type { EntranceOptions } from '../proxy/entrance/entrance.ts';
import type { ListenerTls, TlsSource } from '../proxy/entrance/tls-stage.ts';
import { TLS_SERVER_SETTINGS } from '../tls/server-settings.ts';
import { formatAuthority, parseHost } from '../util/authority.ts';
import { plainAddress } from '../util/networks.ts';

const RENEW_AFTER_MS = 24 * 3_600_000;
const MAX_NAMES = 50;
const EVERY_ADDRESS = ['0.0.0.0', '::'];

/** @param authority  signs certificates of listeners without files */
export function listenerTlsSource(
  authority: CertificateAuthority,
): (tls: ListenerTls, listener: EntranceOptions) => TlsSource {
  return (tls, { host, port }) => {
    const { files, clientCa } = tls;
    const where = formatAuthority(host, port);
    if (files !== null) {
      const read = (): TlsMaterial => {
        const material = readTlsFiles({ ...files, clientCa }, where, 'proxy listener');
        return { ...material, context: { ...material.context, ...TLS_SERVER_SETTINGS } };
      };
      return { read, renewAfterMs: null };
    }
    const read = (): TlsMaterial => {
      const key = processLeafKey();
      const cert = mintLeaf(authority, namesFor(authority, tls.names, host), key).pem + authority.chainPem;
      return {
        context: {
          cert,
          key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
          ...TLS_SERVER_SETTINGS,
          ca: clientCa === null ? [] : readCa(clientCa, where),
        },
        asksForCertificate: clientCa !== null,
        warnings: [],
      };
    };
    return { read, renewAfterMs: RENEW_AFTER_MS };
  };
}

/** Names by which clients may know this machine, those that were given first. */
function namesFor(authority: CertificateAuthority, given: readonly string[], host: string): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((all = []) =>
    all.map(({ address }) => plainAddress(address)),
  );
  const listening = EVERY_ADDRESS.includes(host) ? [] : [host];
  const names = [...given, ...listening, hostname(), 'localhost', '127.0.0.1', '::1', ...addresses];
  const sound = names
    .flatMap((name) => parseHost(name)?.host ?? [])
    .filter((name) => authority.permits(name));
  const unique = [...new Set(sound)].slice(0, MAX_NAMES);
  if (unique.length > 0) return unique;
  const text = "proxy.listen: Weir's CA may certify no name of this machine: give tls.names, or cert and key";
  throw new ConfigError('ERR_CONFIG_VALUE', text);
}

/** @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE` */
function readCa(path: string, where: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const message = `proxy listener ${where}: client CA: ${messageOf(error)}`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', message, { path }, error);
  }
  try {
    new X509Certificate(text);
  } catch (error) {
    const message = `proxy listener ${where}: ${path}: expected a PEM file with a certificate (${reasonOf(error)})`;
    throw new ConfigError('ERR_CONFIG_VALUE', message, { path }, error);
  }
  return text;
}

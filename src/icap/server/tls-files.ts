// Certificate, key and client CA of an icaps listener, from files to what node:tls takes. Everything that
// would only show at the first handshake is found here, so that a bad set never replaces a good one.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { ConfigError, messageOf, reasonOf } from '../../errors.ts';

export interface TlsFiles {
  /** PEM file with the certificate chain, the server's own first. */
  readonly cert: string;
  /** PEM file with the private key. */
  readonly key: string;
  /** PEM file with the CAs of client certificates; null: none is asked for. */
  readonly clientCa: string | null;
}

export interface TlsMaterial {
  readonly context: SecureContextOptions;
  readonly asksForCertificate: boolean;
  /** Worth telling the operator, e.g. that others may read the key. */
  readonly warnings: readonly string[];
}

/**
 * Reads and tries the files of one listener.
 *
 * @param address  names the listener in messages, e.g. `127.0.0.1:11344`
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`; `ERR_CONFIG_VALUE`: no certificate or key in it, an
 *         encrypted key, or a key of another certificate
 */
export function readTlsFiles(
  files: TlsFiles,
  address: string,
  what = 'icaps listener',
  now = new Date(),
): TlsMaterial {
  const where = `${what} ${address}`;
  const warnings: string[] = [];
  const cert = readText(files.cert, `${where}: certificate`);
  const key = readText(files.key, `${where}: key`);
  const clientCa = files.clientCa === null ? null : readText(files.clientCa, `${where}: client CA`);
  const certificate = parsed(where, files.cert, 'certificate', () => new X509Certificate(cert));
  const privateKey = parsed(where, files.key, 'private key without a passphrase', () =>
    createPrivateKey(key),
  );
  if (!certificate.checkPrivateKey(privateKey)) {
    throw refused(where, files.key, `the key does not belong to the certificate in ${files.cert}`);
  }
  if (clientCa !== null) parsed(where, files.clientCa!, 'certificate', () => new X509Certificate(clientCa));
  if (new Date(certificate.validTo) < now) {
    warnings.push(`${where}: ${files.cert} has expired on ${certificate.validTo}`);
  }
  if ((statSync(files.key).mode & 0o077) !== 0) {
    warnings.push(`${where}: ${files.key} can be read by other users: chmod 600 it`);
  }
  const context: SecureContextOptions = {
    cert,
    key,
    minVersion: 'TLSv1.2',
    ...(clientCa === null ? {} : { ca: clientCa }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw refused(where, files.cert, reasonOf(error), error);
  }
  return { context, asksForCertificate: clientCa !== null, warnings };
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `${what}: ${messageOf(error)}`, { path }, error);
  }
}

function parsed<T>(where: string, path: string, what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw refused(where, path, `expected a PEM file with a ${what} (${reasonOf(error)})`, error);
  }
}

function refused(where: string, path: string, what: string, cause?: unknown): ConfigError {
  return new ConfigError('ERR_CONFIG_VALUE', `${where}: ${path}: ${what}`, { path }, cause);
}

// Helpers of the CA tests: temporary folders, certificate authorities made by openssl, and its verdict.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), 'weir-ca-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Runs openssl; rejects with its output when it fails. */
export async function openssl(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('openssl', args);
  return stdout + stderr;
}

export interface PemPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * A certificate made by openssl.
 *
 * @param newKey  value of `-newkey` and what belongs to it, e.g. `['rsa:2048']`
 * @param issuer  signs it; itself when missing
 * @param ca  whether it is a CA
 */
export async function opensslCertificate(
  options: { newKey?: string[]; issuer?: PemPair; ca?: boolean; subject?: string; days?: number } = {},
): Promise<PemPair> {
  const { newKey = EC, issuer, ca = true, subject = '/O=Example/CN=Example CA', days = 30 } = options;
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const args = ['req', '-x509', '-nodes', '-newkey', ...newKey, '-keyout', at('key'), '-out', at('pem')];
  args.push('-subj', subject, '-days', String(days));
  // Without a configuration file of its own, openssl would add the extensions of the system's.
  await writeFile(at('cnf'), '[req]\ndistinguished_name=dn\n[dn]\n');
  args.push('-config', at('cnf'), '-addext', `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`);
  args.push('-addext', 'subjectKeyIdentifier=hash');
  if (ca) args.push('-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  if (issuer !== undefined) {
    await writeFile(at('ca.pem'), issuer.certificatePem);
    await writeFile(at('ca.key'), issuer.keyPem);
    args.push('-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', 'authorityKeyIdentifier=keyid');
  }
  await openssl(...args);
  return { certificatePem: await readFile(at('pem'), 'utf8'), keyPem: await readFile(at('key'), 'utf8') };
}

export const EC = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Has openssl verify a server certificate for a name, as strictly as it can. Rejects when it refuses. */
export async function opensslVerify(
  rootPem: string,
  leafPem: string,
  name: string,
  intermediatesPem = '',
): Promise<string> {
  await using folder = await temporaryFolder();
  const at = (file: string): string => join(folder.path, file);
  await writeFile(at('root'), rootPem);
  await writeFile(at('leaf'), leafPem);
  await writeFile(at('between'), intermediatesPem);
  const untrusted = intermediatesPem === '' ? [] : ['-untrusted', at('between')];
  const isAddress = name.includes(':') || /^[\d.]+$/.test(name);
  return await openssl(
    ...[
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-no-CApath',
      '-no-CAstore',
      '-CAfile',
      at('root'),
    ],
    ...untrusted,
    ...[isAddress ? '-verify_ip' : '-verify_hostname', name, at('leaf')],
  );
}

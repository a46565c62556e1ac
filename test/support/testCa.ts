// The certificate authority of the test origins. Made with the openssl command and not with src/ca,
// so that a fault in our own certificates cannot make a test of them pass.

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { tempDir, tempDirForFile } from './tempDir.ts';

const run = promisify(execFile);
const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface TestCertificate {
  /** PEM, PKCS#8. */
  readonly key: string;
  /** PEM, the certificate alone. */
  readonly cert: string;
}

export interface IssueOptions {
  /** Validity from now on; 0 gives a certificate that has expired already. Default 2. */
  readonly days?: number;
}

export interface TestCa extends TestCertificate {
  /** File with `cert`, for `--cacert` and the like; lives until the test file ends. */
  readonly certPath: string;
  /** A P-256 certificate for these DNS names and IP addresses, for servers and clients. */
  issue(names: readonly string[], options?: IssueOptions): Promise<TestCertificate>;
}

/** A new CA that nobody trusts yet. */
export async function newTestCa(commonName = 'Weir test origins CA'): Promise<TestCa> {
  const folder = await tempDirForFile('weir-test-ca-');
  const keyPath = path.join(folder, 'ca.key');
  const certPath = path.join(folder, 'ca.pem');
  await run('openssl', [
    ...[
      'req',
      '-x509',
      ...EC_KEY,
      '-keyout',
      keyPath,
      '-out',
      certPath,
      '-days',
      '3',
      '-subj',
      `/CN=${commonName}`,
    ],
    ...['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  ]);
  return {
    certPath,
    key: await readFile(keyPath, 'utf8'),
    cert: await readFile(certPath, 'utf8'),
    issue: (names, options) => issue(keyPath, certPath, names, options),
  };
}

let shared: Promise<TestCa> | undefined;

/** The CA of this test file's origins, made at first use. */
export function testCa(): Promise<TestCa> {
  return (shared ??= newTestCa());
}

async function issue(
  caKeyPath: string,
  caPath: string,
  names: readonly string[],
  { days = 2 }: IssueOptions = {},
): Promise<TestCertificate> {
  await using folder = await tempDir();
  const keyPath = folder.join('leaf.key');
  const certPath = folder.join('leaf.pem');
  const requestPath = folder.join('leaf.csr');
  const subject = names.find((name) => name.length <= 64) ?? 'long name'; // limit of CN, RFC 5280
  await run('openssl', [
    'req',
    ...EC_KEY,
    '-keyout',
    keyPath,
    '-out',
    requestPath,
    '-subj',
    `/CN=${subject}`,
  ]);
  const extensions = folder.join('extensions');
  const subjectAltName = names.map((name) => `${isIP(name) === 0 ? 'DNS' : 'IP'}:${name}`).join(',');
  await writeFile(
    extensions,
    [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth,clientAuth',
      `subjectAltName=${subjectAltName}`,
    ].join('\n'),
  );
  await run('openssl', [
    ...['x509', '-req', '-in', requestPath, '-CA', caPath, '-CAkey', caKeyPath, '-days', String(days)],
    ...['-extfile', extensions, '-out', certPath],
  ]);
  return { key: await readFile(keyPath, 'utf8'), cert: await readFile(certPath, 'utf8') };
}

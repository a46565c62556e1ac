// Keys and certificates of the run, made with openssl: the origin's own CA, its certificates (ECDSA P-256)
// and the CA that Squid signs with (RSA-2048). Weir makes its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runTool } from '../host/requirements.ts';
import { ORIGIN_HOST } from '../works.ts';
import { BLOCK_SIZE, blockOf, uniqueName } from './names.ts';

const DAYS = '30';

export interface Certificates {
  /** The CA that vouches for the origin: PEM file. */
  readonly originCa: string;
  /** Folder of the origin's certificates: `default.pem`, and one `<block>.pem` for each block of names. */
  readonly folder: string;
  /** The key of all of them: PEM file. */
  readonly key: string;
}

function selfSigned(keyOptions: readonly string[], subject: string, key: string, certificate: string): void {
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
  runTool('openssl', [
    ...['req', '-x509', ...keyOptions, '-nodes', '-days', DAYS, '-subj', subject],
    ...extensions.flatMap((extension) => ['-addext', extension]),
    ...['-keyout', key, '-out', certificate],
  ]);
}

/** Makes the CA that Squid signs its leafs with: a PEM file that holds certificate and key. */
export function makeProxyCa(folder: string): { certificate: string; key: string } {
  const certificate = join(folder, 'proxy-ca.pem');
  const key = join(folder, 'proxy-ca.key');
  selfSigned(['-newkey', 'rsa:2048'], '/CN=Bench proxy CA', key, certificate);
  return { certificate, key };
}

/**
 * Makes the origin's CA and certificates.
 *
 * @param folder  an existing empty folder
 * @param names  how many of the unique names must be vouched for, from the first on
 */
export function makeOriginCertificates(folder: string, names: number): Certificates {
  const ecdsa = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const originCa = join(folder, 'origin-ca.pem');
  const caKey = join(folder, 'origin-ca.key');
  selfSigned(ecdsa, '/CN=Bench origin CA', caKey, originCa);

  const key = join(folder, 'origin.key');
  const request = join(folder, 'origin.csr');
  runTool('openssl', ['req', ...ecdsa, '-nodes', '-subj', '/CN=bench', '-keyout', key, '-out', request]);

  const sign = (name: string, hosts: readonly string[]): void => {
    const extensions = join(folder, 'extensions.cnf');
    writeFileSync(extensions, `subjectAltName=${hosts.map((host) => `DNS:${host}`).join(',')}\n`);
    runTool('openssl', [
      ...['x509', '-req', '-in', request, '-CA', originCa, '-CAkey', caKey, '-CAcreateserial', '-days', DAYS],
      ...['-extfile', extensions, '-out', join(folder, `${name}.pem`)],
    ]);
  };
  sign('default', [ORIGIN_HOST]);
  for (let first = 0; first < names; first += BLOCK_SIZE) {
    const hosts = Array.from({ length: BLOCK_SIZE }, (_, offset) => uniqueName(first + offset));
    sign(blockOf(uniqueName(first)) as string, hosts);
  }
  return { originCa, folder, key };
}

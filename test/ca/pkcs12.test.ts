import { createPrivateKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { exportPkcs12 } from '../../src/ca/export.ts';
import { isPkcs12, readPkcs12 } from '../../src/ca/pkcs12.ts';
import type { PemPair } from './pki.ts';
import { EC, openssl, opensslCertificate, temporaryFolder } from './pki.ts';

/** A PKCS#12 file made by openssl. */
async function pkcs12(pair: PemPair, passphrase: string, more: string[] = [], above = ''): Promise<Buffer> {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  await writeFile(at('cert'), pair.certificatePem);
  await writeFile(at('key'), pair.keyPem);
  await writeFile(at('above'), above);
  const chain = above === '' ? [] : ['-certfile', at('above')];
  const files = ['-in', at('cert'), '-inkey', at('key'), ...chain, '-out', at('p12')];
  await openssl('pkcs12', '-export', ...files, '-passout', `pass:${passphrase}`, ...more);
  return await readFile(at('p12'));
}

describe.each([
  ['EC', EC],
  ['RSA', ['rsa:2048']],
])('a file with a key %s', (_, newKey) => {
  test.each([
    ['as openssl makes them today', []],
    ['as old programs make them', ['-legacy']],
    ['with an HMAC of SHA-1', ['-macalg', 'sha1']],
  ])('%s is read', async (__, more) => {
    const pair = await opensslCertificate({ newKey });
    const bytes = await pkcs12(pair, 's3cret', more);
    expect(isPkcs12(bytes)).toBe(true);
    const read = readPkcs12(bytes, 's3cret', 'file');
    expect(read.certificatePem).toBe(pair.certificatePem);
    expect(createPrivateKey(read.keyPem).equals(createPrivateKey(pair.keyPem))).toBe(true);
  });
});

test('the chain comes out in order, from the CA of the key upwards', async () => {
  const root = await opensslCertificate({ subject: '/CN=Root' });
  const upper = await opensslCertificate({ subject: '/CN=Upper', issuer: root });
  const lower = await opensslCertificate({ subject: '/CN=Lower', issuer: upper });
  const bytes = await pkcs12(lower, '', [], root.certificatePem + upper.certificatePem);
  expect(readPkcs12(bytes, null, 'file').certificatePem).toBe(
    lower.certificatePem + upper.certificatePem + root.certificatePem,
  );
});

test('what Weir exports it reads again', async () => {
  await using folder = await temporaryFolder();
  const { ca } = await CertificateAuthority.loadOrCreate(folder.path);
  const read = readPkcs12(exportPkcs12(ca, 'pass word'), 'pass word', 'file');
  expect(read.certificatePem).toBe(ca.certificatePem);
});

describe('is refused', () => {
  test('a wrong passphrase, with a code of its own', async () => {
    const bytes = await pkcs12(await opensslCertificate(), 'right');
    for (const wrong of ['wrong', null]) {
      expect(() => readPkcs12(bytes, wrong, 'ca.p12')).toThrow(
        expect.objectContaining({ code: 'ERR_CA_PASSPHRASE', message: expect.stringContaining('ca.p12') }),
      );
    }
  });

  test('what is no such file, or only a part of one', async () => {
    const bytes = await pkcs12(await opensslCertificate(), 'x');
    for (const broken of [
      Buffer.from([0x30, 0x03, 1, 2, 3]),
      bytes.subarray(0, 300),
      Buffer.alloc(64, 0x30),
    ]) {
      expect(() => readPkcs12(broken, 'x', 'file')).toThrow(
        expect.objectContaining({ code: 'ERR_CA_INVALID' }),
      );
    }
  });

  test('a file without a key', async () => {
    const bytes = await pkcs12(await opensslCertificate(), 'x', ['-nokeys']);
    expect(() => readPkcs12(bytes, 'x', 'file')).toThrow(/holds no private key/);
  });
});

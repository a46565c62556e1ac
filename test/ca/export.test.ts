import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe as suite, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { describe, exportDer, exportPkcs12 } from '../../src/ca/export.ts';
import { openssl, opensslCertificate, temporaryFolder } from './pki.ts';

suite.each(['ec', 'rsa'] as const)('a CA with an %s key', (keyType) => {
  test('is exported to DER', async () => {
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(folder.path, { keyType });
    expect(new X509Certificate(exportDer(ca)).fingerprint256).toBe(ca.fingerprint256);
  });

  test('is exported to PKCS#12 that openssl reads with the right password only', async () => {
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(folder.path, { keyType });
    for (const password of ['s3cret', 'pä ß', '']) {
      const path = join(folder.path, 'ca.p12');
      await writeFile(path, exportPkcs12(ca, password));
      const text = await openssl('pkcs12', '-in', path, '-nodes', '-info', '-passin', `pass:${password}`);
      expect(text).toMatch(/MAC: sha256, Iteration 2048/i);
      expect(text).toMatch(/Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC/);
      expect(new X509Certificate(text.slice(text.indexOf('-----BEGIN C'))).fingerprint256).toBe(
        ca.fingerprint256,
      );
      const key = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/.exec(text)?.[0] ?? '';
      expect(createPrivateKey(key).equals(ca.key)).toBe(true);
      await expect(openssl('pkcs12', '-in', path, '-nodes', '-passin', 'pass:wrong')).rejects.toThrow(
        /invalid password/i,
      );
    }
  });

  test('is described', async () => {
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(folder.path, { keyType });
    expect(describe(ca)).toEqual({
      subject: expect.stringMatching(/^CN=Weir CA, /) as unknown as string,
      fingerprint: ca.fingerprint256,
      notBefore: ca.notBefore,
      notAfter: ca.notAfter,
      keyType: keyType === 'ec' ? 'EC P-256' : 'RSA 2048',
    });
  });
});

test('an imported CA is described by its own subject and key', async () => {
  await using folder = await temporaryFolder();
  const pair = await opensslCertificate({
    newKey: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    subject: '/O=Example, Inc./CN=CA',
  });
  const ca = await CertificateAuthority.import(folder.path, pair);
  expect(describe(ca)).toMatchObject({ subject: 'O=Example, Inc., CN=CA', keyType: 'EC P-384' });
});

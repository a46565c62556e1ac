import { createPublicKey, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

import { beforeAll, describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import type { Leaf } from '../../src/ca/leaf.ts';
import { leafName, mintLeaf, processLeafKey } from '../../src/ca/leaf.ts';
import type { PemPair } from './pki.ts';
import { EC, openssl, opensslCertificate, opensslVerify, temporaryFolder } from './pki.ts';

const DAY_MS = 86_400_000;
const LONG_NAME = `${'a'.repeat(44)}.${'b'.repeat(43)}.example.com`;
const NAMES = [
  'example.com',
  'a_b.example.com',
  'xn--bcher-kva.example',
  LONG_NAME,
  '192.0.2.1',
  '2001:db8::1',
  '::1',
  '1:2:3:4:5:6:7:8',
  '::ffff:192.0.2.1',
];

const key = processLeafKey();
const authorities: Record<string, { ca: CertificateAuthority; rootPem: string }> = {};
let own: CertificateAuthority;

async function authority(
  pair: PemPair | null,
  root?: PemPair,
): Promise<{ ca: CertificateAuthority; rootPem: string }> {
  await using folder = await temporaryFolder();
  const ca =
    pair === null
      ? (await CertificateAuthority.loadOrCreate(folder.path)).ca
      : await CertificateAuthority.import(folder.path, pair);
  return { ca, rootPem: root?.certificatePem ?? ca.certificatePem };
}

beforeAll(async () => {
  const root = await opensslCertificate({ subject: '/C=XX/O=Example/CN=Root' });
  authorities['own EC'] = await authority(null);
  authorities['imported RSA'] = await authority(await opensslCertificate({ newKey: ['rsa:2048'] }));
  authorities['imported P-384'] = await authority(
    await opensslCertificate({ newKey: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] }),
  );
  // A name with other string types and several parts shows that the issuer is copied, not rebuilt.
  const between = { subject: '/C=XX/ST=Zürich/O=Ünïcode/OU=a+b/emailAddress=a@b.example/CN=Between' };
  authorities['imported intermediate'] = await authority(
    await opensslCertificate({ ...between, newKey: EC, issuer: root }),
    root,
  );
  own = authorities['own EC'].ca;
});

describe.each(['own EC', 'imported RSA', 'imported P-384', 'imported intermediate'])(
  'a leaf of the %s CA',
  (kind) => {
    test('is accepted by openssl for each kind of name, and only for its name', async () => {
      const { ca, rootPem } = authorities[kind] as { ca: CertificateAuthority; rootPem: string };
      const verified = (name: string, asked: string): Promise<string> =>
        opensslVerify(rootPem, mintLeaf(ca, [name], key).pem, asked, ca.chainPem);
      for (const name of NAMES) expect(await verified(name, name)).toMatch(/OK/);
      await expect(verified('example.com', 'www.example.com')).rejects.toThrow(/hostname mismatch/i);
      await expect(verified('192.0.2.1', '192.0.2.2')).rejects.toThrow(/IP address mismatch/i);
      await expect(verified('::1', '::2')).rejects.toThrow(/IP address mismatch/i);
    });

    test('is issued and signed by it', () => {
      const { ca } = authorities[kind] as { ca: CertificateAuthority };
      for (const name of NAMES) {
        const x509 = new X509Certificate(mintLeaf(ca, [name], key).der);
        expect(x509.checkIssued(ca.x509)).toBe(true);
        expect(x509.verify(ca.x509.publicKey)).toBe(true);
        expect(x509.checkPrivateKey(key.privateKey)).toBe(true);
        expect(x509.ca).toBe(false);
        expect(/^[\d.]+$|:/.test(name) ? x509.checkIP(name) : x509.checkHost(name)).toBeDefined();
      }
    });
  },
);

describe('a leaf', () => {
  const parsed = (leaf: Leaf): X509Certificate => new X509Certificate(leaf.der);

  test('lives for 45 days, one of them in the past', () => {
    const now = Date.now();
    const leaf = mintLeaf(own, ['example.com'], key, now);
    const x509 = parsed(leaf);
    expect(Math.floor(now / 1000) * 1000 - Date.parse(x509.validFrom)).toBe(DAY_MS);
    expect(Date.parse(x509.validTo) - Date.parse(x509.validFrom)).toBeLessThanOrEqual(45 * DAY_MS);
    expect(Date.parse(x509.validTo) - now).toBeGreaterThan(43 * DAY_MS);
    expect(Math.floor(leaf.notAfter.getTime() / 1000)).toBe(Date.parse(x509.validTo) / 1000);
  });

  test('never outlives its CA, and is not made by an expired one', () => {
    const end = own.notAfter.getTime();
    const leaf = mintLeaf(own, ['example.com'], key, end - DAY_MS);
    expect(leaf.notAfter).toEqual(own.notAfter);
    expect(Date.parse(parsed(leaf).validTo)).toBe(end);
    expect(() => mintLeaf(own, ['example.com'], key, end + 1)).toThrow(
      expect.objectContaining({ code: 'ERR_CA_INVALID' }),
    );
  });

  test('after 2049 has its times in the other ASN.1 type', async () => {
    const pair = await opensslCertificate({ days: 15_000 });
    const { ca } = await authority(pair);
    const x509 = parsed(mintLeaf(ca, ['example.com'], key, Date.UTC(2049, 11, 20)));
    expect(x509.validFrom).toBe('Dec 19 00:00:00 2049 GMT');
    expect(x509.validTo).toBe('Feb  2 00:00:00 2050 GMT');
  });

  test('has a random positive serial of 128 bits', () => {
    const serials = Array.from(
      { length: 200 },
      () => parsed(mintLeaf(own, ['example.com'], key)).serialNumber,
    );
    expect(new Set(serials).size).toBe(serials.length);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
  });

  test('has the extensions that browsers ask for, and no others', async () => {
    const { pem } = mintLeaf(own, ['example.com'], key);
    await using folder = await temporaryFolder();
    await writeFile(`${folder.path}/leaf`, pem);
    const text = await openssl('x509', '-in', `${folder.path}/leaf`, '-noout', '-text');
    const extensions = text.slice(
      text.indexOf('X509v3 extensions:'),
      text.indexOf('Signature Algorithm', 500),
    );
    expect(extensions.replace(/\s+/g, ' ')).toMatch(
      /^X509v3 extensions: X509v3 Subject Alternative Name: DNS:example\.com X509v3 Authority Key Identifier: [0-9A-F:]+ X509v3 Basic Constraints: critical CA:FALSE X509v3 Key Usage: critical Digital Signature X509v3 Extended Key Usage: TLS Web Server Authentication $/,
    );
    expect(text).toMatch(/Signature Algorithm: ecdsa-with-SHA256/);
  });

  test('has a common name of at most 64 characters, otherwise an empty subject and a critical SAN', async () => {
    const short = `${'a'.repeat(52)}.example.com`;
    expect(short).toHaveLength(64);
    expect(parsed(mintLeaf(own, [short], key)).subject).toBe(`CN=${short}`);
    await using folder = await temporaryFolder();
    for (const name of [`a${short}`, '*.example.com']) {
      const leaf = mintLeaf(own, [name], key);
      expect(parsed(leaf).subject).toBeFalsy();
      await writeFile(`${folder.path}/leaf`, leaf.pem);
      const text = await openssl('x509', '-in', `${folder.path}/leaf`, '-noout', '-text');
      expect(text).toMatch(/Subject Alternative Name: critical/);
    }
  });

  test('bears several names once each, the wildcard too', () => {
    const x509 = parsed(
      mintLeaf(own, ['Example.com', '*.example.com', 'example.com.', '10.0.0.1', '::1'], key),
    );
    expect(x509.subjectAltName).toBe(
      'DNS:example.com, DNS:*.example.com, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1',
    );
    expect(x509.checkHost('www.example.com')).toBe('*.example.com');
  });

  test('uses a P-256 key that is not the CA’s', () => {
    expect(key.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    expect(key.publicKey.equals(createPublicKey(own.key))).toBe(false);
    expect(processLeafKey()).toBe(key);
  });
});

describe('ERR_TLS_NAME', () => {
  test.each([
    [''],
    ['exa mple.com'],
    ['example.com\0.evil.example'],
    ['../../etc/passwd'],
    ['example.com/x'],
    ['example.com:443'],
    ['a..b'],
    ['.'],
    ['-a.example'],
    ['bücher.example'],
    ['127.1'],
    ['[::1]'],
    ['fe80::1%eth0'],
    ['*'],
    ['*.'],
    ['*.*.example.com'],
    ['w*.example.com'],
    ['*.10.0.0.1'],
    [`*.${'a.'.repeat(126)}b`],
    ['a'.repeat(64)],
    [`${'a.'.repeat(126)}bc`],
  ])('meets %j', (name) => {
    expect(() => mintLeaf(own, [name], key)).toThrow(expect.objectContaining({ code: 'ERR_TLS_NAME' }));
  });

  test('meets no name at all, and more than a hundred', () => {
    const many = Array.from({ length: 101 }, (_, i) => `host${i}.example`);
    for (const names of [[], many]) {
      expect(() => mintLeaf(own, names, key)).toThrow(/1 to 100 names/);
    }
    expect(mintLeaf(own, many.slice(1), key).der.length).toBeGreaterThan(1_500);
  });

  test('leafName brings names to one form', () => {
    expect(['WWW.Example.COM.', '*.Example.com', '2001:DB8::1', 'A_b.c'].map(leafName)).toEqual([
      'www.example.com',
      '*.example.com',
      '2001:db8::1',
      'a_b.c',
    ]);
  });
});

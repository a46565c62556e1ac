import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { pemBlocks } from '../../src/ca/bundle.ts';
import { mintLeaf, processLeafKey } from '../../src/ca/leaf.ts';
import { makeRoot } from '../../src/ca/root.ts';
import {
  beginRotation,
  cancelRotation,
  completeRotation,
  dropFormer,
  nextCa,
} from '../../src/ca/rotation.ts';
import type { TemporaryFolder } from './pki.ts';
import { opensslCertificate, opensslVerify, temporaryFolder } from './pki.ts';

const HOUR_MS = 3_600_000;

interface Rotating extends TemporaryFolder {
  readonly before: CertificateAuthority;
  readonly next: { readonly certificatePem: string; readonly keyPem: string };
}

/** A folder with a CA, and another that takes over at that time from now. */
async function rotating(inMs: number): Promise<Rotating> {
  const folder = await temporaryFolder();
  const { ca: before } = await CertificateAuthority.loadOrCreate(folder.path);
  const next = await makeRoot();
  await beginRotation(folder.path, next, Date.now() + inMs);
  return Object.assign(folder, { before, next });
}

const bundleOf = async (folder: TemporaryFolder): Promise<string[]> =>
  pemBlocks(await readFile(join(folder.path, 'ca.pem'), 'latin1'));

describe('a CA that waits', () => {
  test('is in ca.pem already, while the one in use goes on signing', async () => {
    await using folder = await rotating(HOUR_MS);
    const ca = await CertificateAuthority.load(folder.path);
    expect(ca.fingerprint256).toBe(folder.before.fingerprint256);
    expect(ca.chainPem).toBe('');
    expect((await bundleOf(folder)).map((pem) => `${pem}\n`)).toEqual([
      folder.before.certificatePem,
      folder.next.certificatePem,
    ]);
    expect(ca.trustPem).toBe(folder.before.certificatePem + folder.next.certificatePem);
    expect((await nextCa(folder.path))!.activeFrom).toBeGreaterThan(Date.now());
  });

  test('takes over on its day, and clients that trust ca.pem accept leafs of both', async () => {
    await using folder = await rotating(-1);
    const bundle = await readFile(join(folder.path, 'ca.pem'), 'latin1');
    const oldLeaf = mintLeaf(folder.before, ['example.com'], processLeafKey());
    const ca = await CertificateAuthority.load(folder.path);
    expect(ca.certificatePem).toBe(folder.next.certificatePem);
    expect(ca.trustPem).toBe(folder.next.certificatePem + folder.before.certificatePem);
    const newLeaf = mintLeaf(ca, ['example.com'], processLeafKey());
    for (const trusted of [bundle, ca.trustPem]) {
      for (const { pem } of [oldLeaf, newLeaf]) {
        expect(await opensslVerify(trusted, pem, 'example.com')).toMatch(/OK/);
      }
    }
    expect((await readdir(folder.path)).sort()).toEqual(['ca.key', 'ca.pem']);
  });

  test('takes over once, however many look at the same time', async () => {
    await using folder = await rotating(-1);
    const loaded = await Promise.all(Array.from({ length: 6 }, () => CertificateAuthority.load(folder.path)));
    expect(new Set(loaded.map(({ certificatePem }) => certificatePem))).toEqual(
      new Set([folder.next.certificatePem]),
    );
    expect(await bundleOf(folder)).toHaveLength(2);
  });

  test('takes over at the next start, where a crash has left only its key in place', async () => {
    await using folder = await rotating(-1);
    await writeFile(join(folder.path, 'ca.key'), folder.next.keyPem);
    const ca = await CertificateAuthority.load(folder.path);
    expect(ca.certificatePem).toBe(folder.next.certificatePem);
  });

  test('does not make room for a third one', async () => {
    await using folder = await rotating(HOUR_MS);
    await expect(beginRotation(folder.path, await makeRoot(), Date.now())).rejects.toMatchObject({
      code: 'ERR_CA_INVALID',
      message: expect.stringMatching(/waits already/) as unknown,
    });
  });

  test('can be given up', async () => {
    await using folder = await rotating(HOUR_MS);
    expect(await cancelRotation(folder.path)).toBe(true);
    expect(await bundleOf(folder)).toHaveLength(1);
    expect((await readdir(folder.path)).sort()).toEqual(['ca.key', 'ca.pem']);
    expect(await cancelRotation(folder.path)).toBe(false);
  });
});

test('a former CA is published until it is dropped', async () => {
  await using folder = await rotating(-1);
  await completeRotation(folder.path, Date.now());
  const dropped = await dropFormer(folder.path);
  expect(dropped.map(({ fingerprint256 }) => fingerprint256)).toEqual([folder.before.fingerprint256]);
  const ca = await CertificateAuthority.load(folder.path);
  expect(ca.trustPem).toBe(folder.next.certificatePem);
  expect(await dropFormer(folder.path)).toEqual([]);
});

test('a CA that an imported one replaces stays published as well', async () => {
  await using folder = await temporaryFolder();
  const { ca: before } = await CertificateAuthority.loadOrCreate(folder.path);
  const root = await opensslCertificate({ subject: '/CN=Root' });
  const between = await opensslCertificate({ subject: '/CN=Between', issuer: root });
  const pems = { certificatePem: between.certificatePem + root.certificatePem, keyPem: between.keyPem };
  const ca = await CertificateAuthority.import(folder.path, pems, { replace: true });
  expect(ca.chainPem.trim()).toBe(between.certificatePem.trim());
  expect(pemBlocks(ca.trustPem).map((pem) => `${pem}\n`)).toEqual([
    root.certificatePem,
    before.certificatePem,
  ]);
});

test('a waiting CA without its date is refused', async () => {
  await using folder = await rotating(HOUR_MS);
  await writeFile(join(folder.path, 'next.pem'), folder.next.certificatePem);
  await expect(CertificateAuthority.load(folder.path)).rejects.toMatchObject({
    code: 'ERR_CA_INVALID',
    message: expect.stringMatching(/does not say when/) as unknown,
  });
});

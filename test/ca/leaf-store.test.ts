import { X509Certificate } from 'node:crypto';
import { appendFile, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SecureContext } from 'node:tls';

import { beforeAll, describe, expect, test } from '@jest/globals';

import { CertificateAuthority } from '../../src/ca/authority.ts';
import { LeafContexts } from '../../src/ca/leaf-cache.ts';
import { LeafKeys } from '../../src/ca/leaf-keys.ts';
import { LeafStore } from '../../src/ca/leaf-store.ts';
import { temporaryFolder } from './pki.ts';

let ca: CertificateAuthority;
let other: CertificateAuthority;

beforeAll(async () => {
  await using one = await temporaryFolder();
  await using two = await temporaryFolder();
  ({ ca } = await CertificateAuthority.loadOrCreate(one.path));
  ({ ca: other } = await CertificateAuthority.loadOrCreate(two.path));
});

interface Run extends AsyncDisposable {
  readonly contexts: LeafContexts;
  readonly store: LeafStore;
  readonly warnings: string[];
}

/** What a Weir with that folder has after its start; what it writes is written when it is disposed of. */
async function started(
  folder: string,
  options: { by?: CertificateAuthority; max?: number; now?: number } = {},
): Promise<Run> {
  const { by = ca, max = 100, now } = options;
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const keys = await LeafKeys.open({ folder, passphrase: null, warn });
  const store = await LeafStore.open({ folder, caFingerprint: by.fingerprint256, max, warn });
  const clock = now === undefined ? {} : { now: () => now };
  const contexts = new LeafContexts(by, { keys, store, wildcards: true, ...clock });
  return { contexts, store, warnings, [Symbol.asyncDispose]: () => contexts.close() };
}

/** The leaf of a context, as it would be sent. */
function leafOf(context: SecureContext): X509Certificate {
  const { context: inner } = context;
  return new X509Certificate(inner.getCertificate());
}

const leafsPath = (folder: string): string => join(folder, 'leafs');

describe('after a restart', () => {
  test('clients meet the same leafs, ECDSA and RSA', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    const names = ['www.example.com', 'intranet', '192.0.2.1'];
    const before = names.map((name) => leafOf(first.contexts.contextFor(name)).fingerprint256);
    const rsa = leafOf((await first.contexts.rsaLeafFor('www.example.com'))()).fingerprint256;
    await first.contexts.close();
    await using second = await started(folder.path);
    expect(second.store.size).toBe(4);
    expect(names.map((name) => leafOf(second.contexts.contextFor(name)).fingerprint256)).toEqual(before);
    expect(leafOf((await second.contexts.rsaLeafFor('example.com'))()).fingerprint256).toBe(rsa);
    expect(second.warnings).toEqual([]);
    const files = (await readdir(folder.path)).sort();
    expect(files).toEqual(['leaf-ec.key', 'leaf-rsa.key', 'leafs']);
    for (const file of files) expect((await stat(join(folder.path, file))).mode & 0o777).toBe(0o600);
  });

  test('leafs of another CA are forgotten', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    first.contexts.contextFor('example.com');
    await first.contexts.close();
    await using second = await started(folder.path, { by: other });
    expect(second.store.size).toBe(0);
    expect(leafOf(second.contexts.contextFor('example.com')).checkIssued(other.x509)).toBe(true);
  });

  test('a leaf older than a day is minted anew', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    const before = leafOf(first.contexts.contextFor('example.com')).fingerprint256;
    await first.contexts.close();
    await using second = await started(folder.path, { now: Date.now() + 25 * 3_600_000 });
    expect(leafOf(second.contexts.contextFor('example.com')).fingerprint256).not.toBe(before);
  });

  test('keys older than 90 days are replaced, and leafs for them do not count', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    const before = leafOf(first.contexts.contextFor('example.com'));
    await first.contexts.close();
    const longAgo = new Date(Date.now() - 91 * 86_400_000);
    await utimes(join(folder.path, 'leaf-ec.key'), longAgo, longAgo);
    await using second = await started(folder.path);
    const after = leafOf(second.contexts.contextFor('example.com'));
    expect(after.publicKey.equals(before.publicKey)).toBe(false);
  });

  test('at most so many are kept, the latest ones', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path, { max: 4 });
    for (let i = 0; i < 6; i++) first.contexts.contextFor(`host${i}.example${i}.com`);
    await first.contexts.close();
    await using second = await started(folder.path, { max: 4 });
    expect(second.store.size).toBe(4);
    await second.contexts.close();
    expect((await readFile(leafsPath(folder.path), 'utf8')).split('\n')).toHaveLength(6); // header, 4, end
  });

  test('a file that only grows is begun anew', async () => {
    await using folder = await temporaryFolder();
    await using run = await started(folder.path, { max: 2 });
    const { contexts, store } = run;
    for (let i = 0; i < 9; i++) {
      contexts.contextFor(`host.example${i}.com`);
      await store.flush();
    }
    expect((await readFile(leafsPath(folder.path), 'utf8')).trim().split('\n').length).toBeLessThanOrEqual(
      1 + 4,
    );
  });
});

describe('a file that is broken', () => {
  test.each([
    ['of another kind', '{"a":1}\n', /does not begin as/],
    ['with an endless line', `weir-leafs 1 x\n`.replace('x', 'F') + 'a'.repeat(200_000), /./],
    ['that is a folder', null, /EISDIR/],
  ])('%s is ignored, with a warning at most', async (_, content, warning) => {
    await using folder = await temporaryFolder();
    const { mkdir } = await import('node:fs/promises');
    if (content === null) await mkdir(leafsPath(folder.path));
    else await writeFile(leafsPath(folder.path), content);
    await using run = await started(folder.path);
    const { contexts, warnings } = run;
    expect(leafOf(contexts.contextFor('example.com')).subject).toBe('CN=example.com');
    await contexts.close();
    if (warnings.length > 0) expect(warnings[0]).toMatch(warning);
  });

  test('in one line loses that line only, and a changed leaf does not count', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    const [kept, changed] = ['one.com', 'two.com'].map((name) => leafOf(first.contexts.contextFor(name)));
    await first.contexts.close();
    const text = await readFile(leafsPath(folder.path), 'utf8');
    const lines = text
      .split('\n')
      .map((line) => (line.startsWith('ec *.two.com') ? line.replace(/.{4}(.{20})$/, 'AAAA$1') : line));
    await writeFile(leafsPath(folder.path), lines.join('\n'));
    await appendFile(leafsPath(folder.path), 'rubbish\nec three.com !!\nec four.com QUJD\nec fi');
    await using second = await started(folder.path);
    expect(leafOf(second.contexts.contextFor('one.com')).fingerprint256).toBe(kept!.fingerprint256);
    for (const name of ['two.com', 'three.com', 'four.com']) {
      const leaf = leafOf(second.contexts.contextFor(name));
      expect(leaf.verify(ca.x509.publicKey)).toBe(true);
      expect(leaf.fingerprint256).not.toBe(changed!.fingerprint256);
    }
  });

  test('gives no name another name’s leaf', async () => {
    await using folder = await temporaryFolder();
    await using first = await started(folder.path);
    first.contexts.contextFor('one.com');
    await first.contexts.close();
    const text = await readFile(leafsPath(folder.path), 'utf8');
    await writeFile(leafsPath(folder.path), text.replace('ec *.one.com', 'ec *.two.com'));
    await using second = await started(folder.path);
    expect(leafOf(second.contexts.contextFor('two.com')).subject).toBe('CN=two.com');
  });

  test('of a key is replaced, with a warning', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'leaf-ec.key'), 'nonsense');
    await using run = await started(folder.path);
    const { contexts, warnings } = run;
    contexts.contextFor('example.com');
    expect(warnings).toEqual([expect.stringMatching(/leaf-ec\.key cannot be used/)]);
  });
});

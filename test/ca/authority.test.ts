import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from '@jest/globals';

import { CertificateAuthority, subjectOf } from '../../src/ca/authority.ts';
import { EC, openssl, opensslCertificate, opensslVerify, temporaryFolder } from './pki.ts';

const DAY_MS = 86_400_000;
const run = promisify(execFile);

const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe.each(['ec', 'rsa'] as const)('a new CA with an %s key', (keyType) => {
  test('is a strict CA that names this machine and day, for ten years', async () => {
    await using folder = await temporaryFolder();
    const { ca, created } = await CertificateAuthority.loadOrCreate(folder.path, { keyType });
    expect(created).toBe(true);
    expect(ca.key.asymmetricKeyType).toBe(keyType);
    expect(ca.x509.ca).toBe(true);
    expect(ca.x509.verify(ca.x509.publicKey)).toBe(true);
    expect(subjectOf(ca.x509)).toMatch(/^CN=Weir CA, [A-Za-z0-9._-]+, \d{4}-\d\d-\d\d$/);
    expect(Date.now() - ca.notBefore.getTime()).toBeGreaterThanOrEqual(DAY_MS);
    expect(ca.notAfter.getTime() - ca.notBefore.getTime()).toBe(3_650 * DAY_MS);
    expect(ca.chainPem).toBe('');
    const text = await openssl('x509', '-in', ca.certificatePath, '-noout', '-text');
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\s/);
    expect(text).toMatch(/Subject Key Identifier:/);
    expect(
      await openssl('verify', '-x509_strict', '-CAfile', ca.certificatePath, ca.certificatePath),
    ).toMatch(/OK/);
  });

  test('is the same at the next start', async () => {
    await using folder = await temporaryFolder();
    const first = await CertificateAuthority.loadOrCreate(folder.path, { keyType });
    const second = await CertificateAuthority.loadOrCreate(folder.path);
    expect(second.created).toBe(false);
    expect(second.ca.fingerprint256).toBe(first.ca.fingerprint256);
    expect((await CertificateAuthority.load(folder.path)).certificatePem).toBe(first.ca.certificatePem);
  });
});

describe('the files', () => {
  test('are private where they must be, whatever the umask, and nothing else is left behind', async () => {
    await using folder = await temporaryFolder();
    const dir = join(folder.path, 'new', 'certs');
    const before = process.umask(0o077);
    try {
      const { ca } = await CertificateAuthority.loadOrCreate(dir);
      expect(await modeOf(dir)).toBe(0o700);
      expect(await modeOf(ca.keyPath)).toBe(0o600);
      expect(await modeOf(ca.certificatePath)).toBe(0o644);
      expect((await readdir(dir)).sort()).toEqual(['ca.key', 'ca.pem']);
      expect(await readFile(ca.certificatePath, 'utf8')).toBe(ca.certificatePem);
    } finally {
      process.umask(before);
    }
  });

  test('have the key tightened to 0600 when others could read it', async () => {
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(folder.path);
    await chmod(ca.keyPath, 0o644);
    await CertificateAuthority.load(folder.path);
    expect(await modeOf(ca.keyPath)).toBe(0o600);
  });

  test('give the same CA to everybody who starts at once in one process', async () => {
    await using folder = await temporaryFolder();
    const results = await Promise.all(
      Array.from({ length: 8 }, () => CertificateAuthority.loadOrCreate(folder.path)),
    );
    expect(new Set(results.map(({ ca }) => ca.fingerprint256)).size).toBe(1);
    expect(results.filter(({ created }) => created)).toHaveLength(1);
  });

  test('give the same CA to processes that start at once', async () => {
    await using folder = await temporaryFolder();
    const module = new URL('../../src/ca/authority.ts', import.meta.url).href;
    const program = `
      const { CertificateAuthority } = await import(${JSON.stringify(module)});
      const { ca, created } = await CertificateAuthority.loadOrCreate(process.argv[1]);
      console.log(JSON.stringify([ca.fingerprint256, created]));`;
    const args = ['--import', 'tsx', '--input-type=module', '-e', program, folder.path];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const outputs = await Promise.all([1, 2, 3].map(() => run(process.execPath, args, { env })));
    const results = outputs.map(({ stdout }) => JSON.parse(stdout) as [string, boolean]);
    expect(new Set(results.map(([fingerprint]) => fingerprint)).size).toBe(1);
    expect(results.filter(([, created]) => created)).toHaveLength(1);
    expect((await readdir(folder.path)).sort()).toEqual(['ca.key', 'ca.pem']);
  });

  test('are waited for when another process has written only the key so far', async () => {
    await using source = await temporaryFolder();
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(source.path);
    await writeFile(join(folder.path, 'ca.key'), await readFile(ca.keyPath));
    const loading = CertificateAuthority.loadOrCreate(folder.path);
    await writeFile(join(folder.path, 'ca.pem'), ca.certificatePem, { flag: 'wx' });
    const loaded = await loading;
    expect(loaded.created).toBe(false);
    expect(loaded.ca.fingerprint256).toBe(ca.fingerprint256);
  });
});

describe('an imported CA', () => {
  test.each([
    ['RSA 2048', ['rsa:2048']],
    ['EC P-256', EC],
    ['EC P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['EC P-521', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-521']],
  ])('with a key %s is stored and loaded again', async (_, newKey) => {
    await using folder = await temporaryFolder();
    const pair = await opensslCertificate({ newKey });
    const ca = await CertificateAuthority.import(join(folder.path, 'certs'), pair);
    expect(ca.x509.subject).toBe('O=Example\nCN=Example CA');
    expect(ca.chainPem).toBe('');
    expect(await modeOf(ca.keyPath)).toBe(0o600);
    const again = await CertificateAuthority.loadOrCreate(join(folder.path, 'certs'));
    expect(again.ca.fingerprint256).toBe(ca.fingerprint256);
  });

  test('below another one keeps its chain, without the root', async () => {
    await using folder = await temporaryFolder();
    const root = await opensslCertificate({ subject: '/CN=Root' });
    const between = await opensslCertificate({ subject: '/CN=Between', issuer: root });
    const bundle = between.certificatePem + root.certificatePem;
    const ca = await CertificateAuthority.import(folder.path, {
      certificatePem: bundle,
      keyPem: between.keyPem,
    });
    expect(ca.x509.subject).toBe('CN=Between');
    expect(ca.chainPem).toBe(ca.certificatePem);
    expect(ca.chainPem.trim()).toBe(between.certificatePem.trim());
    await expect(opensslVerify(root.certificatePem, ca.certificatePem, 'x')).rejects.toThrow(
      /hostname mismatch/i,
    );
  });

  test('may be imported twice, but never takes the place of another unasked', async () => {
    await using folder = await temporaryFolder();
    const { ca: own } = await CertificateAuthority.loadOrCreate(folder.path);
    const pair = await opensslCertificate();
    const importing = (): Promise<CertificateAuthority> => CertificateAuthority.import(folder.path, pair);
    await expect(importing()).rejects.toMatchObject({ code: 'ERR_CA_INVALID' });
    expect((await CertificateAuthority.load(folder.path)).fingerprint256).toBe(own.fingerprint256);
    const replaced = await CertificateAuthority.import(folder.path, pair, {
      replace: true,
    });
    expect(replaced.fingerprint256).not.toBe(own.fingerprint256);
    expect((await importing()).fingerprint256).toBe(replaced.fingerprint256);
    expect(await modeOf(replaced.keyPath)).toBe(0o600);
    expect((await readdir(folder.path)).sort()).toEqual(['ca.key', 'ca.pem']);
  });
});

describe('ERR_CA_INVALID', () => {
  const importing = async (certificatePem: string, keyPem: string): Promise<unknown> => {
    await using folder = await temporaryFolder();
    return await CertificateAuthority.import(folder.path, { certificatePem, keyPem });
  };
  const refused = (message: RegExp): object =>
    expect.objectContaining({
      code: 'ERR_CA_INVALID',
      message: expect.stringMatching(message),
    });

  test('meets a certificate that is not a CA', async () => {
    const pair = await opensslCertificate({ ca: false });
    await expect(importing(pair.certificatePem, pair.keyPem)).rejects.toEqual(refused(/is not a CA/));
  });

  test('meets the key of another certificate', async () => {
    const [one, two] = await Promise.all([opensslCertificate(), opensslCertificate()]);
    await expect(importing(one.certificatePem, two.keyPem)).rejects.toEqual(refused(/is not the key of/));
  });

  test('meets an expired CA, also one that expired since it was stored', async () => {
    await using folder = await temporaryFolder();
    const key = join(folder.path, 'ca.key');
    const dates = ['-not_before', '20200101000000Z', '-not_after', '20200201000000Z'];
    const config = join(folder.path, 'cnf');
    await writeFile(
      config,
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${folder.path}/db\nnew_certs_dir=${folder.path}\ndefault_md=sha256\n` +
        'policy=p\nx509_extensions=x\nrand_serial=yes\n[p]\ncommonName=supplied\n[x]\nbasicConstraints=critical,CA:TRUE\n' +
        '[req]\ndistinguished_name=dn\n[dn]\n',
    );
    await writeFile(join(folder.path, 'db'), '');
    const request = join(folder.path, 'csr');
    await openssl(
      'req',
      '-new',
      '-nodes',
      '-newkey',
      ...EC,
      '-config',
      config,
      '-subj',
      '/CN=Old',
      '-keyout',
      key,
      '-out',
      request,
    );
    const legacyDates = ['-startdate', dates[1] ?? '', '-enddate', dates[3] ?? ''];
    const out = join(folder.path, 'ca.pem');
    await openssl(
      'ca',
      '-batch',
      '-selfsign',
      '-notext',
      '-config',
      config,
      '-keyfile',
      key,
      '-in',
      request,
      '-out',
      out,
      ...legacyDates,
    );
    await expect(CertificateAuthority.loadOrCreate(folder.path)).rejects.toEqual(
      refused(/expired at Feb {2}1/),
    );
  });

  test('meets a key that cannot sign for browsers', async () => {
    const pair = await opensslCertificate({ newKey: ['ed25519'] });
    await expect(importing(pair.certificatePem, pair.keyPem)).rejects.toEqual(refused(/wrong type/));
    const small = await opensslCertificate({ newKey: ['rsa:1024'] });
    await expect(importing(small.certificatePem, small.keyPem)).rejects.toEqual(refused(/1024 bits/));
  });

  test('meets text that is no certificate or no key, and a key with a password', async () => {
    const pair = await opensslCertificate();
    const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    await expect(importing('', pair.keyPem)).rejects.toEqual(refused(/holds no/));
    await expect(importing(broken, pair.keyPem)).rejects.toEqual(refused(/is not a certificate in PEM/));
    await expect(importing(pair.certificatePem, 'x')).rejects.toEqual(refused(/is not a private key in PEM/));
    const locked = pair.keyPem.replaceAll('PRIVATE KEY', 'ENCRYPTED PRIVATE KEY');
    await expect(importing(pair.certificatePem, locked)).rejects.toMatchObject({
      code: 'ERR_CA_PASSPHRASE',
    });
  });

  test('meets a chain in the wrong order, or too long', async () => {
    const root = await opensslCertificate({ subject: '/CN=Root' });
    const other = await opensslCertificate({ subject: '/CN=Other' });
    const between = await opensslCertificate({ subject: '/CN=Between', issuer: root });
    const chain = between.certificatePem + other.certificatePem + root.certificatePem;
    await expect(importing(chain, between.keyPem)).rejects.toEqual(refused(/certificate 2 did not issue/));
    await expect(importing(root.certificatePem.repeat(9), root.keyPem)).rejects.toEqual(refused(/at most 8/));
  });

  test('names the file that is missing', async () => {
    await using folder = await temporaryFolder();
    const pair = await opensslCertificate();
    await writeFile(join(folder.path, 'ca.pem'), pair.certificatePem);
    await expect(CertificateAuthority.loadOrCreate(folder.path)).rejects.toEqual(
      refused(/ca\.key is missing/),
    );
    await using second = await temporaryFolder();
    const key = join(second.path, 'ca.key');
    await writeFile(key, pair.keyPem);
    const longAgo = new Date(Date.now() - 60_000); // not the first half of a CA that is being made
    await utimes(key, longAgo, longAgo);
    await expect(CertificateAuthority.loadOrCreate(second.path)).rejects.toEqual(
      refused(/ca\.pem is missing/),
    );
  });

  test('meets a file that is far too large', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'ca.pem'), Buffer.alloc(300_000, 'A'));
    await expect(CertificateAuthority.load(folder.path)).rejects.toEqual(refused(/300000 bytes/));
  });
});

describe('ERR_CA_UNREADABLE', () => {
  test('says that there is no CA and how to make one', async () => {
    await using folder = await temporaryFolder();
    await expect(CertificateAuthority.load(folder.path)).rejects.toMatchObject({
      code: 'ERR_CA_UNREADABLE',
      message: expect.stringMatching(/ca\.pem \(ENOENT\).*weir ca init/) as unknown as string,
    });
  });

  test('says path and errno when the folder is a file, or a file is a folder', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    await expect(CertificateAuthority.loadOrCreate(file)).rejects.toMatchObject({
      code: 'ERR_CA_UNREADABLE',
      message: expect.stringContaining(`${join(file, 'ca.pem')} (ENOTDIR): give`) as unknown as string,
      fields: { path: join(file, 'ca.pem'), errno: 'ENOTDIR' },
    });
    await mkdir(join(folder.path, 'ca.pem'));
    await expect(CertificateAuthority.load(folder.path)).rejects.toMatchObject({
      code: 'ERR_CA_UNREADABLE',
      fields: { errno: 'EISDIR' },
    });
  });

  test('says who needs access when permissions forbid to read or to write', async () => {
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(join(folder.path, 'certs'));
    await chmod(folder.path, 0o755);
    await withoutPrivileges(async () => {
      await expect(CertificateAuthority.load(join(folder.path, 'certs'))).rejects.toMatchObject({
        code: 'ERR_CA_UNREADABLE',
        fields: { path: ca.certificatePath, errno: 'EACCES' },
      });
      await expect(CertificateAuthority.loadOrCreate(join(folder.path, 'other'))).rejects.toMatchObject({
        code: 'ERR_CA_UNREADABLE',
        fields: { errno: 'EACCES' },
      });
    }, [folder.path, join(folder.path, 'certs')]);
  });

  test('meets a key that is open to others and cannot be made private', async () => {
    if (process.getuid?.() !== 0) return; // needs a file of somebody else
    await using folder = await temporaryFolder();
    const { ca } = await CertificateAuthority.loadOrCreate(folder.path);
    await chmod(folder.path, 0o755);
    await chmod(ca.keyPath, 0o644);
    await withoutPrivileges(async () => {
      await expect(CertificateAuthority.load(folder.path)).rejects.toMatchObject({
        code: 'ERR_CA_UNREADABLE',
        fields: { path: ca.keyPath, errno: 'EPERM' },
      });
    }, []);
  });
});

/** Acts as a user who owns nothing; where the tests do not run as root, takes away the folders' modes. */
async function withoutPrivileges(act: () => Promise<void>, folders: string[]): Promise<void> {
  const root = process.getuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  else for (const folder of folders) await chmod(folder, 0);
  try {
    await act();
  } finally {
    if (root) process.seteuid?.(0);
    else for (const folder of folders) await chmod(folder, 0o700);
  }
}

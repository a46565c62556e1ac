import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { openssl, opensslCertificate } from '../ca/pki.ts';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';

test('ca init creates the pair once and keeps it the second time', async () => {
  await using folder = await tempDir();
  const first = await runCli(['ca', 'init', '--certs', 'certs'], { cwd: folder.path });
  expect(first.exitCode).toBe(0);
  expect(first.stdout).toMatch(/^CA created\nsubject .*\n/);
  expect((await stat(folder.join('certs/ca.key'))).mode & 0o777).toBe(0o600);
  const second = await runCli(['ca', 'init', '--certs', 'certs'], { cwd: folder.path });
  expect(second.stdout).toBe(first.stdout.replace('CA created', 'CA exists already, kept'));
});

test('ca show without a CA says how to make one and exits with 2', async () => {
  await using folder = await tempDir();
  const { exitCode, stdout, stderr } = await runCli(['ca', 'show', '--certs', folder.join('none')]);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^weir: cannot read .*none\/ca\.pem \(ENOENT\): make a CA with `weir ca init`\n$/);
});

test('ca show --json agrees with the certificate file', async () => {
  await using folder = await tempDir();
  await runCli(['ca', 'init', '--certs', folder.path]);
  const { stdout } = await runCli(['ca', 'show', '--json', '--certs', folder.path]);
  const certificate = new X509Certificate(await readFile(folder.join('ca.pem')));
  expect(JSON.parse(stdout)).toMatchObject({
    fingerprint: certificate.fingerprint256,
    keyType: 'EC P-256',
    notAfter: new Date(certificate.validTo).toISOString(),
    path: folder.join('ca.pem'),
  });
});

test('ca export writes the certificate as PEM and as DER, and never the key', async () => {
  await using folder = await tempDir();
  await runCli(['ca', 'init', '--certs', folder.path]);
  const { raw } = new X509Certificate(await readFile(folder.join('ca.pem')));
  const pem = await runCli(['ca', 'export', '--certs', folder.path]);
  expect(new X509Certificate(pem.stdout).raw).toEqual(raw);
  expect(pem.stdout).not.toContain('PRIVATE KEY');
  const out = folder.join('ca.cer');
  const der = await runCli(['ca', 'export', '--format', 'der', '--out', out, '--certs', folder.path]);
  expect(der.exitCode).toBe(0);
  expect(await readFile(out)).toEqual(Buffer.from(raw));
});

test('ca export refuses to print binary on a terminal', async () => {
  await using folder = await tempDir();
  await runCli(['ca', 'init', '--certs', folder.path]);
  const args = ['ca', 'export', '--format', 'der', '--certs', folder.path];
  const { exitCode, stdout, stderr } = await runCli(args, { isTTY: true });
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain('--out');
});

test('ca export into a folder that is not there fails with 1 and names the file', async () => {
  await using folder = await tempDir();
  await runCli(['ca', 'init', '--certs', folder.path]);
  const out = folder.join('missing/ca.pem');
  const { exitCode, stderr } = await runCli(['ca', 'export', '--out', out, '--certs', folder.path]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`cannot write ${out}`);
});

test('ca export as p12 holds the key, and only under a passphrase', async () => {
  await using folder = await tempDir();
  await runCli(['ca', 'init', '--certs', folder.path]);
  const out = folder.join('ca.p12');
  const without = await runCli(['ca', 'export', '--format', 'p12', '--out', out, '--certs', folder.path]);
  expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining('--out-passphrase-file')]);
  const file = await folder.write('passphrase', 's3cret\n');
  const args = ['--format', 'p12', '--out', out, '--out-passphrase-file', file];
  expect((await runCli(['ca', 'export', ...args, '--certs', folder.path])).exitCode).toBe(0);
  expect((await stat(out)).mode & 0o777).toBe(0o600);
  const text = await openssl('pkcs12', '-in', out, '-nodes', '-passin', 'pass:s3cret');
  expect(text).toContain('-----BEGIN PRIVATE KEY-----');
});

test('ca init limits the CA to what is permitted', async () => {
  await using folder = await tempDir();
  const { stdout } = await runCli([
    'ca',
    'init',
    '--permit',
    'example.com',
    '10.0.0.0/8',
    '--certs',
    folder.path,
  ]);
  expect(stdout).toMatch(/^only for +example\.com, 10\.0\.0\.0\/8$/m);
  const wrong = await runCli(['ca', 'init', '--permit', 'a b', '--certs', folder.join('other')]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/^weir: "a b" is neither a domain such as/),
  ]);
});

test('a passphrase protects the key from the start, and is asked for ever after', async () => {
  await using folder = await tempDir();
  const file = await folder.write('passphrase', 's3cret\n');
  const certs = ['--certs', folder.join('certs')];
  expect((await runCli(['ca', 'init', '--passphrase-file', file, ...certs])).exitCode).toBe(0);
  expect(await readFile(folder.join('certs/ca.key'), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
  expect((await runCli(['ca', 'show', '--passphrase-file', file, ...certs])).exitCode).toBe(0);
  const without = await runCli(['ca', 'show', ...certs]);
  expect(without.exitCode).toBe(2);
  expect(without.stderr).toMatch(
    /ca\.key is protected by a passphrase: give the passphrase of the key.*WEIR_CA_PASSPHRASE/,
  );
  const wrong = await runCli(['ca', 'show', '--passphrase-file', await folder.write('wrong', 'x'), ...certs]);
  expect(wrong.stderr).toMatch(/the passphrase given does not open/);
});

describe('ca import', () => {
  const importInto = (folder: string, ...args: string[]) =>
    runCli(['ca', 'import', ...args, '--certs', folder]);

  test('takes an intermediate with its chain, as PEM files and as PKCS#12', async () => {
    await using folder = await tempDir();
    const root = await opensslCertificate({ subject: '/CN=Company Root' });
    const between = await opensslCertificate({ subject: '/CN=Company Proxy CA', issuer: root });
    const cert = await folder.write('ca.crt', between.certificatePem);
    const key = await folder.write('ca.key', between.keyPem);
    const chain = await folder.write('root.crt', root.certificatePem);
    const first = await importInto(folder.join('one'), cert, key, '--chain', chain);
    expect(first.exitCode).toBe(0);
    expect(first.stdout).toMatch(/^CA imported\nsubject +CN=Company Proxy CA\n/);
    expect(first.stdout).toMatch(/^below +CN=Company Root$/m);
    const p12 = folder.join('ca.p12');
    const files = ['-in', cert, '-inkey', key, '-certfile', chain, '-out', p12];
    await openssl('pkcs12', '-export', ...files, '-passout', 'pass:s3cret');
    const passphrase = ['--input-passphrase-file', await folder.write('passphrase', 's3cret')];
    const second = await importInto(folder.join('two'), p12, ...passphrase, '--json');
    expect(JSON.parse(second.stdout)).toMatchObject({
      subject: 'CN=Company Proxy CA',
      above: ['CN=Company Root'],
    });
    const exported = await runCli(['ca', 'export', '--certs', folder.join('two')]);
    expect(exported.stdout).toBe(root.certificatePem);
  });

  test('keeps the CA that is there unless told to replace it', async () => {
    await using folder = await tempDir();
    await runCli(['ca', 'init', '--certs', folder.path]);
    const pair = await opensslCertificate();
    const args = [await folder.write('x.crt', pair.certificatePem), await folder.write('x.key', pair.keyPem)];
    const refused = await importInto(folder.path, ...args);
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringMatching(/is another CA/)]);
    const replaced = await importInto(folder.path, ...args, '--replace');
    expect(replaced.stdout).toMatch(/^former +CN=Weir CA, /m);
  });

  test.each([
    ['without a key', ['x.crt'], /name the file with the private key of x\.crt/],
    ['that is not there', ['none.crt', 'x.key'], /cannot read none\.crt: ENOENT/],
    ['that is no CA', ['leaf.crt', 'x.key'], /the certificate is not a CA/],
    ['that may not vouch for servers', ['purpose.crt', 'x.key'], /extendedKeyUsage without serverAuth/],
    ['below one that allows none', ['deep.crt', 'x.key'], /certificate 2 allows 0 CAs below it/],
  ])('refuses a CA %s, and says why', async (_, names, message) => {
    await using folder = await tempDir();
    const certificates = await refusable();
    for (const [name, text] of Object.entries(certificates)) await folder.write(name, text);
    const { exitCode, stderr } = await runCli(['ca', 'import', ...names, '--certs', 'certs'], {
      cwd: folder.path,
    });
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

/** Certificates that no CA can be made of, with their key. */
async function refusable(): Promise<Record<string, string>> {
  await using folder = await tempDir();
  const pair = await opensslCertificate({ ca: false });
  const key = await folder.write('key', pair.keyPem);
  const made = async (subject: string, extensions: string[], ...more: string[]): Promise<string> => {
    const list = extensions.flatMap((extension) => ['-addext', extension]);
    const config = await folder.write('cnf', '[req]\ndistinguished_name=dn\n[dn]\n');
    return openssl(
      'req',
      '-x509',
      '-config',
      config,
      '-key',
      key,
      '-subj',
      subject,
      '-days',
      '3',
      ...list,
      ...more,
    );
  };
  const ca = 'basicConstraints=critical,CA:TRUE';
  const root = await folder.write('root', await made('/CN=Root', [`${ca},pathlen:0`]));
  const below = await made('/CN=Deep', [ca], '-CA', root, '-CAkey', key);
  return {
    'x.crt': pair.certificatePem,
    'x.key': pair.keyPem,
    'leaf.crt': pair.certificatePem,
    'purpose.crt': await made('/CN=Mail', [ca, 'extendedKeyUsage=emailProtection']),
    'deep.crt': below + (await readFile(root, 'utf8')),
  };
}

describe('ca rotate', () => {
  const rotate = (folder: string, ...args: string[]) => runCli(['ca', 'rotate', ...args, '--certs', folder]);

  test('at once makes a new CA and keeps the former one published', async () => {
    await using folder = await tempDir();
    const before = JSON.parse(
      (await runCli(['ca', 'init', '--json', '--certs', folder.path])).stdout,
    ) as CaFacts;
    const { exitCode, stdout } = await rotate(folder.path);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^The new CA is in use.*weir ca export.*weir ca rotate --finish/s);
    const after = JSON.parse(
      (await runCli(['ca', 'show', '--json', '--certs', folder.path])).stdout,
    ) as CaFacts;
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect(after.former).toEqual([{ subject: before.subject, fingerprint: before.fingerprint }]);
    expect((await rotate(folder.path, '--finish')).stdout).toMatch(/^no longer in .*: CN=Weir CA/);
    expect((await rotate(folder.path, '--finish')).stdout).toMatch(/holds no former CA/);
  });

  test('with a date lets the new one wait, and can be cancelled', async () => {
    await using folder = await tempDir();
    const before = JSON.parse(
      (await runCli(['ca', 'init', '--json', '--certs', folder.path])).stdout,
    ) as CaFacts;
    const waiting = JSON.parse((await rotate(folder.path, '--in', '14d', '--json')).stdout) as CaFacts;
    expect(waiting.fingerprint).toBe(before.fingerprint);
    const days = (Date.parse(waiting.next!.activeFrom) - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(14, 1);
    expect((await rotate(folder.path, '--in', '1d')).stderr).toMatch(/a new CA waits already/);
    expect((await rotate(folder.path, '--cancel')).stdout).toMatch(/^the CA that waited is gone/);
  });

  test.each(['soon', '-1d', '999d'])('refuses the time %s with 2', async (time) => {
    await using folder = await tempDir();
    await runCli(['ca', 'init', '--certs', folder.path]);
    const { exitCode, stderr } = await rotate(folder.path, `--in=${time}`);
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/--in: expected/)]);
  });
});

interface CaFacts {
  readonly subject: string;
  readonly fingerprint: string;
  readonly next?: { readonly activeFrom: string };
  readonly former?: readonly { readonly subject: string; readonly fingerprint: string }[];
}

test('ca export with an unknown format exits with 2 and names the known ones', async () => {
  const { exitCode, stderr } = await runCli(['ca', 'export', '--format', 'p7b']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/Allowed choices are pem, der, p12/);
});

import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
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

test('ca export with an unknown format exits with 2 and names the known ones', async () => {
  const { exitCode, stderr } = await runCli(['ca', 'export', '--format', 'p7b']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/Allowed choices are pem, der/);
});

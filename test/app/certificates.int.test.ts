// The CA of a running Weir: its passphrase, what outlives a restart, and the change to another CA.

import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect as connectTls } from 'node:tls';
import { expect, test } from '@jest/globals';
import { makeRoot } from '../../src/ca/root.ts';
import { beginRotation } from '../../src/ca/rotation.ts';
import { startWeir } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { openTunnel } from '../support/rawClient.ts';
import { tempDir } from '../support/tempDir.ts';
import type { LocalWeir } from '../support/weir.ts';
import { startTestWeir } from '../support/weir.ts';

/** The leaf that a client gets for a name; nothing is asked of the origin. */
async function leafFor(proxyPort: number, host: string): Promise<X509Certificate> {
  const { socket } = await openTunnel(proxyPort, `${host}:443`);
  const secure = connectTls({ socket, servername: host, rejectUnauthorized: false });
  await new Promise((resolve, reject) => secure.once('secureConnect', resolve).once('error', reject));
  const { raw } = secure.getPeerCertificate(true);
  secure.destroy();
  return new X509Certificate(raw);
}

/** Another Weir with the same files, after that one has stopped. */
async function restarted(weir: LocalWeir): Promise<{ port: number; stop(): Promise<void> }> {
  await weir.stop();
  const { config } = await loadConfig({ path: weir.folder.join('weir.yaml') });
  const again = await startWeir(config, { proxy: true, gateway: true });
  const port = Number(again.proxyAddresses[0]!.split(':').at(-1));
  return { port, stop: () => again.stop(0) };
}

test('leafs survive a restart, and do not where they are not kept', async () => {
  for (const keepLeafs of [true, false]) {
    await using weir = await startTestWeir({ proxy: { ca: { keepLeafs } } });
    const before = await leafFor(weir.proxyPort, 'www.site.test');
    expect(before.subjectAltName).toBe('DNS:site.test, DNS:*.site.test');
    const again = await restarted(weir);
    const after = await leafFor(again.port, 'other.site.test');
    await again.stop();
    expect(after.fingerprint256 === before.fingerprint256).toBe(keepLeafs);
    const files = await readdir(weir.folder.join('certs'));
    expect(files.includes('leafs')).toBe(keepLeafs);
  }
});

test('without wildcards each name has a leaf of its own', async () => {
  await using weir = await startTestWeir({ proxy: { ca: { wildcards: false } } });
  expect((await leafFor(weir.proxyPort, 'www.site.test')).subjectAltName).toBe('DNS:www.site.test');
});

test('a CA made with limits and a passphrase refuses other names, and its key is encrypted', async () => {
  await using folder = await tempDir();
  const passphraseFile = await folder.write('passphrase', 's3cret\n');
  await using weir = await startTestWeir({
    proxy: { ca: { passphraseFile, nameConstraints: ['site.test'] } },
  });
  expect(await readFile(weir.folder.join('certs/ca.key'), 'utf8')).toContain('ENCRYPTED');
  expect(await readFile(weir.folder.join('certs/leaf-ec.key'), 'utf8')).toContain('ENCRYPTED');
  expect((await leafFor(weir.proxyPort, 'www.site.test')).subjectAltName).toContain('DNS:*.site.test');
  await expect(leafFor(weir.proxyPort, 'elsewhere.test')).rejects.toThrow();
  const [record] = await weir.logged((one) => one.error?.code === 'ERR_TLS_NAME');
  expect(record!.error!.message).toMatch(/name constraints .* elsewhere\.test: splice it/);
});

test('the change of CA on its day needs nobody, and leafs are then of the new one', async () => {
  await using weir = await startTestWeir();
  const certs = weir.folder.join('certs');
  const next = await makeRoot();
  await beginRotation(certs, next, Date.now() + 400);
  await weir.reload({}); // as the change of ca.pem would, where files are watched
  const before = await leafFor(weir.proxyPort, 'site.test');
  expect(before.verify(new X509Certificate(weir.ca).publicKey)).toBe(true);
  await weir.logged((one) => /configuration reloaded/.test(one.msg ?? ''), 2);
  const after = await leafFor(weir.proxyPort, 'site.test');
  expect(after.verify(new X509Certificate(next.certificatePem).publicKey)).toBe(true);
});

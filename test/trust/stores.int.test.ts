// Trust stores that real programs read: NSS databases, a Java trust store and Debian's system store in folders
// of the test. Each holds exactly what it held before, once what was added is taken out again.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { CertificateAuthority } from '../../src/ca/authority.ts';
import type { Machine } from '../../src/trust/store.ts';
import { LAYOUTS, systemStores } from '../../src/trust/system-store.ts';
import { TrustInstaller } from '../../src/trust/trust.ts';
import { findCommand } from '../support/peers/find.mjs';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { newTestCa, testCa } from '../support/testCa.ts';

const run = promisify(execFile);
const NOW = { dryRun: false } as const;

let folder: TempDir;
let certificate: X509Certificate;
let other: X509Certificate;

beforeEach(async () => {
  folder = await tempDir('weir-trust-');
  certificate = (await CertificateAuthority.loadOrCreate(folder.join('ca'))).ca.x509;
  other = new X509Certificate(await readFile((await testCa()).certPath));
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

/** A machine whose home and system folders are the test's own. */
function machine(env: NodeJS.ProcessEnv = {}): Machine {
  const { PATH } = process.env;
  const given = { ...(PATH === undefined ? {} : { PATH }), ...env };
  return {
    platform: 'linux',
    home: folder.join('home'),
    isRoot: false,
    env: given,
    root: folder.join('root'),
  };
}

const recordOf = (): Promise<string> => readFile(folder.join('home/.local/state/weir/trust.json'), 'utf8');

describeWithPeer('certutil', () => {
  const certutil = (database: string, ...args: string[]): Promise<{ stdout: string }> =>
    run(requirePeer('certutil'), ['-d', `sql:${database}`, ...args]);

  async function database(name: string): Promise<string> {
    const place = folder.join(`home/${name}`);
    await mkdir(place, { recursive: true });
    await certutil(place, '-N', '--empty-password');
    return place;
  }

  const install = (certificates = [certificate]) =>
    new TrustInstaller(machine()).trust(certificates, { kinds: ['nss'], ...NOW });
  const remove = () => new TrustInstaller(machine()).untrust({ kinds: ['nss'], ...NOW });

  test('Chromium and every Firefox profile trust the CA, and are as before afterwards', async () => {
    const places = await Promise.all(
      ['.pki/nssdb', '.mozilla/firefox/abc.default-release', 'snap/firefox/common/.mozilla/firefox/x'].map(
        database,
      ),
    );
    const lists = () => Promise.all(places.map(async (place) => (await certutil(place, '-L')).stdout));
    const before = await lists();

    const added = await install();
    expect(added.results.map(({ place, outcome }) => [place, outcome])).toEqual(
      places.map((place) => [place, 'added']),
    );
    for (const place of places) {
      const name = /weir-ca-[0-9a-f]{16}/.exec((await certutil(place, '-L')).stdout)![0];
      expect((await certutil(place, '-V', '-u', 'L', '-n', name)).stdout).toContain('certificate is valid');
      expect((await readdir(place)).filter((file) => file.endsWith('.pem'))).toEqual([]);
    }
    expect((await install()).results.map(({ outcome }) => outcome)).toEqual(['kept', 'kept', 'kept']);

    expect((await remove()).results.map(({ outcome }) => outcome)).toEqual(['removed', 'removed', 'removed']);
    expect(await lists()).toEqual(before);
    expect((await remove()).results).toEqual([]);
  });

  test('what somebody else has put there is theirs: kept, not recorded, not removed', async () => {
    const place = await database('.pki/nssdb');
    const file = await folder.write('own.pem', certificate.toString());
    await certutil(place, '-A', '-t', 'C,,', '-n', 'My own name', '-i', file);
    expect((await install()).results).toMatchObject([{ outcome: 'kept' }]);
    expect((await remove()).results).toEqual([]);
    expect((await certutil(place, '-L')).stdout).toContain('My own name');
  });

  test('what was taken out by hand, or replaced under our name, is dropped from the record alone', async () => {
    const place = await database('.pki/nssdb');
    await install();
    const { name } = (JSON.parse(await recordOf()) as { added: { name: string }[] }).added[0]!;
    await certutil(place, '-D', '-n', name);
    const file = await folder.write('other.pem', other.toString());
    await certutil(place, '-A', '-t', 'C,,', '-n', name, '-i', file);
    expect((await remove()).results).toMatchObject([{ outcome: 'gone' }]);
    expect((await certutil(place, '-L')).stdout).toContain(name);
    expect(JSON.parse(await recordOf())).toMatchObject({ added: [] });
  });

  test('during a change of CA both are trusted, and both taken out', async () => {
    const place = await database('.pki/nssdb');
    const before = (await certutil(place, '-L')).stdout;
    expect((await install([certificate, other])).results).toHaveLength(2);
    await install([other]);
    expect((await remove()).results).toHaveLength(2);
    expect((await certutil(place, '-L')).stdout).toBe(before);
  });

  test('a dry run tells the commands, in order, and changes nothing', async () => {
    const place = await database('.pki/nssdb');
    const before = (await certutil(place, '-L')).stdout;
    const { results } = await new TrustInstaller(machine()).trust([certificate], {
      kinds: ['nss'],
      dryRun: true,
    });
    expect(results[0]).toMatchObject({
      outcome: 'planned',
      steps: [
        { do: 'write' },
        { do: 'run', command: expect.arrayContaining(['-A', 'C,,']) },
        { do: 'remove' },
      ],
    });
    expect((await certutil(place, '-L')).stdout).toBe(before);
    await expect(recordOf()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('the record is for its user alone, and a broken one stops everything', async () => {
    await database('.pki/nssdb');
    await install();
    const file = folder.join('home/.local/state/weir/trust.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(path.dirname(file))).mode & 0o777).toBe(0o700);
    await writeFile(file, '{"version": 1, "added": [{"name": "../../etc/passwd"}]}');
    for (const attempt of [install, remove]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'ERR_TRUST_RECORD' });
    }
  });

  test('a database that is broken fails, says so, and leaves nothing behind', async () => {
    const place = await database('.pki/nssdb');
    await writeFile(path.join(place, 'cert9.db'), 'no database');
    const { results } = await install();
    expect(results).toMatchObject([{ outcome: 'failed', problem: expect.stringContaining('certutil') }]);
    expect((await readdir(place)).filter((file) => file.endsWith('.pem'))).toEqual([]);
    expect(JSON.parse(await recordOf())).toMatchObject({ added: [] });
  });
});

test('databases without certutil are told with the package to install', async () => {
  await mkdir(folder.join('home/.pki/nssdb'), { recursive: true });
  await writeFile(folder.join('home/.pki/nssdb/cert9.db'), '');
  const installer = new TrustInstaller(machine({ PATH: '/nonexistent' }));
  const report = await installer.trust([certificate], { kinds: ['nss'], ...NOW });
  expect(report.results).toEqual([]);
  expect(report.missing).toEqual([expect.stringContaining('libnss3-tools')]);
});

describeWithPeer('keytool', () => {
  const keytool = (...args: string[]): Promise<{ stdout: string }> =>
    run(requirePeer('keytool'), [...args, '-storepass', 'changeit']);

  test('Java trusts the CA, and its store lists the same as before afterwards', async () => {
    const home = folder.join('root/usr/lib/jvm/java-test');
    const store = path.join(home, 'lib/security/cacerts');
    await mkdir(path.dirname(store), { recursive: true });
    await mkdir(path.join(home, 'bin'));
    await symlink(requirePeer('keytool'), path.join(home, 'bin/keytool'));
    const file = await folder.write('other.pem', other.toString());
    await keytool('-importcert', '-noprompt', '-alias', 'root-one', '-file', file, '-keystore', store);
    const before = (await keytool('-list', '-keystore', store)).stdout;

    const installer = new TrustInstaller(machine({ PATH: '/nonexistent' }));
    const added = await installer.trust([certificate], { kinds: ['java'], ...NOW });
    expect(added.results).toMatchObject([{ kind: 'java', place: store, outcome: 'added' }]);
    const removed = await installer.untrust({ kinds: ['java'], ...NOW });
    expect(removed.results).toMatchObject([{ outcome: 'removed' }]);
    expect((await keytool('-list', '-keystore', store)).stdout).toBe(before);
    expect(await readdir(path.dirname(store))).toEqual(['cacerts']);
  });
});

const update = findCommand('update-ca-certificates') ?? '/usr/sbin/update-ca-certificates';

describe('the system store of Debian', () => {
  async function debian(): Promise<{ installer: TrustInstaller; bundle: string; anchors: string }> {
    const root = folder.join('root');
    const anchors = '/usr/local/share/ca-certificates';
    await mkdir(root + anchors, { recursive: true });
    await mkdir(`${root}/etc/ssl/certs`, { recursive: true });
    await mkdir(`${root}/hooks`);
    await writeFile(`${root}/conf`, '');
    await writeFile(`${root}${anchors}/mine.crt`, other.toString());
    // OpenSSL takes a bundle of one for a certificate.
    await writeFile(`${root}${anchors}/second.crt`, (await newTestCa('Weir second test CA')).cert);
    const places = ['--localcertsdir', root + anchors, '--etccertsdir', `${root}/etc/ssl/certs`];
    const args = [...places, '--certsconf', `${root}/conf`, '--hooksdir', `${root}/hooks`];
    await run(update, args);
    const layout = { ...LAYOUTS[0]!, args, list: '/conf' };
    const installer = new TrustInstaller(machine(), { system: (found) => systemStores(found, [layout]) });
    return { installer, bundle: `${root}/etc/ssl/certs/ca-certificates.crt`, anchors: root + anchors };
  }

  test('trusts the CA, and has the same files and bundle as before afterwards', async () => {
    const { installer, bundle, anchors } = await debian();
    const contents = async () => [
      await readFile(bundle, 'utf8'),
      await readdir(path.dirname(bundle)),
      await readdir(anchors),
    ];
    const before = await contents();
    expect((await installer.trust([certificate], { kinds: ['system'], ...NOW })).results).toMatchObject([
      { kind: 'system', outcome: 'added' },
    ]);
    expect(await readFile(bundle, 'utf8')).toContain(certificate.toString());
    expect((await installer.untrust({ kinds: ['system'], ...NOW })).results).toMatchObject([
      { outcome: 'removed' },
    ]);
    expect(await contents()).toEqual(before);
  });
});

test('where there is no system store, the report says what to do instead', async () => {
  const report = await new TrustInstaller(machine()).trust([certificate], { kinds: ['system'], ...NOW });
  expect(report.missing).toEqual([expect.stringContaining('ca-certificates')]);
});

describe('other systems', () => {
  const planOn = async (platform: NodeJS.Platform, env: NodeJS.ProcessEnv) => {
    const installer = new TrustInstaller({ ...machine(env), platform });
    const { results, notes } = await installer.trust([certificate], {
      kinds: ['system', 'nss'],
      dryRun: true,
    });
    return { commands: results.flatMap(({ steps = [] }) => steps), notes };
  };

  test('macOS: the System keychain, for every user', async () => {
    const { commands } = await planOn('darwin', { PATH: '/nonexistent' });
    expect(commands).toContainEqual(
      expect.objectContaining({
        command: expect.arrayContaining([
          'add-trusted-cert',
          '-d',
          'trustRoot',
          '/Library/Keychains/System.keychain',
        ]),
      }),
    );
  });

  test('Windows: the ROOT store of the machine, by the certutil of the system', async () => {
    const { commands, notes } = await planOn('win32', { SystemRoot: 'C:\\Windows' });
    expect(commands).toContainEqual(
      expect.objectContaining({
        command: expect.arrayContaining(['C:\\Windows\\System32\\certutil.exe', '-addstore', 'ROOT']),
      }),
    );
    expect(notes).toEqual([expect.stringContaining('Firefox')]);
  });
});

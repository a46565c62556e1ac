// The command line, and the trust store that all of this machine's programs use: only root may change it, and
// this puts back what was there.

import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { findCommand } from '../support/peers/find.mjs';
import { runCli } from '../support/runCli.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';
import { type LocalWeir, startTestWeir } from '../support/weir.ts';

const run = promisify(execFile);
const SYSTEM_LIMIT_MS = 60_000;
const CERTIFICATES = '/etc/ssl/certs';

let weir: LocalWeir;
let home: TempDir;
const before = { HOME: process.env['HOME'], XDG_STATE_HOME: process.env['XDG_STATE_HOME'] };

beforeAll(async () => {
  home = await tempDir('weir-home-');
  Object.assign(process.env, { HOME: home.path, XDG_STATE_HOME: home.join('state') });
  weir = await startTestWeir({ plugins: [] });
});
afterAll(async () => {
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await weir?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

const trust = (...args: string[]) => runCli(['ca', ...args]);

describe('weir ca trust', () => {
  test('a kind of store that there is none of is wrong usage, and names those that there are', async () => {
    const { exitCode, stderr } = await trust('trust', '--store', 'nss,windows');
    expect(exitCode).toBe(2);
    expect(stderr).toContain(
      '--store: expected system, nss, java, or several of them with commas, got "windows"',
    );
  });

  test('a folder without a CA says how to make one', async () => {
    const { exitCode, stderr } = await trust('trust', '--certs', home.join('nothing'));
    expect(exitCode).toBe(2);
    expect(stderr).toContain('weir ca init');
  });

  test('--dry-run --json tells the commands and changes nothing', async () => {
    const folder = path.dirname(weir.caPath);
    const { exitCode, stdout } = await trust(
      'trust',
      '--dry-run',
      '--json',
      '--certs',
      folder,
      '--store',
      'system',
    );
    expect(exitCode).toBe(0);
    const { results } = JSON.parse(stdout) as { results: { outcome: string; commands: string[] }[] };
    expect(results).toMatchObject([{ outcome: 'planned' }]);
    expect(results[0]!.commands.join('\n')).toContain(weir.ca.trim());
    expect(await readdir(home.path)).toEqual([]);
  });

  test('untrust without a record has nothing to do', async () => {
    const { exitCode, stdout } = await trust('untrust');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('nothing was put into a store by this user');
  });
});

const isRootOnDebian = process.getuid?.() === 0 && findCommand('update-ca-certificates') !== null;

(isRootOnDebian ? describe : describe.skip)('the system store of this machine, by root', () => {
  /** Files, links and what they lead to; the bundle; what Java lists. */
  async function contents(): Promise<unknown> {
    const names = (await readdir(CERTIFICATES)).sort();
    const links = await Promise.all(
      names.map(async (name) => [name, await readlink(path.join(CERTIFICATES, name)).catch(() => '')]),
    );
    const keytool = findCommand('keytool');
    const list = ['-list', '-keystore', `${CERTIFICATES}/java/cacerts`, '-storepass', 'changeit'];
    const java = keytool === null ? '' : (await run(keytool, list).catch(() => ({ stdout: '' }))).stdout;
    return {
      links,
      bundle: await readFile(`${CERTIFICATES}/ca-certificates.crt`, 'utf8'),
      anchors: await readdir('/usr/local/share/ca-certificates'),
      java: java
        .split('\n')
        .map((line) => line.replace(/, \w+ \d+, \d{4},/, ''))
        .sort(), // of its import
    };
  }

  test(
    'curl and OpenSSL accept the proxy without being told of a CA, and everything is as before afterwards',
    async () => {
      const proxy = `http://127.0.0.1:${weir.proxyPort}`;
      const fetched = (): Promise<{ stdout: string }> =>
        run('curl', ['-q', '-sS', '-x', proxy, 'https://weir.local/here.json'], {
          env: { PATH: process.env['PATH'] }, // without a CURL_CA_BUNDLE
        });
      await expect(fetched()).rejects.toMatchObject({ code: 60 });
      const found = await contents();
      try {
        const args = ['trust', '--certs', path.dirname(weir.caPath), '--store', 'system'];
        const { exitCode, stdout } = await trust(...args);
        expect(stdout).toMatch(/^trusts it now +system store/);
        expect(exitCode).toBe(0);
        expect(JSON.parse((await fetched()).stdout)).toHaveProperty('weir');
        const asked = ['s_client', '-proxy', `127.0.0.1:${weir.proxyPort}`, '-connect', 'weir.local:443'];
        const client = run('openssl', [...asked, '-verify_return_error'], {
          env: { PATH: process.env['PATH'] },
        });
        client.child.stdin!.end();
        expect((await client).stdout).toContain('Verify return code: 0 (ok)');
      } finally {
        const { exitCode, stdout } = await trust('untrust');
        expect(stdout).toContain('taken out');
        expect(exitCode).toBe(0);
      }
      expect(await contents()).toEqual(found);
      await expect(fetched()).rejects.toMatchObject({ code: 60 });
    },
    SYSTEM_LIMIT_MS,
  );
});

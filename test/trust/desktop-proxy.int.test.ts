// The proxy settings of a desktop: GNOME's really set and put back in a settings file of the test's own, the
// commands of the others as they would be run.

import { execFile } from 'node:child_process';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { requirePeer } from '../support/peers/requirePeer.ts';
import { runCli } from '../support/runCli.ts';
import { type TempDir, tempDir } from '../support/tempDir.ts';

const run = promisify(execFile);
const NAMES = ['HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'GSETTINGS_BACKEND'];

let home: TempDir;
let before: (string | undefined)[];

beforeEach(async () => {
  home = await tempDir('weir-desktop-');
  before = NAMES.map((name) => process.env[name]);
  await mkdir(home.join('config'));
  Object.assign(process.env, {
    HOME: home.path,
    XDG_STATE_HOME: home.join('state'),
    XDG_CONFIG_HOME: home.join('config'),
    GSETTINGS_BACKEND: 'keyfile',
  });
});
afterEach(async () => {
  for (const [at, name] of NAMES.entries()) {
    const value = before[at];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await home[Symbol.asyncDispose]();
});

const systemProxy = (...args: string[]) => runCli(['system-proxy', ...args], { cwd: home.path });

describeWithPeer('gsettings', () => {
  const setting = async (verb: 'get' | 'set', ...args: string[]): Promise<string> => {
    const { stdout } = await run(requirePeer('gsettings'), [verb, ...args], { env: process.env });
    return stdout.trim();
  };
  const PROXY = 'org.gnome.system.proxy';

  test('GNOME uses the proxy, weir.local included, and has its own settings back afterwards', async () => {
    await setting('set', PROXY, 'ignore-hosts', "['*.local', 'it''s']".replace("''", ''));
    await setting('set', `${PROXY}.http`, 'host', "'former.test'");
    await setting('set', PROXY, 'mode', 'auto');
    const on = await systemProxy('on', '--desktop', 'gnome', '--address', '127.0.0.1:3128');
    expect(on).toMatchObject({ exitCode: 0, stdout: 'GNOME uses 127.0.0.1:3128 now.\n' });
    expect(await setting('get', PROXY, 'mode')).toBe("'manual'");
    expect(await setting('get', `${PROXY}.https`, 'host')).toBe("'127.0.0.1'");
    expect(await setting('get', `${PROXY}.https`, 'port')).toBe('3128');
    expect(await setting('get', PROXY, 'ignore-hosts')).not.toContain("local'");
    expect((await stat(home.join('state/weir/system-proxy.json'))).mode & 0o777).toBe(0o600);
    // A second `on` does not take the first one for what was there before.
    await systemProxy('on', '--desktop', 'gnome', '--address', '127.0.0.1:4000');
    expect(await setting('get', `${PROXY}.http`, 'port')).toBe('4000');

    expect((await systemProxy('off', '--desktop', 'gnome')).exitCode).toBe(0);
    expect(await setting('get', PROXY, 'mode')).toBe("'auto'");
    expect(await setting('get', `${PROXY}.http`, 'host')).toBe("'former.test'");
    expect(await setting('get', PROXY, 'ignore-hosts')).toContain('*.local');
    await expect(readFile(home.join('state/weir/system-proxy.json'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});

describe('weir system-proxy', () => {
  test('--dry-run prints what to run on Windows, and changes nothing', async () => {
    const { exitCode, stdout } = await systemProxy('on', '--desktop', 'windows', '--dry-run');
    expect(exitCode).toBe(0);
    const key = '"HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings"';
    expect(stdout.split('\n')).toEqual([
      `reg add ${key} /v ProxyServer /t REG_SZ /d 127.0.0.1:8080 /f`,
      `reg add ${key} /v ProxyOverride /t REG_SZ /d "localhost;127.*;[::1]" /f`,
      `reg add ${key} /v ProxyEnable /t REG_DWORD /d 1 /f`,
      '',
    ]);
  });

  test('on macOS hosts under .local are not left out any more, as weir.local is one of them', async () => {
    const { stdout } = await systemProxy(
      'on',
      '--desktop',
      'macos',
      '--dry-run',
      '--address',
      '10.0.0.5:8080',
    );
    expect(stdout).toContain('networksetup -setsecurewebproxy Wi-Fi 10.0.0.5 8080\n');
    expect(stdout).toContain('networksetup -setproxybypassdomains Wi-Fi localhost 127.0.0.1 ::1\n');
  });

  test('off without a record means no proxy', async () => {
    const { stdout } = await systemProxy('off', '--desktop', 'gnome', '--dry-run');
    expect(stdout).toBe('gsettings set org.gnome.system.proxy mode none\n');
  });

  test('the address is that of the first plain HTTP listener with a fixed port', async () => {
    const listen = ['127.0.0.1:0', { listen: '0.0.0.0:9999', mode: 'http' }];
    await home.write('weir.yaml', JSON.stringify({ proxy: { listen } }));
    const { stdout } = await systemProxy('on', '--desktop', 'windows', '--dry-run');
    expect(stdout).toContain('/d 127.0.0.1:9999 ');
  });

  test.each([
    [['sideways'], 'expected on or off, got "sideways"'],
    [['on', '--address', 'nonsense:99999'], '--address: '],
    [['on', '--address', '127.0.0.1:0'], '--address: port 0'],
  ])('%s is wrong usage', async (args, text) => {
    const { exitCode, stderr } = await systemProxy(...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(text);
  });

  test('a desktop whose program is missing fails and says what to do by hand', async () => {
    const { exitCode, stderr } = await systemProxy('on', '--desktop', 'windows');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('reg is not on this machine: do by hand what');
  });
});

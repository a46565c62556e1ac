// Starting and stopping as a user meets it: bin/weir as a child process, also as somebody who may not read
// or write what the configuration names. What cannot work is one line and exit code 2.

import { beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { chmod, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { originServer } from '../support/originServer.ts';
import { rawClient } from '../support/rawClient.ts';
import { spawnWeir } from '../support/runCli.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { spawnTestWeir } from '../support/weir.ts';

const COMMAND = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const BUILD_LIMIT_MS = 120_000;
const NOBODY = 65_534;

beforeAll(async () => {
  await using weir = spawnWeir(['--version']); // builds, if that is due
  expect(await weir.exited).toBe(0);
}, BUILD_LIMIT_MS);

/** Runs `weir start` until it ends. */
async function start(
  folder: TempDir,
  args: readonly string[] = [],
  user: { uid?: number; gid?: number } = {},
): Promise<{ exitCode: number | null; stdout: string; lines: string[] }> {
  const child = spawn(process.execPath, [COMMAND, 'start', ...args], {
    cwd: folder.path,
    env: { ...process.env, NODE_OPTIONS: '' },
    ...user,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const limit = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(limit);
  const lines = stderr.trimEnd().split('\n');
  return { exitCode, stdout, lines: lines.filter((line) => !line.startsWith('warning: ')) };
}

test('an unknown key is one line that names the nearest one, and exit code 2', async () => {
  await using folder = await tempDir();
  await folder.write('weir.yaml', 'gateway: { lisen: "127.0.0.1:0" }\n');
  const { exitCode, stdout, lines } = await start(folder);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  expect(lines[0]).toMatch(/weir\.yaml:1:12 +gateway\.lisen: unknown key; did you mean listen\?/);
});

test('a configuration file that is not there is one line, and exit code 2', async () => {
  await using folder = await tempDir();
  const { exitCode, lines } = await start(folder, ['--config', 'nowhere.yaml']);
  expect(exitCode).toBe(2);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/nowhere\.yaml.*no such file/);
});

/** Resolves once nobody listens on the port any more. */
async function refuses(port: number): Promise<void> {
  for (;;) {
    try {
      await using client = await rawClient(port);
      await client.closed();
    } catch (error) {
      return expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    }
  }
}

const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('as a user without rights', () => {
  const nobody = { uid: NOBODY, gid: NOBODY };
  async function openFolder(): Promise<TempDir> {
    const folder = await tempDir();
    await chmod(folder.path, 0o755);
    return folder;
  }

  test('an unreadable configuration is one line with what to do, and exit code 2', async () => {
    await using folder = await openFolder();
    await folder.write('weir.yaml', 'proxy: {}\n', 0o600);
    const { exitCode, lines } = await start(folder, [], nobody);
    expect(exitCode).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/weir\.yaml.*EACCES.*permission/);
  });

  test.each([
    ['a certs folder that may not be written', 0o555],
    ['a certs folder that may not be entered', 0o700],
  ])('%s is one line that names it, and exit code 2', async (_what, mode) => {
    await using folder = await openFolder();
    await mkdir(folder.join('certs'));
    await chmod(folder.join('certs'), mode);
    await folder.write(
      'weir.yaml',
      'proxy: { listen: "127.0.0.1:0", certs: certs }\ngateway: { listen: "127.0.0.1:0" }\ndashboard: { listen: null }\n',
    );
    const { exitCode, lines } = await start(folder, [], nobody);
    expect(exitCode).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(path.join(folder.path, 'certs'));
    expect(lines[0]).toMatch(/^weir: .*(?:EACCES|permission)/);
  });

  test('a log file that may not be written is one line that names it, and exit code 2', async () => {
    await using folder = await openFolder();
    await folder.write('weir.yaml', 'log: { file: weir.log }\ngateway: { listen: "127.0.0.1:0" }\n');
    const { exitCode, lines } = await start(folder, [], nobody);
    expect(exitCode).toBe(2);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^weir: .*weir\.log/);
  });
});

test('SIGTERM lets the transaction under way finish, takes no new one, and exits with 0', async () => {
  let arrived: (respond: () => void) => void = () => {};
  const asked = new Promise<() => void>((resolve) => (arrived = resolve));
  await using origin = await originServer((_, response) => arrived(() => void response.end('finished')));
  await using weir = await spawnTestWeir({ shutdown: { grace: '5s' } });
  await using client = await rawClient(weir.proxyPort);
  client.send(`GET http://127.0.0.1:${origin.port}/ HTTP/1.1\r\nHost: h\r\n\r\n`);
  const respond = await asked;
  weir.process.child.kill('SIGTERM');
  await weir.process.prints(/stopping/);
  await refuses(weir.proxyPort);
  respond();
  expect((await client.closed()).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*finished/);
  expect(await weir.process.exited).toBe(0);
  expect(weir.log().filter(({ kind }) => kind === 'proxy')).toMatchObject([{ status: 200 }]);
});

test('whoever reads the output may leave: it goes on, and still stops with 0', async () => {
  await using weir = await spawnTestWeir();
  const { child, exited } = weir.process;
  child.stdout!.destroy();
  child.stderr!.destroy();
  child.kill('SIGTERM'); // prints that it stops
  expect(await exited).toBe(0);
});

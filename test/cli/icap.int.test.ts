// `weir icap` against real servers: c-icap, c-icap with clamd, and our own gateway; through bin/weir where
// standard input is needed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { eicar } from '../support/eicar.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { CLAMD_EICAR_NAME, startClamd } from '../support/peers/clamd.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { runCli } from '../support/runCli.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir } from '../support/weir.ts';

const BIN = fileURLToPath(new URL('../../bin/weir', import.meta.url));
const TEXT = Buffer.from('hello, world\n'.repeat(50_000)); // 650 kB

/** bin/weir with these bytes on its standard input. */
async function piped(input: Buffer, args: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stdin.end(input);
  const [exitCode] = (await once(child, 'close')) as [number];
  return { exitCode, stdout };
}

describeWithPeer('c-icap', () => {
  test('c-icap explains itself', async () => {
    await using server = await startCIcap();
    const { exitCode, stdout } = await runCli(['icap', 'options', server.url('echo')]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('200 OK: the service offers RESPMOD and REQMOD\n');
    expect(await server.accessLog(/^OPTIONS echo 200 /m)).toMatch(/^OPTIONS echo 200 /m);
  });

  // Its echo service answers previews with 100 and with 204 in turns, 100 first.
  test('c-icap asks for the rest of a preview and sends the same message back', async () => {
    await using folder = await tempDir();
    const file = await folder.write('text.txt', TEXT);
    await using server = await startCIcap();
    const out = folder.join('out');
    const args = ['icap', 'respmod', server.url('echo'), '--file', file, '--preview', '1024', '--out', out];
    const { exitCode, stdout } = await runCli([...args, '--no-204', '--expect', 'pass', '--json']);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      icap: { status: 200 },
      body: { sent: TEXT.length, continued: true, preview: { offered: 1024, sent: 1024, ieof: false } },
      result: { bytes: TEXT.length, changed: false },
    });
    expect((await readFile(out)).equals(TEXT)).toBe(true);
  });

  test('c-icap lets a request pass whose preview is all of it', async () => {
    await using folder = await tempDir();
    const file = await folder.write('form', 'a=1');
    await using server = await startCIcap();
    const args = ['icap', 'reqmod', server.url('echo'), '--file', file, '--preview', '1024', '--json'];
    const { stdout } = await runCli(args);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'pass', body: { preview: { ieof: true } } });
  });

  test('C-64 a 206 of c-icap is put together with the original', async () => {
    await using folder = await tempDir();
    const html = `<html>${'x'.repeat(5000)}</html>`;
    const file = await folder.write('a.html', html);
    const out = folder.join('out');
    await using server = await startCIcap();
    const args = ['icap', 'respmod', server.url('ex206'), '--file', file, '--preview', '100', '--allow-206'];
    const { exitCode, stdout } = await runCli([...args, '--out', out, '--expect', 'modify']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^206 modified: header and body changed/);
    expect(stdout).toContain('sent: 100 of 5013 bytes, the preview was enough');
    const adapted = await readFile(out, 'utf8');
    expect(adapted.startsWith('<html>')).toBe(true);
    expect(adapted.endsWith(html.slice(6))).toBe(true);
    expect(adapted.length).toBeGreaterThan(html.length);
  });

  test('standard input is the body where the file is -', async () => {
    await using server = await startCIcap();
    const args = ['icap', 'respmod', server.url('echo'), '--file', '-', '--no-204', '--json'];
    const { exitCode, stdout } = await piped(TEXT, args);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: 'pass',
      body: { size: TEXT.length, sent: TEXT.length },
    });
  });
});

describeWithPeer(['c-icap', 'virus_scan', 'clamd'], () => {
  test('K-62 a block of virus_scan is told with its threat', async () => {
    await using folder = await tempDir();
    const file = await folder.write('infected.com', eicar());
    await using clamd = await startClamd();
    await using server = await startCIcap({ clamdSocket: clamd.socketPath });
    const { exitCode, stdout } = await runCli([
      'icap',
      'respmod',
      server.url('avscan'),
      '--file',
      file,
      '--expect',
      'block',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout.split('\n')[0]).toContain(`BLOCKED: ${CLAMD_EICAR_NAME} (X-Infection-Found: `);
  });
});

test('our gateway blocks a virus and lets a text pass', async () => {
  await using folder = await tempDir();
  await folder.write('infected.com', eicar());
  await folder.write('text.txt', TEXT);
  await using weir = await startTestWeir();
  const url = `icap://127.0.0.1:${weir.gatewayPort}/sandblast`;
  const infected = await runCli(['icap', 'respmod', url, '--file', 'infected.com', '--user', 'alice'], {
    cwd: folder.path,
  });
  expect(infected.exitCode).toBe(0);
  expect(infected.stdout).toMatch(/^BLOCKED: \S+ \(X-Infection-Found: /);
  expect(infected.stdout).not.toContain('note:');
  const clean = await runCli(
    ['icap', 'reqmod', url, '--file', 'text.txt', '--preview', '4KiB', '--expect', 'pass'],
    {
      cwd: folder.path,
    },
  );
  expect(clean.stdout).toMatch(/^204 not modified/);
  expect(clean.stdout).not.toContain('note:');
  expect(clean.exitCode).toBe(0);
  const [record] = await weir.logged(({ kind, verdict }) => kind === 'gateway' && verdict === 'blocked');
  expect(record).toMatchObject({ user: 'Local://alice' });
  expect(path.posix.basename(new URL(record!.url).pathname)).toBe('infected.com');
});

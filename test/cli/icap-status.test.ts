import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { statusLines } from '../../src/cli/icap/status-output.ts';
import type { ServiceReport } from '../../src/dashboard/status.ts';
import { tokenFileIn, writeTokenFile } from '../../src/dashboard/access.ts';
import { type CliResult, runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir, type LocalWeir, type WeirSettings } from '../support/weir.ts';

const lame = async (): Promise<WeirSettings> => ({
  adaptation: {
    services: { scan: { url: `icap://127.0.0.1:${await freePort()}/scan` } },
    rules: [{ point: 'respmod', use: ['scan'] }],
  },
});

/** Runs the command as the user of that instance does: same configuration, and the port that it really has. */
function status(weir: LocalWeir, ...args: string[]): Promise<CliResult> {
  const url = `http://${weir.weir.dashboard!.address}`;
  return runCli(['icap', 'status', '--config', weir.folder.join('weir.yaml'), '--url', url, ...args]);
}

describe('weir icap status', () => {
  test('finds the token of the running instance by itself, and is content when all is up', async () => {
    await using weir = await startTestWeir();
    const { exitCode, stdout, stderr } = await status(weir);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^up {9}sandblast {2}icap:\/\/\S+\/sandblast\n {11}for \d+ s, in process\n$/);
    expect(exitCode).toBe(0);
  });

  test('exits with 1 and tells cause, next try and remedy when a service is not up', async () => {
    await using weir = await startTestWeir(await lame());
    const { exitCode, stdout } = await status(weir);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^down {7}scan {2}icap:\/\/127\.0\.0\.1:\d+\/scan\n/);
    expect(stdout).toMatch(/cannot connect .* \(ERR_ADAPT_UNAVAILABLE\); messages: block\n/);
    expect(stdout).toMatch(/(?:next try in \d+ s|being tried); Check that the ICAP server runs/);
  });

  test('--json prints what the dashboard says', async () => {
    await using weir = await startTestWeir(await lame());
    const { exitCode, stdout } = await status(weir, '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      services: [{ name: 'scan', state: 'down' }],
      steps: [{ name: 'scan', ready: false }],
    });
  });

  test('a configured token is taken from the configuration, or from --token', async () => {
    await using weir = await startTestWeir({
      dashboard: { listen: '127.0.0.1:0', token: 'configured-token' },
    });
    expect((await status(weir)).exitCode).toBe(0);
    expect((await status(weir, '--token', 'configured-token')).exitCode).toBe(0);
    const { exitCode, stderr } = await status(weir, '--token', 'wrong');
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/does not accept the token: give the token with --token/);
  });

  test('says what to do when nobody listens there', async () => {
    await using folder = await tempDir();
    writeTokenFile(tokenFileIn(folder.path), 'x'.repeat(32));
    const config = await folder.write('weir.yaml', `proxy: { certs: "${folder.path}" }\n`);
    const url = `http://127.0.0.1:${await freePort()}`;
    const { exitCode, stderr } = await runCli(['icap', 'status', '--config', config, '--url', url]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^weir: cannot reach the dashboard at 127\.0\.0\.1:\d+: .*ECONNREFUSED.*: start Weir, or/,
    );
  });

  test('says where the token should be when there is none', async () => {
    await using folder = await tempDir();
    const config = await folder.write('weir.yaml', `proxy: { certs: "${folder.path}" }\n`);
    const { exitCode, stderr } = await runCli(['icap', 'status', '--config', config]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`no token: ${folder.join('dashboard.token')} is not there`);
  });

  test('something else on that port is not taken for Weir', async () => {
    const server = createServer((_, response) => void response.end('<html>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { exitCode, stderr } = await runCli(['icap', 'status', '--url', url, '--token', 'x']);
      expect(exitCode).toBe(1);
      expect(stderr).toContain('answers 200 and no list of services');
    } finally {
      server.close();
    }
  });

  test.each([
    ['--url', 'ftp://x'],
    ['--url', 'nonsense'],
  ])('%s %s is wrong usage', async (flag, value) => {
    const { exitCode, stderr } = await runCli(['icap', 'status', flag, value, '--token', 'x']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--url: expected http://host:port');
  });
});

test('a peer cannot steer the terminal through what it says', () => {
  const service: ServiceReport = {
    ...{ name: 'scan', url: 'icap://h/x', inProcess: false, state: 'suspended', failures: 3 },
    since: new Date(0).toISOString(),
    nextTry: new Date(5000).toISOString(),
    cause: { code: 'ERR_ADAPT_STATUS', message: 'says \u001b[2Jgone', remedy: 'Read its log.' },
    ...{ onError: 'bypass', options: null },
    connections: { open: 1, idle: 0, waiting: 2, max: 8 },
  };
  const steps = [{ name: 'g', services: ['scan'], outliers: ['scan'], ready: true }];
  const lines = statusLines({ services: [service], steps }, { isTTY: false, write: () => true }, 3000);
  expect(lines).toEqual([
    'suspended  scan  icap://h/x',
    '           for 3 s, 1 of 8 connections, 0 idle, 2 messages wait, asked last: far worse than the others of its group',
    '           says \\x1b[2Jgone (ERR_ADAPT_STATUS); messages: bypass',
    '           next try in 2 s; Read its log.',
  ]);
});

import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { runCli } from '../support/runCli.ts';

test('--version prints the version of package.json and nothing else', async () => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  expect(await runCli(['--version'])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help lists every command and the exit codes', async () => {
  const { exitCode, stdout } = await runCli(['--help']);
  expect(exitCode).toBe(0);
  for (const command of ['start', 'proxy', 'gateway', 'check', 'ca', 'plugins']) {
    expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
  }
  expect(stdout).toContain('Exit codes: 0 fine, 1 failed at run time, 2 wrong usage or configuration.');
});

const COMMANDS = [
  'start',
  'proxy',
  'gateway',
  'check',
  'ca',
  'ca init',
  'ca show',
  'ca export',
  'plugins',
  'plugins list',
];

test.each(COMMANDS)('weir %s --help ends with an example', async (command) => {
  const { exitCode, stdout, stderr } = await runCli([...command.split(' '), '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    new RegExp(`Examples?:\\n(?:  weir .*\\n)*  weir ${command.split(' ')[0] ?? ''}.*\\n(?:  weir .*\\n)*$`),
  );
  expect(stderr).toBe('');
});

test('an unknown command names the nearest one and exits with 2', async () => {
  const { exitCode, stdout, stderr } = await runCli(['chekc']);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^weir: unknown command 'chekc'\n\(Did you mean check\?\)/);
});

test('an unknown option exits with 2 and points at --help', async () => {
  const { exitCode, stderr } = await runCli(['check', '--jsn']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^weir: unknown option '--jsn'\n\(Did you mean --json\?\)\n/);
  expect(stderr).toContain('--help');
});

test('options without a command are those of start', async () => {
  const { exitCode, stderr } = await runCli(['--config', 'no-such-file.yaml']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^no-such-file\.yaml {2}cannot be read \(ENOENT\)/);
});

test('a group of commands without a command prints its help and exits with 2', async () => {
  const { exitCode, stderr } = await runCli(['ca']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/Usage: weir ca/);
});

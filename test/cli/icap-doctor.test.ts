import { expect, test } from '@jest/globals';
import type { DoctorReport } from '../../src/icap/doctor/types.ts';
import { CHECKS } from '../../src/icap/doctor/catalogue.ts';
import { runCli } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { startLab } from '../icap/server/lab.ts';
import { SCANNER } from '../icap/doctor/faulty.ts';

const ESCAPE = '\u001b[';

test('a sound server gets exit code 0, a summary on top and a line for each check', async () => {
  await using lab = await startLab({ '/scan': SCANNER }, { via: 'ICAP/1.0 lab' });
  const url = `icap://127.0.0.1:${lab.port}/scan`;
  const { exitCode, stdout, stderr } = await runCli(['icap', 'doctor', url, '--only', 'options,preview']);
  expect(exitCode).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toMatch(new RegExp(`^${url}: .*\n +methods +REQMOD, RESPMOD\n +preview +1024 bytes\n`));
  expect(stdout).toMatch(/\nAdvice\n {2}- Set preview to 1024 bytes/);
  expect(stdout).toMatch(/\npreview\n {2}PASS {2}handles a preview of 0 bytes +100 Continue, then 200 OK\n/);
  expect(stdout).toMatch(
    /\n\d+ passed, 0 failed, 0 warnings, \d+ skipped \(\d+ connections, \d+ bytes, .*\)\n$/,
  );
  expect(stdout).not.toContain(ESCAPE);
});

test('a failed must-check gets exit code 1, with its id, meaning, rule and bytes', async () => {
  await using lab = await startLab({
    '/scan': { ...SCANNER, handle: () => Promise.reject(new Error('down')) },
  });
  const url = `icap://127.0.0.1:${lab.port}/scan`;
  const { exitCode, stdout } = await runCli(['icap', 'doctor', url, '--only', 'echo.respmod', '--problems']);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(
    /\n {2}FAIL {2}gives a usable answer to a RESPMOD request +answered 500 Server Error\n/,
  );
  expect(stdout).toMatch(
    /\n +id +echo\.respmod \(must\)\n +means .*\n +rule +RFC 3507 \S+4\.9\n +sent +RESPMOD icap:/,
  );
  expect(stdout).toMatch(/\n +got +ICAP\/1\.0 500 Server Error\\r\\n/);
});

test('a terminal gets colours and a line of progress that is wiped out', async () => {
  await using lab = await startLab({ '/scan': SCANNER });
  const url = `icap://127.0.0.1:${lab.port}/scan`;
  const { stdout, stderr } = await runCli(['icap', 'doctor', url, '--only', 'options.answers'], {
    isTTY: true,
  });
  expect(stdout).toContain(`${ESCAPE}32mPASS${ESCAPE}39m`);
  expect(stderr).toContain('[1/1] options.answers');
  expect(stderr.endsWith(`\r${ESCAPE}2K`)).toBe(true);
});

test('--json prints one object with summary, capabilities, advice and checks', async () => {
  await using lab = await startLab({ '/scan': SCANNER });
  const url = `icap://127.0.0.1:${lab.port}/scan`;
  const { exitCode, stdout } = await runCli([
    'icap',
    'doctor',
    url,
    '--json',
    '--only',
    'options',
    '--only',
    'istag.same',
  ]);
  const report = JSON.parse(stdout) as DoctorReport;
  expect(exitCode).toBe(0);
  expect(report).toMatchObject({
    url,
    summary: { fail: 0, ok: true, reached: true, total: report.checks.length },
    capabilities: { preview: 1024, methods: ['REQMOD', 'RESPMOD'], istag: '"G1"' },
  });
  expect(report.checks.at(-1)).toMatchObject({
    id: 'istag.same',
    group: 'istag',
    level: 'should',
    status: 'pass',
    saw: '"G1"',
    means: null,
    sent: expect.stringMatching(/^OPTIONS icap:/),
    received: expect.stringMatching(/^ICAP\/1\.0 200 OK/),
  });
});

test('a server that is not there gets exit code 1 and one finding', async () => {
  const port = await freePort();
  const { exitCode, stdout } = await runCli(['icap', 'doctor', `icap://127.0.0.1:${port}/scan`]);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/not reached: cannot connect to .*connection refused/);
  expect(stdout.match(/^ {2}(?:PASS|FAIL|WARN|SKIP) /gm)).toHaveLength(1);
});

test('a server that is not there gets exit code 1 also where a chosen check would not say so', async () => {
  const port = await freePort();
  const { exitCode, stdout } = await runCli([
    'icap',
    'doctor',
    `icap://127.0.0.1:${port}/scan`,
    '--only',
    'preview',
  ]);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/not reached: cannot connect to .*connection refused/);
});

test('--list prints every check and asks no server', async () => {
  const { exitCode, stdout } = await runCli(['icap', 'doctor', '--list']);
  expect(exitCode).toBe(0);
  expect(CHECKS.filter(({ id }) => !stdout.includes(` ${id}`))).toEqual([]);
  const json = await runCli(['icap', 'doctor', '--list', '--json', '--only', 'uri']);
  expect((JSON.parse(json.stdout) as { group: string }[]).every(({ group }) => group === 'uri')).toBe(true);
});

test.each([
  [['icap', 'doctor'], /missing icap-url/],
  [['icap', 'doctor', 'http://127.0.0.1/'], /scheme is http/],
  [['icap', 'doctor', 'icap://127.0.0.1/', '--only', 'verdikt'], /did you mean verdict\?/],
  [['icap', 'doctor', 'icap://127.0.0.1/', '--timeout', 'soon'], /--timeout/],
  [['icap', 'doctor', 'icaps://127.0.0.1/', '--ca', 'missing.pem'], /missing\.pem/],
])('%j is refused with exit code 2', async (args, message) => {
  const { exitCode, stderr } = await runCli(args);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(message);
});

test('--help has an example', async () => {
  const { exitCode, stdout } = await runCli(['icap', 'doctor', '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/Examples?:\n {2}weir icap doctor icap:\/\//);
  expect(stdout).toMatch(/--timeout <duration> .*\(default: 5s\)/);
});

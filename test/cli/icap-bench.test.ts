import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NO_CONTENT, PAGE, optionsAnswer, scriptedIcap } from '../icap/client/scripted-icap.ts';
import { runCli, spawnWeir } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';
import { startTestWeir, type TestWeir } from '../support/weir.ts';

const CHILD_START_MS = 120_000; // may have to build first

let weir: TestWeir;
let echo: string;
beforeAll(async () => {
  weir = await startTestWeir();
  echo = `icap://127.0.0.1:${weir.gatewayPort}/echo`;
});
afterAll(async () => {
  await weir[Symbol.asyncDispose]();
});

test('prints throughput, percentiles, answers, bytes and errors for people', async () => {
  const { exitCode, stdout, stderr } = await runCli(['icap', 'bench', echo, '--requests', '1200']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toContain(`RESPMOD ${echo}, body 64 KiB, preview 4 KiB, Allow: 204\n`);
  expect(stdout).toContain('8 connections, closed loop\n');
  expect(stdout).toMatch(/^exchanges +1,200 in \d+\.\d s: [\d,]+ \/s$/m);
  expect(stdout).toMatch(/^latency +p50 [\d.]+ ms {3}p90 .* p99 .* p99\.9 [\d.]+ ms {3}max [\d.]+ ms$/m);
  expect(stdout).toMatch(/^answers +204: 1,200$/m);
  expect(stdout).toMatch(/^bytes +sent 5\.\d MiB \([\d.]+ MB\/s\), received /m);
  expect(stdout).toMatch(/^errors +none$/m);
  expect(stdout).not.toContain('\u001b');
});

test('--json is one object with the settings, the service and the figures', async () => {
  const args = ['--method', 'reqmod', '--requests', '50', '--connections', '2', '--json'];
  const { exitCode, stdout } = await runCli(['icap', 'bench', echo, ...args]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ url: echo, method: 'REQMOD', bodyBytes: null, preview: null, allow204: true, connections: 2 },
    ...{ requests: 50, rate: null, warmupMs: 0, ending: 'requests', exchanges: 50, failed: 0, errors: [] },
    ...{ statuses: { 204: 50 }, changed: 0, unsent: null, doubts: [] },
    latencyMs: { p50: expect.any(Number), p999: expect.any(Number), max: expect.any(Number) },
  });
});

test('the body is the file, the preview as told, and --no-204 brings the body back', async () => {
  await using folder = await tempDir();
  await folder.write('page.html', 'x'.repeat(5000));
  const args = [
    '--file',
    'page.html',
    '--preview',
    'none',
    '--no-204',
    '--same-body',
    '--requests',
    '20',
    '--json',
  ];
  const { exitCode, stdout } = await runCli(['icap', 'bench', echo, ...args], { cwd: folder.path });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ bodyBytes: 5000, preview: null, statuses: { 200: 20 } });
});

test('an open loop names its rate, and a service that cannot keep up is said so', async () => {
  await using slow = await scriptedIcap((peer) => void setTimeout(() => peer.send(NO_CONTENT), 100));
  const url = `icap://127.0.0.1:${slow.port}/slow`;
  const args = [
    '--rate',
    '200',
    '--duration',
    '300ms',
    '--warmup',
    '0s',
    '--connections',
    '1',
    '--method',
    'reqmod',
  ];
  const { exitCode, stdout, stderr } = await runCli(['icap', 'bench', url, ...args]);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('1 connection, 200 exchanges a second\n');
  expect(stderr).toMatch(/^warning: the service did not keep up with 200 a second: \d+ exchanges/m);
});

test('failed exchanges are told by kind with the first of each, and the exit code is 1', async () => {
  const { exitCode, stdout } = await runCli(['icap', 'bench', echo, '--requests', '5', '--expect', '200']);
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/^errors +5 exchanges failed\n +status: 5, the first: 204 No Content$/m);
});

test('what a server says cannot steer the terminal', async () => {
  await using server = await scriptedIcap((peer) => peer.send('ICAP/1.0 500 \u009b31mred\r\n\r\n'));
  const url = `icap://127.0.0.1:${server.port}/bad`;
  const { exitCode, stdout } = await runCli(['icap', 'bench', url, '--method', 'reqmod', '--requests', '1']);
  expect(exitCode).toBe(1);
  expect(stdout).toContain('500 \\x9b31mred');
});

test('doubts about the figures are warnings: a changed body, more connections than the service wants', async () => {
  await using server = await scriptedIcap((peer) => peer.send(PAGE), {
    options: () => optionsAnswer(['Max-Connections: 3']),
  });
  const url = `icap://127.0.0.1:${server.port}/page`;
  const { exitCode, stderr } = await runCli(['icap', 'bench', url, '--method', 'reqmod', '--requests', '4']);
  expect(exitCode).toBe(0);
  expect(stderr).toContain('warning: 8 connections, and the service asks for 3 at most\n');
  expect(stderr).toContain('warning: 4 answers brought a body of another length');
});

test('on a terminal a line moves on standard error and is erased; the figures stay on standard output', async () => {
  const args = ['--duration', '500ms', '--warmup', '0s', '--method', 'options'];
  const { stdout, stderr } = await runCli(['icap', 'bench', echo, ...args], { isTTY: true });
  expect(stderr).toMatch(/measuring .+ \d+ % {2}[\d,]+ \/s {2}p99 /);
  expect(stderr).toMatch(/\r\u001b\[K$/);
  expect(stdout).toContain('\u001b[32mnone\u001b[39m');
});

test.each([
  [['--connections', '0'], /--connections: expected a whole number 1\.\.1024, got 0/],
  [['--connections', '1025'], /--connections/],
  [['--rate', '1.5'], /--rate: expected a whole number 1\.\.100000/],
  [['--duration', '10'], /--duration: expected a duration such as 250ms, 30s/],
  [['--duration', '2h'], /--duration: expected 1ms\.\.1h/],
  [['--requests', '-1'], /--requests/],
  [['--warmup', '1h'], /--warmup/],
  [['--method', 'get'], /--method: expected one of options, reqmod, respmod/],
  [['--size', '1GiB'], /--size: expected 0\.\.256MiB/],
  [['--size', '1', '--file', 'x'], /--size and --file exclude each other/],
  [['--method', 'options', '--size', '1'], /--size: OPTIONS has no body/],
  [['--file', 'no-such-file'], /--file: cannot read no-such-file: ENOENT/],
  [['--preview', 'some'], /--preview: expected/],
  [['--expect', '204,99'], /--expect: expected a whole number 200\.\.599, got 99/],
  [['--timeout', '0ms'], /--timeout/],
  [['--url', 'ftp://x/'], /--url: expected a URL that begins with http:\/\/, https:\/\//],
  [['--header', 'nonsense'], /--header: expected 'Name: value'/],
])('%j is wrong usage, told with the flag and what is allowed', async (args, message) => {
  const { exitCode, stdout, stderr } = await runCli(['icap', 'bench', echo, ...args]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(message);
});

// 192.0.2.0/24 is for documentation (RFC 5737): nothing of it is ever reached.
test.each([
  [['--connections', '65'], '65 connections'],
  [['--duration', '11s'], '11s of load'],
  [['--rate', '1001'], '1001 exchanges a second'],
  [['--warmup', '1m', '--rate', '2000'], '1m of warm-up, 2000 exchanges a second'],
])('%j against another machine needs --yes', async (args, what) => {
  const { exitCode, stderr } = await runCli(['icap', 'bench', 'icap://192.0.2.1/scan', ...args]);
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`weir: ${what} against 192.0.2.1, which is another machine: add --yes`);
});

test('a service that is not there, or does not offer the method, ends with 1 before any load', async () => {
  const nobody = await runCli(['icap', 'bench', `icap://127.0.0.1:${await freePort()}/x`]);
  expect(nobody).toMatchObject({ exitCode: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/^weir: cannot connect to 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
  const unknown = await runCli(['icap', 'bench', `icap://127.0.0.1:${weir.gatewayPort}/none`]);
  expect(unknown).toMatchObject({ exitCode: 1, stdout: '' });
  expect(unknown.stderr).toMatch(/OPTIONS was answered 404/);
  const info = await runCli(['icap', 'bench', `icap://127.0.0.1:${weir.gatewayPort}/info`]);
  expect(info).toMatchObject({ exitCode: 1, stdout: '' });
  expect(info.stderr).toMatch(/offers REQMOD, not RESPMOD/);
});

test('--help has examples and says what needs --yes', async () => {
  const { exitCode, stdout } = await runCli(['icap', 'bench', '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('weir icap bench icap://127.0.0.1:1344/echo');
  expect(stdout).toMatch(/64 connections, 10 s or a rate of 1000 needs --yes/);
});

test(
  'Ctrl-C stops and prints what was measured',
  async () => {
    let answered = 0;
    let enough: () => void = () => {};
    const underWay = new Promise<void>((resolve) => (enough = resolve));
    await using server = await scriptedIcap((peer) => {
      peer.send(NO_CONTENT);
      if (++answered === 100) enough();
    });
    const args = ['--method', 'reqmod', '--duration', '10m', '--warmup', '0s', '--json'];
    await using child = spawnWeir(['icap', 'bench', `icap://127.0.0.1:${server.port}/x`, ...args]);
    await Promise.race([underWay, child.exited]);
    child.child.kill('SIGINT');
    expect({ code: await child.exited, stderr: child.stderr() }).toMatchObject({ code: 0 });
    const report = JSON.parse(child.stdout()) as { ending: string; exchanges: number; failed: number };
    expect(report).toMatchObject({ ending: 'stopped', failed: 0 });
    expect(report.exchanges).toBeGreaterThanOrEqual(90); // up to 8 were under way
  },
  CHILD_START_MS,
);

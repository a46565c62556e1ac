import { readdir } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { checkConfigObject } from '../../src/config/load.ts';
import { labConfig } from '../../src/demo/lab-config.ts';
import type { DemoReport } from '../../src/demo/report.ts';
import { runCli, spawnWeir } from '../support/runCli.ts';
import { freePort } from '../support/supervised.ts';
import { tempDir } from '../support/tempDir.ts';

const START_LIMIT_MS = 120_000; // may have to build first
const SERVICE_PATH = /^"\/[a-z]+"$/; // of an ICAP URL
const STEPS = ['client', 'TLS', 'REQMOD', 'origin', 'RESPMOD', 'user got'];

test('demo --json plays every scenario, each with the verdict that it must get and six steps of its trace', async () => {
  const { exitCode, stdout, stderr } = await runCli(['demo', '--json']);
  const report = JSON.parse(stdout) as DemoReport;
  const failed = report.scenarios.filter(({ ok }) => !ok);
  expect(failed).toEqual([]);
  expect({ exitCode, stderr, ok: report.ok, chain: report.chain }).toEqual({
    ...{ exitCode: 0, stderr: '', ok: true, chain: null },
  });
  const seen = new Map(
    report.scenarios.map(({ name, transactions }) => [name, transactions.map((one) => one.seen)]),
  );
  expect(Object.fromEntries(seen)).toMatchObject({
    'clean-page': ['allowed'],
    'malware-download': ['blocked'],
    'malicious-script': ['blocked'],
    'forbidden-upload': ['blocked'],
    'web-socket': ['blocked'],
    'spliced-host': ['bypassed'],
    'request-satisfaction': ['modified'],
    'background-and-hold': ['allowed', 'blocked', 'blocked'],
  });
  for (const { transactions } of report.scenarios) {
    expect(transactions.length).toBeGreaterThan(0);
    for (const { steps } of transactions) expect(steps.map(({ name }) => name)).toEqual(STEPS);
  }
}, 30_000);

test('everything that the lab writes lies in its own folder', () => {
  const places = { folder: '/tmp/lab', originCa: '/tmp/lab/ca.pem', notice: 'icap://127.0.0.1:1/n' };
  const settings = labConfig({ ...places, gatewayPort: 1344, chain: null });
  const { plugins: _, ...config } = checkConfigObject(settings, '/tmp/lab').config;
  const paths = JSON.stringify(config).match(/"\/[^"]*"/g) ?? [];
  const others = paths.filter((text) => !text.startsWith('"/tmp/lab/') && !SERVICE_PATH.test(text));
  expect(others).toEqual([]);
  expect(paths).toContain('"/tmp/lab/quarantine"');
});

test('demo tells a story of 80 columns without colours, and a table, where there is no terminal', async () => {
  const { exitCode, stdout } = await runCli(['demo']);
  expect(exitCode).toBe(0);
  expect(stdout).not.toContain('\u001b');
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  expect(stdout).toMatch(/^2 {2}Malware in a ZIP archive -+ \+ as expected$/m);
  expect(stdout).toMatch(/^ {3}3 REQMOD {3}notice at 127\.0\.0\.1:\d+: modified, ICAP 200/m);
  expect(stdout).toMatch(/^ {14}for EICAR-Test-File, found by antivirus$/m);
  expect(stdout).toMatch(/^ \+ +1 +A clean page +allowed +allowed/m);
  expect(stdout).toMatch(/^All \d+ scenarios ended as expected\.$/m);
}, 30_000);

test('demo on a terminal paints verdicts and shows what it is doing', async () => {
  const { stdout, stderr } = await runCli(['demo', '--chain', `icap://127.0.0.1:${await freePort()}/none`], {
    isTTY: true,
  });
  expect(stdout).toContain('\u001b[31merror\u001b[0m');
  expect(Buffer.from(stdout, 'latin1').toString()).toContain('✘');
  expect(stderr).toContain('\r\u001b[K');
  expect(stderr.endsWith('\r\u001b[K')).toBe(true);
}, 30_000);

test('demo --chain against a server that is not there ends with 1 and shows what came', async () => {
  const url = `icap://127.0.0.1:${await freePort()}/none`;
  const { exitCode, stdout } = await runCli(['demo', '--chain', url]);
  expect(exitCode).toBe(1);
  expect(stdout).toContain(`judged by  ${url}`);
  expect(stdout).toMatch(/may not know it, and let it pass/);
  expect(stdout).toMatch(/expected blocked, seen error/);
  expect(stdout).toMatch(/ERR_ADAPT_UNAVAILABLE/);
}, 30_000);

test('demo --chain with something that is no ICAP URL ends with 2 and says what one looks like', async () => {
  const { exitCode, stdout, stderr } = await runCli(['demo', '--chain', 'http://scanner.example/']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toMatch(/--chain.*icap:\/\//);
});

test('demo refuses --json together with --keep or --browser', async () => {
  for (const flag of ['--keep', '--browser']) {
    const { exitCode, stderr } = await runCli(['demo', '--json', flag]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/cannot be used with/);
  }
});

test(
  'demo --keep leaves the lab up until Ctrl-C, then ends with 0 and leaves no file',
  async () => {
    await using folder = await tempDir();
    await using demo = spawnWeir(['demo', '--keep'], { env: { TMPDIR: folder.path } });
    const [, dashboard] = await demo.prints(/dashboard {2}(http:\S+)/, START_LIMIT_MS);
    await demo.prints(/curl -x http:\S+ --cacert \S+ https:\S+invoice\.zip/);
    expect((await fetch(`${dashboard}healthz`)).status).toBe(200);
    expect(await readdir(folder.path)).toEqual([expect.stringMatching(/^weir-demo-/)]);
    demo.child.kill('SIGINT');
    expect(await demo.exited).toBe(0);
    expect(await readdir(folder.path)).toEqual([]);
  },
  START_LIMIT_MS,
);

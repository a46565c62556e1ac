import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
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
  const page = await readFile(new URL('../../docs/demo.md', import.meta.url), 'utf8');
  const described: unknown = JSON.parse(/^```json\n([^]*?)^```$/m.exec(page)![1]!);
  expect(keysMissing(described, report)).toEqual([]);
}, 30_000);

/** Paths of keys that the example has and the document has not; lists are held to their first element. */
function keysMissing(example: unknown, document: unknown, at = ''): string[] {
  if (typeof example !== 'object' || example === null) return [];
  if (typeof document !== 'object' || document === null) return [at];
  if (Array.isArray(example))
    return example.length === 0 ? [] : keysMissing(example[0], (document as unknown[])[0], `${at}[]`);
  return Object.entries(example).flatMap(([key, value]) =>
    Object.hasOwn(document, key)
      ? keysMissing(value, (document as Record<string, unknown>)[key], `${at}.${key}`)
      : [`${at}.${key}`],
  );
}

test('everything that the lab writes lies in its own folder', () => {
  const places = { folder: '/tmp/lab', originCa: '/tmp/lab/ca.pem', notice: 'icap://127.0.0.1:1/n' };
  const { plugins: _, ...config } = labConfig({ ...places, gatewayPort: 1344, chain: null });
  const paths = JSON.stringify(config).match(/"\/[^"]*"/g) ?? [];
  const others = paths.filter((text) => !/^"\/tmp\/lab["/]/.test(text) && !SERVICE_PATH.test(text));
  expect(others).toEqual([]);
  expect(paths).toContain('"/tmp/lab/quarantine"');
});

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
  'demo --keep tells a plain story of 80 columns, stays up until Ctrl-C, and leaves no file',
  async () => {
    await using folder = await tempDir();
    await using demo = spawnWeir(['demo', '--keep'], { env: { TMPDIR: folder.path } });
    const [, dashboard] = await demo.prints(/dashboard {2}(http:\S+)/, START_LIMIT_MS);
    await demo.prints(/curl -x http:\S+ --cacert \S+ https:\S+invoice\.zip/);
    const [story] = demo.stdout().split('The lab stays up');
    expect(story).not.toContain('\u001b');
    expect(story!.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(story).toMatch(/^2 {2}Malware in a ZIP archive -+ \+ as expected$/m);
    expect(story).toMatch(/^ {3}3 REQMOD {3}notice at 127\.0\.0\.1:\d+: modified, ICAP 200/m);
    expect(story).toMatch(/^ {14}for EICAR-Test-File, found by antivirus$/m);
    expect(story).toMatch(/^ \+ +1 +A clean page +allowed +allowed/m);
    expect(story).toMatch(/^All \d+ scenarios ended as expected\.$/m);
    expect((await fetch(new URL('/healthz', dashboard))).status).toBe(200);
    expect(await readdir(folder.path)).toEqual([expect.stringMatching(/^weir-demo-/)]);
    demo.child.kill('SIGINT');
    expect(await demo.exited).toBe(0);
    expect(await readdir(folder.path)).toEqual([]);
  },
  START_LIMIT_MS,
);

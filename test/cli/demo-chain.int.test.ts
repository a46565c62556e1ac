// `weir demo --chain` against a real ICAP server of somebody else: c-icap, which lets everything pass.

import { expect, test } from '@jest/globals';
import type { DemoReport } from '../../src/demo/report.ts';
import { startCIcap } from '../support/peers/c-icap.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { runCli } from '../support/runCli.ts';

describeWithPeer('c-icap', () => {
  test('demo --chain shows what c-icap made of each scenario, and ends with 1 where it lets malware pass', async () => {
    await using server = await startCIcap();
    const { exitCode, stdout, stderr } = await runCli(['demo', '--chain', server.url('echo'), '--json']);
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as DemoReport;
    expect({ exitCode, ok: report.ok, chain: report.chain }).toEqual({
      ...{ exitCode: 1, ok: false, chain: server.url('echo') },
    });
    const seen = report.scenarios.map(({ name, ok, failure, transactions }) => {
      return [name, ok, failure, ...transactions.map((one) => one.seen)];
    });
    expect(seen).toEqual([
      ['clean-page', true, null, 'modified'], // the same bytes again
      ['malware-download', false, null, 'allowed'],
      ['malicious-script', false, null, 'modified'],
      ['forbidden-upload', false, null, 'modified'],
      ['web-socket', false, null, 'modified'],
      ['spliced-host', true, null, 'bypassed'],
      ['request-satisfaction', true, null, 'modified'],
    ]);
    const [clean] = report.scenarios;
    expect(clean!.transactions[0]!.steps[4]!.lines[0]).toMatch(
      /^yours at 127\.0\.0\.1:\d+: modified, ICAP 200/,
    );
    expect(await server.accessLog(/RESPMOD echo/)).toMatch(/REQMOD/);
  }, 60_000);
});

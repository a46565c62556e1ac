import { describe, expect, test } from '@jest/globals';

import { type ServerMeasurement, workers } from '../../bench/icap-server/measure.ts';
import { parseServerOptions } from '../../bench/icap-server/options.ts';
import { answersTable, ratioTable, scalingTable, serverPage } from '../../bench/icap-server/report.ts';
import { gatewayConfiguration } from '../../bench/icap-server/servers.ts';
import {
  type ScalingMeasurement,
  type ServerRunResult,
  summarizeScaling,
  summarizeServers,
} from '../../bench/icap-server/summary.ts';
import { SCALING_ID, type ServerId, SERVER_WORKS } from '../../bench/icap-server/works.ts';
import { UsageError } from '../../bench/options.ts';
import { loadConfig } from '../../src/config/load.ts';
import { tempDir } from '../support/tempDir.ts';

function measured(
  peer: ServerId,
  round: number,
  cpuMicros: number,
  more: Partial<ServerMeasurement> = {},
): ServerMeasurement {
  return {
    ...{ work: '64k-preview', peer, round, exchanges: 1000, perSecond: 1e6 / cpuMicros, bytesPerSecond: 5e8 },
    ...{ cpuMicros, p50Ms: 1, p99Ms: 2, share204: 1, shareContinued: 0, rssBytes: 2 ** 20, serverShare: 1 },
    ...{ loadShare: 0.5, foreignShare: 0, processMicros: [cpuMicros] },
    ...more,
  };
}

function result(changes: Partial<ServerRunResult>): ServerRunResult {
  return {
    ...{ peers: ['weir', 'c-icap'], works: ['64k-preview'], measurements: [], scaling: [], failures: [] },
    loadApart: false,
    ...changes,
  };
}

describe('options', () => {
  test('without arguments every work and both servers run three rounds, for the page', () => {
    const options = parseServerOptions([]);
    expect(options).toMatchObject({
      peers: ['weir', 'c-icap'],
      rounds: 3,
      seconds: 3,
      full: true,
      build: true,
    });
    expect(options.works).toEqual([...SERVER_WORKS.map(({ id }) => id), SCALING_ID]);
  });

  test('a narrowed run is not fit for the page', () => {
    for (const args of [['--quick'], ['--only', 'options'], ['--peers', 'weir'], ['--profile']]) {
      expect(parseServerOptions(args).full).toBe(false);
    }
  });

  test.each([
    [['--only', '2k'], /--only: expected some of options, reqmod/],
    [['--peers', 'squid'], /--peers/],
    [['--rounds', '0'], /--rounds/],
  ])('refuses %j', (args, message) => {
    expect(() => parseServerOptions(args)).toThrow(UsageError);
    expect(() => parseServerOptions(args)).toThrow(message);
  });
});

test.each([0, 1, 2])('the configuration for %d workers is accepted and has both services', async (count) => {
  await using folder = await tempDir();
  const text = JSON.stringify(gatewayConfiguration(12_344, 12_345, count));
  const { config } = await loadConfig({ path: await folder.write('weir.yaml', text) });
  expect(Object.values(config.gateway.services).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['echo', 'whole']),
  );
});

describe('ratios', () => {
  test('are taken within each round, c-icap’s cost over Weir’s, and their median counts', () => {
    const measurements = [10, 20, 90].flatMap((cost, index) => [
      measured('weir', index + 1, cost),
      measured('c-icap', index + 1, cost * (index + 1), { p99Ms: 1 }),
    ]);
    const [row] = summarizeServers(result({ measurements }));
    expect(row).toMatchObject({ cpuRatio: 2, rateRatio: 2, p99Ratio: 2, met: true });
    expect(row!.cells.get('weir')).toMatchObject({ cpuMicros: 20 });
  });

  test('are missing where a server failed, and the table says so', () => {
    const failures = [{ work: '64k-preview', peer: 'c-icap' as const, reason: 'it fell\nover' }];
    const only = result({ measurements: [measured('weir', 1, 10)], failures });
    const rows = summarizeServers(only);
    expect(rows[0]).toMatchObject({ cpuRatio: undefined, met: undefined });
    expect(ratioTable(rows, only)[1]).toEqual(expect.arrayContaining(['failed', '–']));
    expect(
      serverPage(only, { cpu: 'x', cores: 2, node: '20', squid: undefined, cIcap: '1', origin: '' }, 1, 'd'),
    ).toContain('- c-icap, 64k-preview: it fell\n');
  });

  test('the answers of each server stand beside its latency', () => {
    const measurements = [
      measured('weir', 1, 10),
      measured('c-icap', 1, 100, { share204: 0.5, shareContinued: 0.5, p99Ms: 4 }),
    ];
    const run = result({ measurements });
    const [, line] = answersTable(summarizeServers(run), run);
    expect(line![1]).toMatch(/^204; 1\.00 ms \/ 2\.00 ms; /);
    expect(line![2]).toMatch(/^204: 50 %, 200: 50 %, after 100: 50 %; /);
    expect(line![3]).toBe('0.50: no worse');
  });
});

describe('workers', () => {
  const scaled = (count: 1 | 2, cpuMicros: number, processMicros: number[]): ScalingMeasurement => ({
    ...measured('weir', 1, cpuMicros, { work: 'reqmod', processMicros }),
    workers: count,
  });
  const run = (two: ScalingMeasurement, loadApart = false): ServerRunResult =>
    result({ works: [SCALING_ID], scaling: [scaled(1, 20, [20]), two], loadApart });

  test('two that cost as much an exchange as one count twice, whatever throughput the generator left them', () => {
    const shared = run({ ...scaled(2, 20, [11, 9]), perSecond: 60_000 });
    const [row] = summarizeScaling(shared);
    expect(row).toMatchObject({ limitedRatio: 2, met: true, processes: 2 });
    expect(row!.measuredRatio).toBeCloseTo(1.2);
    expect(scalingTable(shared)[1]!.slice(3)).toEqual(['2, 82 %', '2.00', '1.20', '≥ 1.7: met']);
    const [apart] = summarizeScaling(run({ ...scaled(2, 20, [11, 9]), perSecond: 60_000 }, true));
    expect(apart!.met).toBe(false);
  });

  test('with one process at work there is nothing to compare', () => {
    const [row] = summarizeScaling(run(scaled(2, 20, [20])));
    expect(row!.met).toBeUndefined();
    expect(scalingTable(run(scaled(2, 20, [20])))[1]).toContain('not in this version');
  });

  test('processes that did next to nothing are not counted as working', () => {
    const before = new Map([
      [1, 500],
      [2, 1000],
      [3, 0],
    ]);
    const after = new Map([
      [1, 510],
      [2, 2000],
      [3, 800],
    ]);
    expect(workers(before, after)).toEqual([1000, 800]);
  });
});

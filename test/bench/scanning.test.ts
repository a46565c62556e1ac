import { describe, expect, test } from '@jest/globals';
import { gunzipSync } from 'node:zlib';
import { archive, text, writeBodies } from '../../bench/scanning/bodies.ts';
import type { ArchivesMeasurement, ScanMeasurement } from '../../bench/scanning/measure.ts';
import { parseScanOptions } from '../../bench/scanning/options.ts';
import { claimTable, scanPage } from '../../bench/scanning/report.ts';
import { scanConfiguration } from '../../bench/scanning/servers.ts';
import { signatures } from '../../bench/scanning/signatures.ts';
import { claims, disturbedShareOf, type ScanResult } from '../../bench/scanning/summary.ts';
import { ARCHIVES_ID, SCAN_WORKS, type ScanServerId } from '../../bench/scanning/works.ts';
import { UsageError } from '../../bench/options.ts';
import { loadConfig } from '../../src/config/load.ts';
import { Ledger, memorySource, walk } from '../../src/detect/index.ts';
import { readFile } from 'node:fs/promises';
import { tempDir } from '../support/tempDir.ts';

function measured(work: string, server: ScanServerId, round: number, cpuMicros: number): ScanMeasurement {
  return {
    ...{ work, server, round, exchanges: 100, perSecond: 1000, cpuMicros, partMicros: [cpuMicros] },
    ...{ p50Ms: cpuMicros / 1000, p99Ms: 9, rssBytes: 2 ** 20, foreignShare: round === 2 ? 0.4 : 0 },
  };
}

const beside: ArchivesMeasurement = {
  ...{ round: 1, seconds: 20, exchanges: 1000, p50Ms: 0.1, p99Ms: 25, maxMs: 40, quietP99Ms: 1 },
  rssBytes: 2 ** 20,
};

function result(measurements: ScanMeasurement[], changes: Partial<ScanResult> = {}): ScanResult {
  return { measurements, archives: [], failures: [], hashMicros: { '1k': 2, '64k': 40 }, ...changes };
}

describe('options', () => {
  test('without arguments every work runs, for the page; a narrowed run is not fit for it', () => {
    const options = parseScanOptions([]);
    expect(options).toMatchObject({ rounds: 3, seconds: 3, full: true, build: true });
    expect(options.works).toEqual([...SCAN_WORKS.map(({ id }) => id), ARCHIVES_ID]);
    for (const args of [['--quick'], ['--only', '1m-gzip'], ['--profile']]) {
      expect(parseScanOptions(args).full).toBe(false);
    }
  });

  test('refuses a work that there is not', () => {
    expect(() => parseScanOptions(['--only', '2m'])).toThrow(UsageError);
  });
});

test('the configuration is accepted and has a service for each way', async () => {
  await using folder = await tempDir();
  const content = JSON.stringify(scanConfiguration(12_344, 12_345, folder.path));
  const { config } = await loadConfig({ path: await folder.write('weir.yaml', content) });
  expect(Object.values(config.gateway.services).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['echo', 'scan', 'cached']),
  );
});

describe('bodies', () => {
  test('are the same in each run, and match no signature', async () => {
    await using folder = await tempDir();
    const bodies = writeBodies(folder.path);
    const plain = await readFile(bodies['text-1m'].file);
    expect(plain.equals(text(2 ** 20))).toBe(true);
    expect(gunzipSync(await readFile(bodies['gzip-1m'].file)).equals(plain)).toBe(true);
    const all = signatures(2000);
    expect(new Set(all).size).toBe(2000);
    expect(all.filter((hex) => plain.includes(Buffer.from(hex, 'hex')))).toEqual([]);
  });

  test('an archive opens, and no member is left out', async () => {
    const ledger = new Ledger();
    let members = 0;
    for await (const content of walk(memorySource(archive(2 ** 20)), ledger)) {
      let bytes = 0;
      for await (const chunk of content.chunks) bytes += chunk.length;
      if (content.path === '') continue;
      members += 1;
      expect(bytes).toBe(256 * 1024);
    }
    expect(members).toBeGreaterThan(5);
    expect(ledger.troubles).toEqual([]);
  });
});

describe('claims', () => {
  test('are medians of what was measured within a round, and say whether they are met', () => {
    const measurements = [1, 2, 3].flatMap((round) => [
      measured('1m-text', 'weir', round, 1000 * round),
      measured('1m-text', 'c-icap', round, 400 * round),
      measured('1k-cached', 'weir', round, 60 + round),
      measured('1k-passed', 'weir', round, 20),
      measured('1k-text', 'weir', round, 800),
      measured('1k-echo', 'weir', round, 100),
    ]);
    const run = result(measurements, { archives: [beside] });
    expect(disturbedShareOf(run)).toBeCloseTo(1 / 3);
    expect(claims(run).map(({ value }) => Number(value.toFixed(3)))).toEqual([2.5, 40, 0.7, 25]);
    expect(claimTable(run).map((line) => line[2])).toEqual([
      'target',
      '≤ 2: missed',
      '≤ 50 µs: met',
      '≤ 1 ms: met',
      '≤ 20 ms: missed',
    ]);
  });

  test('are left out where a side failed, and the page says why', () => {
    const failures = [{ work: 'start', server: 'c-icap' as const, reason: 'no clamd\nat all' }];
    const run = result([measured('1m-text', 'weir', 1, 1000)], { failures });
    expect(claims(run)).toEqual([]);
    const machine = { cpu: 'x', cores: 2, node: '20', squid: undefined, cIcap: '1', origin: '' };
    const page = scanPage(run, { machine, clamd: '1' }, 1, 'd');
    expect(page).toContain('- c-icap, start: no clamd\n');
    expect(page).toContain('| failed |');
  });
});

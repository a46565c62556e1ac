import { describe, expect, test } from '@jest/globals';

import type { Measurement } from '../../bench/measure.ts';
import { performancePage } from '../../bench/report/page.ts';
import { summarize, type RunResult } from '../../bench/report/summary.ts';
import { alignedLines, mainTable, markdownLines } from '../../bench/report/table.ts';
import type { PeerId } from '../../bench/works.ts';

function measured(
  peer: PeerId,
  round: number,
  cpuMicros: number,
  perSecond: number,
  more: Partial<Measurement> = {},
): Measurement {
  return {
    work: '1k',
    peer,
    round,
    exchanges: 1000,
    seconds: 1,
    perSecond,
    bytesPerSecond: perSecond * 1024,
    cpuMicros,
    icapMicros: peer === 'weir-icap' ? 75 : null,
    p50Ms: 10,
    p99Ms: 15,
    reopened: 0,
    peakRssBytes: 100 * 1024 ** 2,
    peerShare: 1,
    loadShare: 0.5,
    foreignShare: 0,
    ...more,
  };
}

const result: RunResult = {
  peers: ['squid', 'weir-icap', 'weir-inprocess', 'weir-alone'],
  works: ['1k', 'idle'],
  measurements: [
    measured('squid', 1, 300, 3000),
    measured('squid', 2, 600, 1500),
    measured('squid', 3, 330, 3000),
    measured('weir-icap', 1, 200, 4500),
    measured('weir-icap', 2, 400, 2250),
    measured('weir-icap', 3, 110, 9000, { loadShare: 0.99 }),
    measured('weir-alone', 1, 80, 12_000, { loadShare: 0.99 }),
  ],
  idle: [{ peer: 'squid', bytesPerTunnel: 216_000 }],
  failures: [{ peer: 'weir-inprocess', work: 'start', reason: 'gateway.listen: in use\nmore' }],
};

describe('the summary', () => {
  const cells = summarize(result)[0]?.cells;

  test('takes ratios within rounds and then their median', () => {
    // Medians first would give 330 / 200.
    expect(cells?.get('weir-icap')).toMatchObject({
      cpuMicros: 200,
      cpuRatio: 1.5,
      rateRatio: 1.5,
      met: true,
    });
  });

  test('compares the reference with nothing', () => {
    expect(cells?.get('squid')).toMatchObject({ cpuMicros: 330, cpuRatio: undefined, met: undefined });
  });

  test('has no cell for a peer that failed', () => {
    expect(cells?.has('weir-inprocess')).toBe(false);
  });
});

test('a target that is missed is called missed', () => {
  const slow = {
    ...result,
    measurements: [measured('squid', 1, 300, 3000), measured('weir-icap', 1, 250, 3500)],
  };
  expect(mainTable(summarize(slow), slow)[1]?.at(-1)).toBe(
    'Weir + c-icap ≥ 1.3: missed; Weir in-process ≥ 2',
  );
});

test('the main table holds costs, ratios and failures, and leaves context peers out', () => {
  expect(mainTable(summarize(result), result)).toEqual([
    ['work', 'Squid + c-icap', 'Weir + c-icap', 'ratio', 'Weir in-process', 'ratio', 'target'],
    [
      '1 KiB, 32 connections kept alive',
      '330 µs, 3,000 /s',
      '200 µs (c-icap 75 µs), 4,500 /s',
      '1.50 (1.50)',
      'failed',
      '–',
      'Weir + c-icap ≥ 1.3: met; Weir in-process ≥ 2',
    ],
  ]);
});

test('the page marks bounded throughput, names failures in a line, and ends with one line end', () => {
  const machine = {
    cpu: 'A CPU',
    cores: 2,
    node: '20.19.0',
    squid: '5.7',
    cIcap: '0.5.10',
    origin: 'nginx 1.22.1',
  };
  const page = performancePage(result, machine, 3, '2026-01-02');
  expect(page).toContain(
    'Machine: A CPU, 2 cores; Node 20.19.0; Squid 5.7, c-icap 0.5.10, nginx 1.22.1; 2026-01-02; 3 rounds.',
  );
  expect(page).toContain('80 µs, 12,000 /s * |');
  expect(page).toContain('- Weir in-process, start: gateway.listen: in use\n');
  expect(page).toMatch(
    /\| one idle intercepted tunnel \(500 held\) \| 216 kB \| – \| failed \| – \| ≤ 100 kB \|/,
  );
  expect(page).toMatch(/[^\n]\n$/);
});

test('tables are aligned for the terminal and escaped for Markdown', () => {
  const table = [
    ['a', 'long head'],
    ['longer', 'x|y'],
  ];
  expect(alignedLines(table)).toEqual(['a       long head', 'longer  x|y']);
  expect(markdownLines(table)).toEqual(['| a | long head |', '| --- | --- |', '| longer | x\\|y |']);
  expect(markdownLines([])).toEqual([]);
});

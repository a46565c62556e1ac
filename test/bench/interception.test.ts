// The interception suite of the bench: its words, and what it makes of figures.

import { describe, expect, test } from '@jest/globals';
import { parseInterceptionOptions } from '../../bench/interception/options.ts';
import { interceptionPage, isMet, ratioOf, type RowResult } from '../../bench/interception/report.ts';
import { COMPARISONS } from '../../bench/interception/works.ts';
import type { Measurement } from '../../bench/measure.ts';
import { UsageError } from '../../bench/options.ts';

function measured(cpuMicros: number, p99Ms: number): Measurement {
  return {
    ...{
      work: 'w',
      peer: 'squid',
      round: 1,
      exchanges: 10,
      seconds: 1,
      perSecond: 10,
      bytesPerSecond: 10_240,
    },
    ...{ cpuMicros, icapMicros: null, p50Ms: 1, p99Ms, reopened: 0, peakRssBytes: 1 },
    ...{ peerShare: 0.5, loadShare: 0.5, foreignShare: 0 },
  };
}

function row(id: string, first: readonly Measurement[], second: readonly Measurement[]): RowResult {
  const comparison = COMPARISONS.find((one) => one.id === id)!;
  return { comparison, measurements: [first, second] };
}

describe('a row of the interception suite', () => {
  test('takes the median of CPU ratios within the rounds, and twice the cost is half the ratio', () => {
    const first = [measured(100, 1), measured(300, 1), measured(100, 1)];
    const second = [measured(200, 1), measured(300, 1), measured(200, 1)];
    const result = row('http2', first, second);
    expect([ratioOf(result), isMet(result)]).toEqual([0.5, false]);
    expect(isMet(row('http2', second, first))).toBe(true);
  });

  test('takes p99 the other way round, where more is worse', () => {
    const result = row('crowd', [measured(1, 10)], [measured(1, 25)]);
    expect([ratioOf(result), isMet(result)]).toEqual([2.5, false]);
    expect(isMet(row('crowd', [measured(1, 10)], [measured(1, 20)]))).toBe(true);
  });

  test('stands on the page with both sides and whether it is met', () => {
    const machine = { cpu: 'C', cores: 2, node: '20', squid: '5.7', cIcap: '0.5', origin: 'nginx 1.22' };
    const page = interceptionPage(
      [row('splice', [measured(60_000, 2)], [measured(40_000, 2)])],
      machine,
      1,
      'today',
    );
    expect(page).toMatch(/\| Squid: 60.00 ms, .*\| Weir: 40.00 ms, .*\| 1.50 \| CPU ≥ 1: met \|/);
  });
});

test.each([
  [['--only', 'http3'], '--only: expected some of http2, splice, splice-1k, crowd, got "http3"'],
  [['--rounds', '0'], '--rounds: expected a whole number up to 1000, got "0"'],
  [['--fast'], "Unknown option '--fast'"],
])('%j is wrong usage', (args, message) => {
  expect(() => parseInterceptionOptions(args)).toThrow(UsageError);
  expect(() => parseInterceptionOptions(args)).toThrow(message);
});

test('a run that nothing narrows is a full one', () => {
  expect(parseInterceptionOptions([])).toMatchObject({ full: true, rounds: 3 });
  expect(parseInterceptionOptions(['--only', 'crowd'])).toMatchObject({ full: false, rows: ['crowd'] });
});

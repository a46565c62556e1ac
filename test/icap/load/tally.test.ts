import { expect, test } from '@jest/globals';
import { Tally } from '../../../src/icap/load/tally.ts';

const TIMES = { seconds: 2, generatorShare: 0.5, unsent: null };

test('percentiles are those of the latencies, to three digits', () => {
  const tally = new Tally();
  for (let ms = 1; ms <= 1000; ms++) tally.succeed(ms);
  const { latencyMs, exchanges, perSecond } = tally.report('duration', TIMES);
  expect({ exchanges, perSecond }).toEqual({ exchanges: 1000, perSecond: 500 });
  for (const [key, wanted] of [
    ['p50', 500],
    ['p90', 900],
    ['p99', 990],
    ['p999', 999],
    ['max', 1000],
    ['mean', 500.5],
  ] as const) {
    expect(Math.abs(latencyMs![key] - wanted) / wanted).toBeLessThan(0.002);
  }
});

test('latencies below the resolution and above the limit are kept at its ends', () => {
  const tally = new Tally();
  tally.succeed(0);
  tally.succeed(1e9);
  const { latencyMs } = tally.report('duration', TIMES);
  expect(latencyMs!.p50).toBe(0.001);
  expect(latencyMs!.max).toBeGreaterThanOrEqual(3_599_000);
});

test.each([1, 7, 1000, 123_456])('%d unsent exchanges are entered with falling waits, each once', (count) => {
  const tally = new Tally();
  tally.enterUnsent(count, 800);
  const { latencyMs, exchanges } = tally.report('duration', TIMES);
  expect(exchanges).toBe(0);
  expect(latencyMs!.max).toBeCloseTo(800, -1);
  expect(latencyMs!.mean).toBeGreaterThan(390);
});

test('failures are kept by kind with the first of each, and only their waits are latencies', () => {
  const tally = new Tally();
  tally.fail({ kind: 'closed', text: 'one' }, null);
  tally.fail({ kind: 'timeout', text: 'late' }, 100);
  tally.fail({ kind: 'closed', text: 'two' }, null);
  const report = tally.report('stopped', TIMES);
  expect(report.failed).toBe(3);
  expect(report.errors).toEqual([
    { kind: 'closed', count: 2, first: 'one' },
    { kind: 'timeout', count: 1, first: 'late' },
  ]);
  expect(report.latencyMs!.p50).toBeCloseTo(100, 0);
});

test('without a latency there are no percentiles to misread', () => {
  expect(new Tally().percentile(99)).toBeNull();
  expect(new Tally().report('duration', TIMES).latencyMs).toBeNull();
});

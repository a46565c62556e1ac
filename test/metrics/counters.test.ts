import { expect, test } from '@jest/globals';
import { BUCKETS_MS, Counters, Histograms, keyOf, labelsOf } from '../../src/metrics/counters.ts';
import { MetricSheet } from '../../src/metrics/exposition.ts';
import { Meters } from '../../src/metrics/meters.ts';
import { Exposition } from '../support/exposition.ts';

async function scraped(meters: Meters): Promise<Exposition> {
  const sheet = new MetricSheet();
  sheet.putAll(meters.snapshot());
  return new Exposition(await sheet.text());
}

test('a counter adds up by label values', () => {
  const counters = new Counters();
  counters.add(keyOf('a', 'x'));
  counters.add(keyOf('a', 'x'), 4);
  counters.add(keyOf('a', ''));
  expect(counters.rows().map(([key, value]) => [labelsOf(key), value])).toEqual([
    [['a', 'x'], 5],
    [['a', ''], 1],
  ]);
});

test('a counter keeps 1000 rows, and what comes on top is one row of `other`', () => {
  const counters = new Counters();
  for (let i = 0; i < 5000; i++) counters.add(keyOf(`name${i}`, 'x'));
  counters.add(keyOf('name0', 'x'));
  const rows = counters.rows();
  expect(rows).toHaveLength(1001);
  expect(rows.at(-1)).toEqual([keyOf('other', 'other'), 4000]);
  expect(rows[0]).toEqual([keyOf('name0', 'x'), 2]);
});

test('a histogram keeps 200 rows likewise', () => {
  const histograms = new Histograms();
  for (let i = 0; i < 1000; i++) histograms.observe(`name${i}`, 1);
  const rows = histograms.rows();
  expect(rows).toHaveLength(201);
  expect(rows.at(-1)).toEqual(['other', expect.arrayContaining([800]), 800]);
});

test('a duration at a bound is in its bucket, one past all bounds in the last', async () => {
  const meters = new Meters();
  for (const ms of [0, 0.5, 0.6, 30_000, 30_001, 1e9]) {
    meters.transaction({ verdict: 'allowed', bytesIn: 0, bytesOut: 0, ms });
  }
  const buckets = (await scraped(meters)).samples('weir_transaction_seconds_bucket');
  expect(buckets.map(({ labels }) => labels['le'])).toEqual([
    ...BUCKETS_MS.map((bound) => String(bound / 1000)),
    '+Inf',
  ]);
  const values = buckets.map(({ value }) => value);
  expect([values[0], values[1], values.at(-2), values.at(-1)]).toEqual([2, 3, 4, 6]);
});

test('figures of two processes add up, and histograms stay histograms', async () => {
  const both = new Meters();
  for (const ms of [1, 100]) {
    const one = new Meters();
    one.gateway({
      ...{ service: '/scan', method: 'RESPMOD', icapStatus: 204, verdict: 'allowed', ms, bytes: 10 },
      blades: [{ name: 'antivirus', verdict: 'not-scanned: password', ms }],
      code: null,
    });
    both.merge(structuredClone(one.snapshot())); // as it comes from another process
  }
  const exposition = await scraped(both);
  expect(exposition.rows('weir_gateway_requests_total')).toEqual({ '/scan RESPMOD 204': 2 });
  expect(exposition.rows('weir_gateway_body_bytes_total')).toEqual({ '/scan': 20 });
  expect(exposition.rows('weir_blade_verdicts_total')).toEqual({ 'antivirus not_scanned': 2 });
  expect(exposition.sum('weir_gateway_request_seconds_sum')).toBeCloseTo(0.101);
  expect(exposition.sum('weir_gateway_request_seconds_count')).toBe(2);
});

test('label values with quotes, backslashes and line ends come through', async () => {
  const sheet = new MetricSheet();
  sheet.put('weir_build_info', 1, 'a"b\\c\nd', '20');
  const exposition = new Exposition(await sheet.text());
  expect(exposition.samples('weir_build_info')[0]!.labels).toEqual({ version: 'a"b\\c\nd', node: '20' });
});

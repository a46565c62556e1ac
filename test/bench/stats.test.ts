import { describe, expect, test } from '@jest/globals';

import {
  formatBytes,
  formatMicros,
  formatRate,
  median,
  medianOfRatios,
  percentile,
} from '../../bench/stats.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  test('takes the sample of the nearest rank', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile(hundred, 1)).toBe(100);
    expect(percentile(hundred, 0)).toBe(1);
    expect(percentile([7], 0.99)).toBe(7);
  });

  test('refuses no samples and shares outside 0 to 1', () => {
    expect(() => percentile([], 0.5)).toThrow(RangeError);
    expect(() => percentile(hundred, 1.01)).toThrow(RangeError);
    expect(() => percentile(hundred, Number.NaN)).toThrow(RangeError);
  });
});

describe('median', () => {
  test('is the middle of an odd number and the mean of the middle two of an even one', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 2, 4, 1])).toBe(3);
  });

  test('leaves its argument in order', () => {
    const samples = [3, 1, 2];
    median(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

describe('median of ratios', () => {
  test('compares only samples of the same round', () => {
    const squid = new Map([
      [1, 300],
      [2, 900],
      [3, 400],
    ]);
    const weir = new Map([
      [1, 100],
      [2, 300],
      [3, 100],
    ]);
    expect(medianOfRatios(squid, weir)).toBe(3);
  });

  test('leaves out rounds that one side lacks', () => {
    expect(
      medianOfRatios(
        new Map([
          [1, 300],
          [2, 400],
        ]),
        new Map([[2, 100]]),
      ),
    ).toBe(4);
    expect(medianOfRatios(new Map([[1, 300]]), new Map([[2, 100]]))).toBeUndefined();
  });

  test('does not divide by zero', () => {
    expect(medianOfRatios(new Map([[1, 300]]), new Map([[1, 0]]))).toBeUndefined();
  });
});

test('spans of time are spelled in the unit that leaves them readable', () => {
  expect(formatMicros(329.6)).toBe('330 µs');
  expect(formatMicros(5204)).toBe('5.20 ms');
  expect(formatMicros(524_000)).toBe('524 ms');
  expect(formatMicros(1_400_000)).toBe('1.40 s');
});

test('rates keep three digits when they are low', () => {
  expect(formatRate(1.8468)).toBe('1.85 /s');
  expect(formatRate(92.54)).toBe('92.5 /s');
  expect(formatRate(3021.7)).toBe('3,022 /s');
});

test('sizes are spelled in binary units', () => {
  expect(formatBytes(812)).toBe('812 B');
  expect(formatBytes(130_048)).toBe('127 KiB');
  expect(formatBytes(96.5 * 1024 ** 2)).toBe('96.5 MiB');
  expect(formatBytes(-2048)).toBe('-2 KiB');
});

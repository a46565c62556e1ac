import { describe, expect, test } from '@jest/globals';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts';

const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as { code: string; message: string; fields: Record<string, unknown> };
  }
  throw new Error('was accepted');
};

describe('parseSize', () => {
  test.each([
    ['64KiB', 65_536],
    ['10MB', 10_000_000],
    ['1KB', 1000],
    ['2MiB', 2_097_152],
    ['1GiB', 1_073_741_824],
    ['1GB', 1_000_000_000],
    ['512B', 512],
    ['4096', 4096],
    ['0', 0],
    [4096, 4096],
    [0, 0],
  ])('reads %p as %p bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each([
    [''],
    ['KiB'],
    ['-1'],
    ['1.5MiB'],
    ['10 parsecs'],
    ['10Mb'],
    ['1e9'],
    ['0x10'],
    ['64 KiB'],
    ['9007199254740993'],
    ['9007199254740991GiB'],
    ['constructor'],
    ['1constructor'],
    [-1],
    [1.5],
    [Infinity],
    [NaN],
    [null],
    [true],
    [undefined],
    [[]],
  ])('refuses %p and says what is allowed', (value) => {
    const { code, message } = refusal(() => parseSize(value));
    expect(code).toBe('ERR_CONFIG_VALUE');
    expect(message).toContain('a size such as 64KiB, 10MB or 4096 (bytes)');
  });

  test('names the unit that was meant when only its case is wrong', () => {
    expect(refusal(() => parseSize('64kib')).fields['suggestion']).toBe('64KiB');
  });
});

describe('parseDuration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['0s', 0],
  ])('reads %p as %p milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each([['30'], [30], [0], ['1d'], ['30sec'], ['1h30m'], ['-5s'], [''], [null]])(
    'refuses %p and says what is allowed',
    (value) => {
      const { code, message } = refusal(() => parseDuration(value));
      expect(code).toBe('ERR_CONFIG_VALUE');
      expect(message).toContain('a duration such as 250ms, 30s, 5m or 1h');
    },
  );
});

describe('formatting', () => {
  test.each([0, 1, 1000, 1024, 65_536, 1_048_576, 1_048_577, 3 * 2 ** 30])(
    '%p bytes are read back',
    (bytes) => {
      expect(parseSize(formatSize(bytes))).toBe(bytes);
    },
  );

  test.each([0, 1, 999, 1000, 90_000, 3_600_000, 3_600_001])(
    '%p milliseconds are read back',
    (milliseconds) => {
      expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
    },
  );

  test('uses the largest unit without a fraction', () => {
    expect([formatSize(65_536), formatDuration(60_000), formatDuration(90_000)]).toEqual([
      '64KiB',
      '1m',
      '90s',
    ]);
  });
});

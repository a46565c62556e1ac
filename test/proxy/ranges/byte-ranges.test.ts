// The Range field by itself: what is understood, and what it is of an object.

import { describe, expect, test } from '@jest/globals';
import { contentRange, parseRanges, resolveRanges } from '../../../src/proxy/ranges/byte-ranges.ts';

const resolved = (value: string, size: number): readonly string[] | null => {
  const ranges = resolveRanges(parseRanges(value)!, size);
  return ranges === null ? null : ranges.map(({ first, last }) => `${first}-${last}`);
};

describe('a Range field', () => {
  test.each([
    ['bytes=0-0', 10, ['0-0']],
    ['bytes=0-', 10, ['0-9']],
    ['bytes=9-', 10, ['9-9']],
    ['bytes=-1', 10, ['9-9']],
    ['bytes=-99', 10, ['0-9']],
    ['bytes=5-99', 10, ['5-9']],
    ['BYTES = 1-2 , 4-5', 10, ['1-2', '4-5']],
    ['bytes=,1-2,,', 10, ['1-2']],
    ['bytes=20-,1-2', 10, ['1-2']],
    ['bytes=10-', 10, []],
    ['bytes=-0', 10, []],
    ['bytes=0-', 0, []],
    ['bytes=-5', 0, []],
    ['bytes=999999999999999-', 10, []],
    ['bytes=0-9,0-9', 10, null],
    ['bytes=0-9,9-', 10, null],
  ])('%s of %i bytes is %j', (value, size, ranges) => {
    expect(resolved(value, size)).toEqual(ranges);
  });

  test.each([
    ...['bytes', 'bytes=', 'bytes=-', 'bytes=a-b', 'bytes=5-4', 'bytes=1-2-3', 'bytes=+1-2', 'bytes=0x1-2'],
    ...['lines=1-2', 'bytes=1', 'bytes=1-2;3-4', `bytes=${'9'.repeat(16)}-`, `bytes=${'0-0,'.repeat(17)}`],
  ])('%s does not count', (value) => {
    expect(parseRanges(value)).toBeNull();
  });

  test('is answered with Content-Range', () => {
    expect(contentRange({ first: 3, last: 7 }, 10)).toBe('bytes 3-7/10');
    expect(contentRange(null, 10)).toBe('bytes */10');
  });
});

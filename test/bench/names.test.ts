import { expect, test } from '@jest/globals';

import { blockOf, BLOCK_SIZE, uniqueName } from '../../bench/lab/names.ts';

test('every name is a registrable name of its own, so that no wildcard covers two', () => {
  const names = Array.from({ length: 1000 }, (_, index) => uniqueName(index));
  expect(new Set(names).size).toBe(1000);
  for (const name of names) expect(name).toMatch(/^[a-z0-9-]+\.test$/);
});

test('the names of one certificate share a block and the next name begins another', () => {
  expect(blockOf(uniqueName(0))).toBe(blockOf(uniqueName(BLOCK_SIZE - 1)));
  expect(blockOf(uniqueName(BLOCK_SIZE))).not.toBe(blockOf(uniqueName(0)));
  expect(blockOf('www.bench.test')).toBeUndefined();
});

import { expect, test } from '@jest/globals';
import { sortedJson } from '../../src/util/sorted-json.ts';

test('is equal for equal data whatever the order of keys, at every depth', () => {
  expect(sortedJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe(sortedJson({ a: 'x', b: [{ c: null, d: 1 }] }));
  expect(sortedJson({ b: 1, a: 2 })).toBe('{"a":2,"b":1}');
});

test('differs where the order of a list differs', () => {
  expect(sortedJson([1, 2])).not.toBe(sortedJson([2, 1]));
});

test('takes maps without a prototype', () => {
  expect(sortedJson(Object.assign(Object.create(null), { a: 1 }))).toBe('{"a":1}');
});

import { expect, test } from '@jest/globals';
import {
  compareHeaders,
  headerFields,
  headerLines,
  onlyViaDiffers,
} from '../../../src/icap/probe/http-header.ts';

const compared = (before: string[], after: string[]): string[] =>
  compareHeaders(before.join('\r\n') + '\r\n\r\n', after.join('\r\n') + '\r\n\r\n').map(
    ({ mark, text }) => ({ same: ' ', removed: '-', added: '+' })[mark] + text,
  );

test('lines that stay, go and come are told apart in order', () => {
  expect(compared(['S', 'A: 1', 'B: 2', 'C: 3'], ['S', 'A: 1', 'B: 9', 'C: 3', 'D: 4'])).toEqual([
    ...[' S', ' A: 1', '-B: 2', '+B: 9', ' C: 3', '+D: 4'],
  ]);
});

test('a line that stands twice and comes back once is removed once', () => {
  expect(compared(['S', 'A: 1', 'A: 1'], ['S', 'A: 1']).sort()).toEqual([' A: 1', ' S', '-A: 1']);
});

test('a line that moved is removed in one place and added in another', () => {
  const lines = compared(['S', 'A: 1', 'B: 2'], ['S', 'B: 2', 'A: 1']);
  expect(lines.filter((line) => line.startsWith(' '))).toHaveLength(2);
  expect(lines.filter((line) => line.startsWith('-'))).toHaveLength(1);
});

test('headers too long to compare line by line are shown as replaced', () => {
  const many = Array.from({ length: 1500 }, (_, i) => `X-${i}: 1`);
  const lines = compared(['S', ...many], ['S', ...many]);
  expect(lines).toHaveLength(3002);
  expect(lines[0]).toBe('-S');
});

test('C-94 a Via that was added or extended does not count as a change', () => {
  const via = compareHeaders('S\r\nVia: 1.1 a\r\n\r\n', 'S\r\nVia: 1.1 a, ICAP/1.0 b\r\n\r\n');
  expect(onlyViaDiffers(via)).toBe(true);
  expect(onlyViaDiffers(compareHeaders('S\r\n\r\n', 'S\r\nX: 1\r\n\r\n'))).toBe(false);
});

test('lines and fields of a header are had without its blank line', () => {
  const header = Buffer.from('HTTP/1.1 200 OK\r\nA: 1\r\nnonsense\r\n\r\n');
  expect(headerLines(header)).toEqual(['HTTP/1.1 200 OK', 'A: 1', 'nonsense']);
  expect(headerFields(header)).toEqual(['A', '1']);
});

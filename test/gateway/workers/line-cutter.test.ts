import { expect, test } from '@jest/globals';
import { LineCutter } from '../../../src/gateway/workers/line-cutter.ts';

const TEXT = Buffer.from('{"a":1}\n{"name":"grün €"}\n\n{"last":true}');

test('passes on whole lines only, however the bytes are split, and the rest at the end', () => {
  for (let size = 1; size <= TEXT.length; size++) {
    const passed: string[] = [];
    const cutter = new LineCutter((lines) => void passed.push(lines));
    for (let at = 0; at < TEXT.length; at += size) cutter.add(TEXT.subarray(at, at + size));
    for (const lines of passed) expect(lines.endsWith('\n')).toBe(true);
    cutter.end();
    expect(passed.join('')).toBe(`${TEXT.toString()}\n`);
  }
});

test('cuts a line that never ends at 1 MiB', () => {
  const passed: string[] = [];
  const cutter = new LineCutter((lines) => void passed.push(lines));
  for (let i = 0; i < 17; i++) cutter.add(Buffer.alloc(64 * 1024, 'x'));
  expect(passed.map((lines) => lines.length)).toEqual([17 * 64 * 1024 + 1]);
});

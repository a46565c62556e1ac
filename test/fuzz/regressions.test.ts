// Plays every case that the fuzzers ever found (test/vectors/icap/regressions) and holds the file format of such
// cases to what it promises.

import { readdir, readFile } from 'node:fs/promises';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type FuzzCase, fromPage, toPage } from './case.ts';
import { codecTargets } from './codec-targets.ts';
import { conformingTarget } from './conforming-target.ts';
import { liveTarget } from './live-target.ts';

const FOLDER = new URL('../vectors/icap/regressions/', import.meta.url);
const TARGETS = new Map(
  [...codecTargets, liveTarget, conformingTarget].map((target) => [target.name, target]),
);

const names = (await readdir(FOLDER)).filter((name) => name !== 'README.md');

afterAll(async () => {
  await liveTarget.stop?.();
  await conformingTarget.stop?.();
});

describe('regressions', () => {
  test.each(names)('%s no longer fails', async (name) => {
    const { target, given } = fromPage(await readFile(new URL(name, FOLDER), 'utf8'));
    const found = TARGETS.get(target)!;
    const met: string[] = [];
    await found.check(given, (what) => met.push(what));
    expect(met).not.toEqual([]);
  });
});

test('a case is read from its page as it was written', () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((list) => Buffer.from(list));
  const cases: fc.Arbitrary<FuzzCase> = fc.record({
    connections: fc.array(fc.array(bytes, { maxLength: 3 }), { maxLength: 3 }),
    choices: fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.oneof(fc.boolean(), fc.nat(), fc.string())),
  });
  fc.assert(
    fc.property(cases, (given) => {
      const { name, text } = toPage('some-target', given, 'Error: what\nat somewhere', 'npm run fuzz');
      expect(name).toMatch(/^some-target-[0-9a-f]{10}\.md$/);
      expect(text).toMatch(/^# some-target: Error: what\n/);
      const read = fromPage(text);
      expect(read.target).toBe('some-target');
      expect({ ...read.given.choices }).toEqual({ ...given.choices });
      expect(read.given.connections).toEqual(given.connections);
    }),
  );
});

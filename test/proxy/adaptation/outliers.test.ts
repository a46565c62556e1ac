import { expect, test } from '@jest/globals';
import { OutlierWatch } from '../../../src/proxy/adaptation/outliers.ts';

/** A watch on a clock of the test's own, which goes on by `stepMs` with each answer. */
function watch(members: number, stepMs = 10) {
  let now = 0;
  const it = new OutlierWatch(members, () => now);
  return {
    outliers: () => Array.from({ length: members }, (_, index) => index).filter((index) => it.isOut(index)),
    p95: () => it.p95,
    pass: (ms: number) => (now += ms),
    /** `count` answers of each member, which takes so long or fails. */
    answers(count: number, ...how: (number | 'fails')[]) {
      for (let i = 0; i < count; i++) {
        for (const [index, ms] of how.entries()) {
          now += stepMs;
          it.note(index, ms === 'fails' ? 1 : ms, ms === 'fails');
        }
      }
    },
  };
}

test('a member that fails far more often than its siblings is asked last, for 30 s', () => {
  const group = watch(3);
  group.answers(40, 5, 'fails', 6);
  expect(group.outliers()).toEqual([1]);
  group.pass(29_000);
  expect(group.outliers()).toEqual([1]);
  group.pass(1000);
  expect(group.outliers()).toEqual([]);
});

test('a member that is much slower is asked last', () => {
  const group = watch(2);
  group.answers(40, 20, 400);
  expect(group.outliers()).toEqual([1]);
});

test('one that is slower by less than 100 ms, or less than four times, is not', () => {
  const fast = watch(2);
  fast.answers(40, 1, 90);
  expect(fast.outliers()).toEqual([]);
  const slow = watch(2);
  slow.answers(40, 200, 700);
  expect(slow.outliers()).toEqual([]);
});

test('all that fail alike are no outliers', () => {
  const group = watch(3);
  group.answers(40, 'fails', 'fails', 'fails');
  expect(group.outliers()).toEqual([]);
});

test('at least half of the members stay', () => {
  const group = watch(5);
  group.answers(60, 5, 'fails', 'fails', 'fails', 5);
  expect(group.outliers().length).toBeLessThanOrEqual(2);
  expect(group.outliers().length).toBeGreaterThan(0);
});

test('few answers, or none of siblings, say nothing', () => {
  const few = watch(2);
  few.answers(19, 5, 'fails');
  expect(few.outliers()).toEqual([]);
  const alone = watch(2);
  alone.answers(60, 'fails');
  expect(alone.outliers()).toEqual([]);
});

test('who comes back and fails again is out twice as long', () => {
  const group = watch(2);
  group.answers(40, 5, 'fails');
  group.pass(31_000);
  expect(group.outliers()).toEqual([]);
  group.answers(40, 5, 'fails');
  group.pass(45_000);
  expect(group.outliers()).toEqual([1]);
  group.pass(15_000);
  expect(group.outliers()).toEqual([]);
});

test('the p95 of the group is of answers, not of failures', () => {
  const group = watch(2);
  expect(group.p95()).toBeNull();
  group.answers(40, 30, 'fails');
  expect(group.p95()).toBe(30);
});

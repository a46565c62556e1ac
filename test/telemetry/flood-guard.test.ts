import { expect, test } from '@jest/globals';
import { FloodGuard } from '../../src/telemetry/flood-guard.ts';

const MINUTE = 60_000;

/** Results of `count` events of one kind, one a millisecond. */
function events(guard: FloodGuard, clock: { now: number }, count: number, kind = 'a'): (number | null)[] {
  return Array.from({ length: count }, () => {
    clock.now++;
    return guard.pass(kind);
  });
}

test('the first five of a kind pass, then one that begins the minute, and no more', () => {
  const clock = { now: 0 };
  const guard = new FloodGuard(() => clock.now);
  const results = events(guard, clock, 1000);
  expect(results.slice(0, 7)).toEqual([0, 0, 0, 0, 0, 0, null]);
  expect(results.filter((result) => result !== null)).toHaveLength(6);
});

test('a flood that goes on passes once a minute, with the number that was left out', () => {
  const clock = { now: 0 };
  const guard = new FloodGuard(() => clock.now);
  events(guard, clock, 106);
  clock.now += MINUTE;
  expect(guard.pass('a')).toBe(100);
  expect(events(guard, clock, 50)).toEqual(Array(50).fill(null));
  clock.now += MINUTE;
  expect(guard.pass('a')).toBe(50);
});

test('kinds do not count for each other', () => {
  const clock = { now: 0 };
  const guard = new FloodGuard(() => clock.now);
  events(guard, clock, 100, 'a');
  expect(guard.pass('b')).toBe(0);
});

test('after a quiet minute a kind begins anew', () => {
  const clock = { now: 0 };
  const guard = new FloodGuard(() => clock.now);
  events(guard, clock, 5);
  clock.now += MINUTE;
  expect(events(guard, clock, 5)).toEqual([0, 0, 0, 0, 0]);
});

test('a thousand kinds are remembered, then the oldest is forgotten', () => {
  const clock = { now: 0 };
  const guard = new FloodGuard(() => clock.now);
  events(guard, clock, 10, 'first');
  for (let i = 0; i < 1000; i++) guard.pass(`other ${i}`);
  expect(guard.pass('first')).toBe(0);
});

import { expect, test } from '@jest/globals';
import { ClientUsage } from '../../../src/proxy/access/client-usage.ts';

test('connections are counted by client, and given back', () => {
  const usage = new ClientUsage();
  const first = usage.connect('192.0.2.1', 2)!;
  expect(usage.connect('192.0.2.1', 2)).not.toBeNull();
  expect(usage.connect('192.0.2.1', 2)).toBeNull();
  expect(usage.connect('192.0.2.2', 2)).not.toBeNull(); // another client
  first();
  expect(usage.connect('192.0.2.1', 2)).not.toBeNull();
});

test('the addresses of one IPv6 network are one client', () => {
  const usage = new ClientUsage();
  expect(usage.connect('2001:db8:0:1::1', 1)).not.toBeNull();
  expect(usage.connect('2001:db8:0:1:ffff::2', 1)).toBeNull();
  expect(usage.connect('2001:db8:0:2::1', 1)).not.toBeNull();
});

test('a burst is let through, then as many a second as the rate says', () => {
  const clock = { now: 0 };
  const usage = new ClientUsage(() => clock.now);
  const rate = { perSecond: 2, burst: 3 };
  const ask = (): number => usage.request('192.0.2.1', rate);
  expect([ask(), ask(), ask(), ask()]).toEqual([0, 0, 0, 500]);
  clock.now = 499;
  expect(ask()).toBeCloseTo(1);
  clock.now = 500;
  expect([ask(), ask()]).toEqual([0, 500]);
  clock.now = 60_000; // no more than a burst is saved up
  expect([ask(), ask(), ask(), ask()]).toEqual([0, 0, 0, 500]);
  expect(usage.request('192.0.2.9', rate)).toBe(0);
});

test('a rate that a reload has lowered holds at once', () => {
  const usage = new ClientUsage(() => 0);
  expect(usage.request('192.0.2.1', { perSecond: 100, burst: 1000 })).toBe(0);
  const lower = { perSecond: 1, burst: 1 };
  expect([usage.request('192.0.2.1', lower), usage.request('192.0.2.1', lower)]).toEqual([0, 1000]);
});

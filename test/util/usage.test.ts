import { expect, test } from '@jest/globals';
import { Usage } from '../../src/util/usage.ts';

test('is free at once when nobody uses it', async () => {
  await new Usage().free();
});

test('is free when the last user has left, for everybody who waits', async () => {
  const usage = new Usage();
  const order: string[] = [];
  usage.enter();
  usage.enter();
  const waiting = Promise.all([
    usage.free().then(() => order.push('one')),
    usage.free().then(() => order.push('two')),
  ]);
  usage.leave();
  await Promise.resolve();
  expect([usage.users, order]).toEqual([1, []]);
  usage.leave();
  await waiting;
  expect([usage.users, order]).toEqual([0, ['one', 'two']]);
});

import { describe, expect, test } from '@jest/globals';
import { mostHandlers, poolRule, poolStep, RestartPauses } from '../../../src/gateway/workers/pool-rule.ts';

const RULE = { min: 3, max: 10, minSpare: 10, maxSpare: 20, perProcess: 10 };

describe('poolStep', () => {
  test.each([
    ['starts what is missing to min', 2, 0, 'start'],
    ['keeps min however idle they are', 3, 0, 'keep'],
    ['keeps while more than minSpare handlers are free', 3, 19, 'keep'],
    ['starts one when only minSpare handlers are free', 3, 20, 'start'],
    ['starts one when more is served than the handlers that are counted', 4, 55, 'start'],
    ['starts none beyond max', 10, 100, 'keep'],
    ['keeps when maxSpare - 1 handlers are free', 4, 21, 'keep'],
    ['keeps when without one process only minSpare handlers were free', 4, 20, 'keep'],
    ['stops one when more than minSpare handlers are free without it', 4, 19, 'stop'],
  ])('G-14 %s', (_name, processes, busy, expected) => {
    expect(poolStep(RULE, { processes, busy })).toBe(expected);
  });

  test('G-14 never wants to start what it has just stopped, for any rule and load', () => {
    for (let perProcess = 1; perProcess <= 4; perProcess++) {
      for (let minSpare = 0; minSpare <= 5; minSpare++) {
        for (let maxSpare = 1; maxSpare <= 6; maxSpare++) {
          const rule = { min: 1, max: 6, minSpare, maxSpare, perProcess };
          for (let processes = 1; processes <= 6; processes++) {
            for (let busy = 0; busy <= mostHandlers(rule); busy++) {
              if (poolStep(rule, { processes, busy }) !== 'stop') continue;
              expect(poolStep(rule, { processes: processes - 1, busy })).not.toBe('start');
            }
          }
        }
      }
    }
  });
});

describe('poolRule', () => {
  test('without a configuration a gateway alone has three processes, one beside a proxy none', () => {
    expect(poolRule(null, true)).toEqual(RULE);
    expect(poolRule(null, false)).toBeNull();
  });

  test('a configuration holds for both, and a min of 0 means none', () => {
    const rule = { ...RULE, min: 1 };
    expect([poolRule(rule, true), poolRule(rule, false)]).toEqual([rule, rule]);
    expect(poolRule({ ...RULE, min: 0 }, true)).toBeNull();
  });
});

describe('RestartPauses', () => {
  test('three short lives in a row are forgiven, then pauses double up to 30 s, and a long life ends the row', () => {
    const pauses = new RestartPauses();
    const short = Array.from({ length: 10 }, () => pauses.afterEnd(9999));
    expect(short).toEqual([0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(pauses.afterEnd(10_000)).toBe(0);
    expect(pauses.failures).toBe(0);
    expect(pauses.afterEnd(0)).toBe(0);
  });
});

// A short soak in every test run, so that the long one (`npm run soak`) works whenever it is wanted; and proof
// that what is wrong would be seen.

import { expect, test } from '@jest/globals';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import type { LogRecord } from '../support/weir.ts';
import type { Seen } from './client.ts';
import { judge } from './ledger.ts';
import { type Plan, targetOf } from './plan.ts';
import { soak } from './soak.ts';
import { randomFrom } from './random.ts';
import { ContentCheck, contentPieces } from './content.ts';

describeWithPeer(['c-icap', 'openssl'], () => {
  test('K-60 K-61 twenty clients are served rightly while servers misbehave and are killed', async () => {
    const summary = await soak({ seconds: 5, clients: 20, seed: 1 });
    expect(summary.failures).toEqual([]);
    expect(summary.counts.exact).toBeGreaterThan(20);
    expect(summary.counts.blocked).toBeGreaterThan(0);
    expect(Object.keys(summary.faults).length).toBeGreaterThan(3);
  }, 120_000);
});

const PLAN: Plan = {
  ...{ number: 7, route: 'scanned', secure: true, down: 100, up: null, infection: null },
  ...{ upFraming: 'length', downFraming: 'length', expectContinue: false },
  ...{ slow: false, abortAfterMs: null, fresh: false },
};
const EXACT: Seen = {
  ...{ status: 200, incident: null, bytes: 100, differsAt: null, complete: true },
  ...{ infected: false, left: false, error: null, start: '' },
};
const PAGE: Seen = { ...EXACT, status: 502, incident: 'W-1', bytes: 2000, differsAt: 0 };
const ERROR = { code: 'ERR_ADAPT_UNAVAILABLE', message: '' };
const ALLOWED = { status: 200, verdict: 'allowed', incident: null, threat: null };
const BLOCKED = { status: 403, verdict: 'blocked', incident: 'W-1', threat: { name: 'EICAR' } };
const FAILED = { status: 502, verdict: 'error', incident: 'W-1', threat: null, error: ERROR };
const BAD: Partial<Plan> = { infection: 'eicar' };
const STOOD_IN: Partial<Plan> = { route: 'spare' };

test.each<[string, Partial<Plan>, Partial<Seen>, object, string]>([
  ['the exact bytes are right', {}, EXACT, ALLOWED, 'exact'],
  ['a byte less is wrong', {}, { ...EXACT, bytes: 99 }, ALLOWED, '99 of 100 bytes'],
  ['another byte is wrong', {}, { ...EXACT, differsAt: 40 }, ALLOWED, 'differs from byte 40'],
  ['another status than in the log is wrong', {}, EXACT, { ...ALLOWED, status: 502 }, 'the log has status 502'],
  ['a whole answer that the log calls a failure is wrong', {}, EXACT, { ...ALLOWED, error: ERROR }, 'has an error'],
  ['EICAR that arrives is wrong', BAD, { ...EXACT, infected: true }, ALLOWED, 'EICAR arrived'],
  ['200 to an infected upload is wrong', { ...BAD, up: 68 }, EXACT, ALLOWED, 'answered with 200'],
  ['a block page for EICAR is right', BAD, { ...PAGE, status: 403 }, BLOCKED, 'blocked'],
  ['a block page for anything else is wrong', {}, { ...PAGE, status: 403 }, BLOCKED, 'a clean message was blocked'],
  ['an error page that the log knows is right', {}, PAGE, FAILED, 'error page'],
  ['an error page with another incident is wrong', {}, PAGE, { ...FAILED, incident: 'W-2' }, 'incident W-1'],
  ['an error page that the log calls fine is wrong', {}, PAGE, { ...FAILED, error: undefined }, 'has no error'],
  ['an error page where a service stood in is wrong', STOOD_IN, PAGE, FAILED, 'where a service stood in'],
  ['a page that nobody made is wrong', {}, { ...PAGE, incident: null }, FAILED, 'nobody expects: 502'],
  ['a part that the log knows of is right', {}, { ...EXACT, complete: false, bytes: 50 }, { ...ALLOWED, error: ERROR }, 'cut'],
  ['a part of something else is wrong', {}, { ...EXACT, complete: false, differsAt: 0 }, { ...ALLOWED, error: ERROR }, 'differs from byte 0'],
  ['a part that the log calls whole is wrong', {}, { ...EXACT, complete: false }, ALLOWED, 'has no error'],
  ['a trickle of EICAR that is cut is right', BAD, { ...EXACT, complete: false, differsAt: 0 }, { ...BLOCKED, status: 200, waited: 'trickle' }, 'blocked'],
  ['no answer that the log knows of is right', {}, { ...EXACT, status: 0, complete: false, bytes: 0 }, FAILED, 'cut'],
  ['a message that passed unscanned is wrong', {}, EXACT, { ...ALLOWED, verdict: 'bypassed' }, 'passed unscanned'],
  ['it is right where a service bypasses', { route: 'worst' }, EXACT, { ...ALLOWED, verdict: 'bypassed' }, 'exact'],
  ['what a client that left has seen is right', {}, { ...EXACT, complete: false, left: true }, ALLOWED, 'left'],
])('%s', (_, plan, seen, record, comesTo) => {
  const outcome = judge({ ...PLAN, ...plan }, { ...EXACT, ...seen }, record as LogRecord);
  expect(typeof outcome === 'string' ? outcome : outcome.problem).toContain(comesTo);
}); // prettier-ignore

test('contents of requests differ, and a check takes nothing but its own', () => {
  const bytes = Buffer.concat([...contentPieces(7, 'down', 200_000)]);
  for (const [number, direction, differs] of [[7, 'down', null], [8, 'down', 0], [7, 'up', 0]] as const) {
    const check = new ContentCheck(number, direction);
    for (let at = 0; at < bytes.length; at += 999) check.take(bytes.subarray(at, at + 999));
    expect(check).toMatchObject({ bytes: bytes.length, differsAt: differs });
  }
}); // prettier-ignore

test('the URL tells the origin the whole plan, and a seed gives the same numbers', () => {
  const words = new URL(targetOf({ ...PLAN, up: 3, infection: 'eicar.gz' }), 'http://origin').searchParams;
  expect(Object.fromEntries(words)).toEqual({
    n: '7',
    down: '100',
    up: '3',
    bad: 'eicar.gz',
    framing: 'length',
  });
  const drawn = (seed: number): number[] => {
    const random = randomFrom(seed);
    return Array.from({ length: 5 }, () => random.int(0, 1000));
  };
  expect(drawn(4)).toEqual(drawn(4));
  expect(drawn(4)).not.toEqual(drawn(5));
});

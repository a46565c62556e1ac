import { createHook } from 'node:async_hooks';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { BasicAuthenticator, decodeBasic } from '../../src/auth/basic.ts';
import type { PasswordHash } from '../../src/auth/password-hash.ts';
import { hashPassword } from '../../src/auth/password-hash.ts';
import { HashVerifier } from '../../src/auth/password-verifier.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

let users: ReadonlyMap<string, PasswordHash>;

beforeAll(async () => {
  users = new Map([
    ['alice', await hashPassword(Buffer.from('right:one'))],
    ['jürgen', await hashPassword(Buffer.from('pässword'))],
  ]);
});

/** How many hashes were made while `work` ran. */
async function hashesDuring(work: () => unknown): Promise<number> {
  let count = 0;
  const hook = createHook({ init: (_id, type) => void (type === 'SCRYPTREQUEST' && count++) });
  hook.enable();
  try {
    await work();
  } finally {
    hook.disable();
  }
  return count;
}

describe('BasicAuthenticator', () => {
  test.each([
    ['alice:right:one', 'alice'],
    ['jürgen:pässword', 'jürgen'],
    ['alice:wrong', null],
    ['Alice:right:one', null],
    ['nobody:right:one', null],
    ['alice:', null],
  ])('%s is %s', async (credentials, expected) => {
    expect(await new BasicAuthenticator(new HashVerifier(users)).check(basic(credentials))).toBe(expected);
  });

  test('a user who was checked is known at once and costs no hash', async () => {
    const authenticator = new BasicAuthenticator(new HashVerifier(users));
    expect(await hashesDuring(() => authenticator.check(basic('alice:right:one')))).toBe(1);
    const again = await hashesDuring(() => {
      for (let i = 0; i < 1000; i++) expect(authenticator.check(basic('alice:right:one'))).toBe('alice');
    });
    expect(again).toBe(0);
  });

  test('many that come at once with the same password cost one hash', async () => {
    const authenticator = new BasicAuthenticator(new HashVerifier(users));
    const work = () =>
      Promise.all(Array.from({ length: 50 }, async () => authenticator.check(basic('alice:right:one'))));
    expect(await hashesDuring(work)).toBe(1);
  });

  test('a wrong password is remembered for ten seconds', async () => {
    const clock = { now: 0 };
    const authenticator = new BasicAuthenticator(new HashVerifier(users), { now: () => clock.now });
    expect(await authenticator.check(basic('alice:wrong'))).toBeNull();
    expect(authenticator.check(basic('alice:wrong'))).toBeNull();
    clock.now += 10_000;
    const again = authenticator.check(basic('alice:wrong'));
    expect(again).toBeInstanceOf(Promise);
    expect(await again).toBeNull();
  });

  test('a user who does not exist costs a hash as well', async () => {
    const authenticator = new BasicAuthenticator(new HashVerifier(users));
    expect(await hashesDuring(() => authenticator.check(basic('nobody:x')))).toBe(1);
  });

  test('more than 64 that wait are refused with 503, and the others are served', async () => {
    const authenticator = new BasicAuthenticator(new HashVerifier(users));
    const attempts = Array.from({ length: 70 }, async (_, i) =>
      authenticator.check(basic(`alice:wrong ${i}`)),
    );
    const results = await Promise.allSettled(attempts);
    const refused = results.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(4); // 2 at work, 64 in the queue
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'ERR_ICAP_OVERLOADED' });
    expect(await authenticator.check(basic('alice:right:one'))).toBe('alice');
  }, 60_000);
});

test.each([
  ['Basic YWxpY2U6cHc=', 'alice'],
  ['basic YWxpY2U6cHc', 'alice'],
  ['BASIC   YWxpY2U6', 'alice'],
  ['Bearer YWxpY2U6cHc=', null],
  ['Basic', null],
  ['Basic ', null],
  ['Basic YWxpY2U=', null], // no colon
  ['Basic OnB3', null], // no user
  ['Basic YWxp Y2U6cHc=', null],
  [`Basic ${'A'.repeat(3000)}`, null],
])('decodeBasic finds in %j the user %j', (value, user) => {
  expect(decodeBasic(value)?.user ?? null).toBe(user);
});

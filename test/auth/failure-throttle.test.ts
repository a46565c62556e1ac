import { describe, expect, test } from '@jest/globals';
import { BasicAuthenticator } from '../../src/auth/basic.ts';
import { FailureThrottle } from '../../src/auth/failure-throttle.ts';

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

/** A clock that stands still, and notes who waits. */
function stillClock() {
  const clock = { at: 0, waits: [] as number[], go: [] as (() => void)[] };
  const throttle = new FailureThrottle({
    now: () => clock.at,
    wait: (ms) => {
      clock.waits.push(ms);
      return new Promise((resolve) => clock.go.push(resolve));
    },
  });
  return { clock, throttle };
}

describe('wrong passwords from one address', () => {
  test('five are free, then each waits twice as long, at most eight seconds', async () => {
    const { clock, throttle } = stillClock();
    for (let i = 0; i < 13; i++) {
      const paused = throttle.pause('192.0.2.1');
      clock.go.shift()?.();
      await paused;
      throttle.failed('192.0.2.1');
    }
    expect(clock.waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test('others do not wait, and a minute of quiet is enough to be forgotten', async () => {
    const { clock, throttle } = stillClock();
    for (let i = 0; i < 5; i++) throttle.failed('192.0.2.1');
    await throttle.pause('198.51.100.1');
    expect(clock.waits).toEqual([]);
    clock.at = 60_000;
    await throttle.pause('192.0.2.1');
    expect(clock.waits).toEqual([]);
  });

  test('more than eight that wait are refused', async () => {
    const { clock, throttle } = stillClock();
    for (let i = 0; i < 5; i++) throttle.failed('2001:db8::1');
    const paused = Array.from({ length: 8 }, (_, i) => throttle.pause(`2001:db8::${i}`)); // one network
    await expect(throttle.pause('2001:db8::9')).rejects.toMatchObject({ code: 'ERR_AUTH_BUSY' });
    for (const go of clock.go) go();
    await Promise.all(paused);
  });

  test('a password that is known to be right never waits', async () => {
    const { clock, throttle } = stillClock();
    const verifier = {
      verify: (user: string, password: Buffer) =>
        Promise.resolve(password.toString() === 'right' ? user : null),
    };
    const passwords = new BasicAuthenticator(verifier, { throttle });
    expect(await passwords.check(basic('alice:right'), '192.0.2.1')).toBe('alice');
    for (let i = 0; i < 5; i++) expect(await passwords.check(basic(`alice:${i}`), '192.0.2.1')).toBeNull();
    expect(passwords.check(basic('alice:right'), '192.0.2.1')).toBe('alice');
    const sixth = passwords.check(basic('alice:5'), '192.0.2.1');
    expect(clock.waits).toEqual([250]);
    clock.go[0]!();
    expect(await sixth).toBeNull();
  });
});

test('a right password is forgotten after the time that was given', async () => {
  const clock = { now: 0, asked: 0 };
  const verifier = { verify: (user: string) => Promise.resolve(clock.asked++ < 1 ? user : null) };
  const passwords = new BasicAuthenticator(verifier, { now: () => clock.now, rememberMs: 1000 });
  expect(await passwords.check(basic('alice:x'))).toBe('alice');
  clock.now = 999;
  expect(passwords.check(basic('alice:x'))).toBe('alice');
  clock.now = 1000;
  expect(await passwords.check(basic('alice:x'))).toBeNull();
});

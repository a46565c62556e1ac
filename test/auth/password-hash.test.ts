import { describe, expect, test } from '@jest/globals';
import {
  formatHash,
  hashPassword,
  matchesHash,
  parseHash,
  unmatchableHash,
} from '../../src/auth/password-hash.ts';

const password = Buffer.from('pässword');

test('a hash that was written and read again matches its password and no other', async () => {
  const read = parseHash(formatHash(await hashPassword(password)))!;
  expect(await matchesHash(password, read)).toBe(true);
  expect(await matchesHash(Buffer.from('passwort'), read)).toBe(false);
  expect(await matchesHash(Buffer.alloc(0), read)).toBe(false);
});

test('two hashes of one password differ', async () => {
  expect(formatHash(await hashPassword(password))).not.toBe(formatHash(await hashPassword(password)));
});

test('nothing matches the hash of nobody', async () => {
  expect(await matchesHash(password, unmatchableHash())).toBe(false);
});

test('a hash of RFC 7914 section 12 is understood', async () => {
  // scrypt("pleaseletmein", "SodiumChloride", 16384, 8, 1, 64)
  const hash = Buffer.from(
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2' +
      'd5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    'hex',
  );
  const text = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');
  const line = `$scrypt$ln=14,r=8,p=1$${text(Buffer.from('SodiumChloride'))}$${text(hash)}`;
  expect(await matchesHash(Buffer.from('pleaseletmein'), parseHash(line)!)).toBe(true);
});

// Made by the C library's crypt, and by the reference implementation of argon2.
const FOREIGN = [
  ['bcrypt of cost 5', 'pässword', '$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC'],
  ['bcrypt 2b of cost 10', 'right:one', '$2b$10$ABCDEFGHIJKLMNOPQRSTUu7JoFbZWB1rqGRsApkT3MZIMn/fdv4dC'],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ],
] as const;

describe('hashes of other programs', () => {
  test.each(FOREIGN)('%s: its password matches, others do not', async (_, right, text) => {
    const hash = parseHash(text)!;
    expect(formatHash(hash)).toBe(text);
    expect(await matchesHash(Buffer.from(right), hash)).toBe(true);
    expect(await matchesHash(Buffer.from(`${right}x`), hash)).toBe(false);
    expect(await matchesHash(Buffer.alloc(0), hash)).toBe(false);
    expect(await matchesHash(Buffer.from(`${right}\0`), hash)).toBe(false);
  });

  test('of a bcrypt password 72 bytes count, as for every other program', async () => {
    const hash = parseHash('$2y$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q')!;
    expect(await matchesHash(Buffer.alloc(80, 'x'), hash)).toBe(true);
    expect(await matchesHash(Buffer.alloc(72, 'x'), hash)).toBe(true);
    expect(await matchesHash(Buffer.alloc(71, 'x'), hash)).toBe(false);
  });

  test.each(FOREIGN)('nothing matches the hash of nobody that is like %s', async (_, right, text) => {
    const nobody = unmatchableHash(parseHash(text)!);
    expect(parseHash(formatHash(nobody))).toMatchObject({ cost: (parseHash(text) as { cost: string }).cost });
    expect(await matchesHash(Buffer.from(right), nobody)).toBe(false);
  });

  test('comparing does not hold up the event loop', async () => {
    const hash = parseHash(FOREIGN[1][2])!;
    await matchesHash(password, hash); // the thread runs now
    const before = performance.eventLoopUtilization();
    await Promise.all([1, 2, 3].map(() => matchesHash(password, hash)));
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
  });
});

describe('parseHash refuses', () => {
  const [salt, hash] = ['A'.repeat(22), 'B'.repeat(43)];
  test.each([
    ['a cost below 2^10', `$scrypt$ln=9,r=8,p=1$${salt}$${hash}`],
    ['more than 256 MiB', `$scrypt$ln=19,r=8,p=1$${salt}$${hash}`],
    ['a block size of 0', `$scrypt$ln=15,r=0,p=1$${salt}$${hash}`],
    ['more than 16 rounds side by side', `$scrypt$ln=15,r=8,p=17$${salt}$${hash}`],
    ['a short salt', `$scrypt$ln=15,r=8,p=1$AAAA$${hash}`],
    ['a short hash', `$scrypt$ln=15,r=8,p=1$${salt}$BBBB`],
    ['something behind it', `$scrypt$ln=15,r=8,p=1$${salt}$${hash}$x`],
    ['bcrypt of cost 4', `$2y$04$${'x'.repeat(53)}`],
    ['bcrypt of cost 16', `$2y$16$${'x'.repeat(53)}`],
    ['bcrypt that is too short', `$2y$10$${'x'.repeat(52)}`],
    ['argon2id with little memory', `$argon2id$v=19$m=4095,t=3,p=1$${salt}$${hash}`],
    ['argon2id with more than 256 MiB', `$argon2id$v=19$m=262145,t=1,p=1$${salt}$${hash}`],
    ['argon2id that takes very long', `$argon2id$v=19$m=262144,t=17,p=1$${salt}$${hash}`],
    ['argon2id without a pass', `$argon2id$v=19$m=65536,t=0,p=1$${salt}$${hash}`],
    ['argon2id without version', `$argon2id$m=65536,t=2,p=1$${salt}$${hash}`],
    ['argon2i', `$argon2i$v=19$m=65536,t=2,p=1$${salt}$${hash}`],
    ['another scheme', `$6$salt$${'x'.repeat(53)}`],
    ['nothing', ''],
  ])('%s', (_, text) => {
    expect(parseHash(text)).toBeNull();
  });
});

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
    ['another scheme', `$2y$10$${'x'.repeat(53)}`],
    ['nothing', ''],
  ])('%s', (_, text) => {
    expect(parseHash(text)).toBeNull();
  });
});

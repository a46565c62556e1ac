import { chmod } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { isUserName, parsePasswordFile, readPasswordFile, withUser } from '../../src/auth/password-file.ts';
import { tempDir } from '../support/tempDir.ts';

const HASH = `$scrypt$ln=15,r=8,p=1$${'A'.repeat(22)}$${'B'.repeat(43)}`;

test('reads users, and skips empty lines and comments', () => {
  const text = `# made by hand\n\nalice:${HASH}\r\nBob Smith:${HASH}\n`;
  expect([...parsePasswordFile(text, 'users').keys()]).toEqual(['alice', 'Bob Smith']);
});

describe('refuses with file and line', () => {
  test.each([
    ['an SHA-1 hash', 'alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'an unsalted SHA-1 hash'],
    [
      'bcrypt that is too cheap',
      `alice:$2y$04$${'x'.repeat(53)}`,
      'a bcrypt hash that is malformed, or of a cost',
    ],
    ['argon2i', 'alice:$argon2i$v=19$m=65536,t=2,p=1$c2FsdHNhbHQ$x', 'an argon2 hash that is not argon2id'],
    ['argon2id that is broken', 'alice:$argon2id$v=19$x', 'an argon2id hash that is malformed'],
    ['MD5', 'alice:$apr1$abcdefgh$0123456789012345678901', 'an MD5 hash'],
    ['the crypt of the system', 'alice:$6$salt$hash', 'a crypt hash of the system'],
    ['a scrypt hash that is broken', 'alice:$scrypt$ln=15$x', 'a scrypt hash that is malformed'],
    ['plain text', 'alice:secret', 'no hash that is known'],
  ])('%s, with the command that makes a good one', (_, line, kind) => {
    const parse = () => parsePasswordFile(`# users\n${line}\n`, '/etc/weir/users');
    expect(parse).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_VALUE', fields: expect.objectContaining({ line: 2 }) }),
    );
    expect(parse).toThrow(`/etc/weir/users:2: alice has ${kind}`);
    expect(parse).toThrow('weir gateway passwd');
    expect(parse).not.toThrow(line.slice('alice:'.length)); // never the hash itself
  });

  test.each([
    ['no colon', 'alice'],
    ['no name', `:${HASH}`],
    ['a control character', `al\tice:${HASH}`],
  ])('%s', (_, line) => {
    expect(() => parsePasswordFile(line, 'users')).toThrow('users:1: expected user:hash');
  });

  test('a user who is there twice', () => {
    expect(() => parsePasswordFile(`a:${HASH}\na:${HASH}\n`, 'users')).toThrow('users:2: a is there twice');
  });
});

test('a file that is not there is told with the command that makes it', () => {
  expect(() => readPasswordFile('/nowhere/users')).toThrow(
    expect.objectContaining({
      code: 'ERR_CONFIG_UNREADABLE',
      message: expect.stringContaining('weir gateway passwd'),
    }),
  );
});

test('a file that everybody may read is told of, and used', async () => {
  await using folder = await tempDir();
  const path = await folder.write('users', `alice:${HASH}\n`);
  await chmod(path, 0o644);
  expect(readPasswordFile(path)).toMatchObject({ warnings: [expect.stringContaining('chmod 640')] });
  await chmod(path, 0o640);
  expect(readPasswordFile(path).warnings).toEqual([]);
});

test('bcrypt hashes that are cheap are told of, and used', async () => {
  await using folder = await tempDir();
  const bcrypt = (cost: string): string => `$2y$${cost}$${'x'.repeat(53)}`;
  const lines = `alice:${bcrypt('05')}\nbob:${bcrypt('12')}\ncarol:${HASH}\n`;
  const { users, warnings } = readPasswordFile(
    await folder.write('users', lines, 0o600),
    'weir proxy passwd',
  );
  expect(users.size).toBe(3);
  expect(warnings).toEqual([expect.stringContaining('has one bcrypt hash of a cost below 10')]);
});

test('messages name the command of whoever reads the file', () => {
  expect(() => readPasswordFile('/nowhere/users', 'weir proxy passwd')).toThrow('`weir proxy passwd`');
});

describe('withUser', () => {
  test.each([
    ['adds to nothing', '', 'a', 'H', 'a:H\n'],
    ['adds at the end', 'b:X\n', 'a', 'H', 'b:X\na:H\n'],
    ['ends a last line that has no end', 'b:X', 'a', 'H', 'b:X\na:H\n'],
    ['replaces where it stands', '# c\na:X\nb:Y\n', 'a', 'H', '# c\na:H\nb:Y\n'],
    ['replaces a repeated line once', 'a:X\na:Y\n', 'a', 'H', 'a:H\n'],
    ['leaves names that only begin alike', 'ab:X\n', 'a', 'H', 'ab:X\na:H\n'],
    ['removes', 'a:X\nb:Y\n', 'a', null, 'b:Y\n'],
    ['removes nobody', 'b:Y\n', 'a', null, 'b:Y\n'],
  ])('%s', (_, text, user, hash, expected) => {
    expect(withUser(text, user, hash)).toBe(expected);
  });
});

test.each([
  ['alice', true],
  ['Bob Smith', true],
  ['jürgen', true],
  ['a:b', false],
  ['', false],
  [' alice', false],
  ['#alice', false],
  ['a\nb', false],
  ['x'.repeat(256), false],
])('%j is a user name: %s', (name, expected) => {
  expect(isUserName(name)).toBe(expected);
});

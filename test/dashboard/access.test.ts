import { chmod, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import {
  carriesToken,
  isKnownHost,
  newToken,
  readTokenFile,
  tokenFileIn,
  writeTokenFile,
} from '../../src/dashboard/access.ts';
import { tempDir } from '../support/tempDir.ts';

test('a token is read back from a file that only its user may read', async () => {
  await using folder = await tempDir();
  const file = tokenFileIn(folder.path);
  const token = newToken();
  writeTokenFile(file, token);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).toBe(`${token}\n`);
  expect(readTokenFile(file)).toBe(token);
  writeTokenFile(file, newToken());
  expect(readTokenFile(file)).not.toBe(token);
});

test('a file that others may read, a link, and anything but a token are none', async () => {
  await using folder = await tempDir();
  const file = tokenFileIn(folder.path);
  expect(readTokenFile(file)).toBeNull();
  writeTokenFile(file, newToken());
  await symlink(file, folder.join('link'));
  expect(readTokenFile(folder.join('link'))).toBeNull();
  await chmod(file, 0o640);
  expect(readTokenFile(file)).toBeNull();
  await writeFile(folder.join('other'), 'short\n', { mode: 0o600 });
  expect(readTokenFile(folder.join('other'))).toBeNull();
  expect(readTokenFile(folder.path)).toBeNull();
});

test.each([
  ['Bearer secret', true],
  ['bearer  secret ', true],
  ['Bearer secret2', false],
  ['Bearer', false],
  ['Basic secret', false],
  [undefined, false],
])('Authorization %p is let in: %p', (field, expected) => {
  expect(carriesToken(field, 'secret')).toBe(expected);
});

test.each([
  ['127.0.0.1:8090', true],
  ['localhost', true],
  ['[::1]:8090', true],
  ['192.0.2.7:8090', true],
  ['dashboard.test:8090', true],
  ['evil.test:8090', false],
  ['127.0.0.1.evil.test', false],
  ['', false],
  [undefined, false],
])('Host %p is known: %p', (host, expected) => {
  expect(isKnownHost(host, 'dashboard.test')).toBe(expected);
});

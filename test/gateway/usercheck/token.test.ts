// Tokens, the key that they are signed with, and what was granted.

import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { isOpen } from '../../../src/gateway/usercheck/actions.ts';
import { Grants } from '../../../src/gateway/usercheck/grants.ts';
import { loadKey } from '../../../src/gateway/usercheck/key-file.ts';
import type { Ticket } from '../../../src/gateway/usercheck/token.ts';
import { openTicket, sealTicket } from '../../../src/gateway/usercheck/token.ts';
import type { Severity } from '../../../src/plugin/api.ts';
import { tempDir } from '../../support/tempDir.ts';

const KEY = Buffer.alloc(32, 7);
const ALICE = { client: '10.0.0.1', user: 'alice' };
const TICKET: Ticket = {
  ...{ nonce: 'n1', expiresAt: 2000, incident: 'W-1', service: '/sandblast', profile: 'p', blade: 'b' },
  ...{ threat: 'T', severity: 'high', scope: 'host:a.test', url: 'http://a.test/', method: 'GET' },
  direction: 'response',
};
const WANTED = { ...ALICE, profile: 'p', blade: 'b', threat: 'T', scope: 'host:a.test' };

test('a token says what was sealed, to its user and until it expires', () => {
  const token = sealTicket(TICKET, ALICE, KEY);
  expect(openTicket(token, ALICE, KEY, 1999)).toMatchObject({ state: 'valid', ticket: TICKET });
  expect(openTicket(token, ALICE, KEY, 2000)).toEqual({ state: 'expired' });
});

test.each([
  ['another user', { ...ALICE, user: 'bob' }],
  ['another address', { ...ALICE, client: '10.0.0.2' }],
  ['nobody', { client: null, user: null }],
])('a token is foreign to %s', (_, who) => {
  expect(openTicket(sealTicket(TICKET, ALICE, KEY), who, KEY, 0)).toEqual({ state: 'foreign' });
});

test('a token with any character changed, cut, or of another key is forged', () => {
  const token = sealTicket(TICKET, ALICE, KEY);
  for (let at = 0; at < token.length; at += 7) {
    const other = token[at] === 'A' ? 'B' : 'A';
    const changed = token.slice(0, at) + other + token.slice(at + 1);
    expect(openTicket(changed, ALICE, KEY, 0)).toEqual({ state: 'forged' });
  }
  for (const wrong of ['', '.', 'w1..', token.slice(0, -1), `${token}A`, 'x'.repeat(100_000)]) {
    expect(openTicket(wrong, ALICE, KEY, 0)).toEqual({ state: 'forged' });
  }
  expect(openTicket(token, ALICE, Buffer.alloc(32, 8), 0)).toEqual({ state: 'forged' });
});

test('the key is made once, for its owner alone, also by ten at the same time', async () => {
  await using folder = await tempDir();
  const keys = await Promise.all(Array.from({ length: 10 }, () => loadKey(folder.join('sub'))));
  expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(1);
  const { mode } = await stat(folder.join('sub/key'));
  expect(mode & 0o777).toBe(0o600);
  expect((await readFile(folder.join('sub/key'))).equals(keys[0]!)).toBe(true);
});

test('a key that others may read, or that is none, is refused with what to do', async () => {
  await using folder = await tempDir();
  await loadKey(folder.path);
  await chmod(folder.join('key'), 0o644);
  const unreadable = { code: 'ERR_CONFIG_UNREADABLE' };
  await expect(loadKey(folder.path)).rejects.toMatchObject({
    ...unreadable,
    message: expect.stringContaining('chmod 600') as unknown,
  });
  await chmod(folder.join('key'), 0o600);
  await writeFile(folder.join('key'), 'short');
  await expect(loadKey(folder.path)).rejects.toMatchObject(unreadable);
});

test('what one process grants, another one knows, and one that starts later', async () => {
  await using folder = await tempDir();
  const fail = (error: unknown): never => {
    throw error;
  };
  const [one, other] = [new Grants(folder.path, fail), new Grants(folder.path, fail)];
  const now = Date.now();
  expect(await other.endOf(WANTED, now)).toBeNull();
  await one.add(WANTED, now + 60_000, 'n1', now + 60_000);
  for (const grants of [one, other, new Grants(folder.path, fail)]) {
    expect(await grants.endOf(WANTED, now)).toBe(now + 60_000);
    expect(await grants.endOf(WANTED, now + 60_000)).toBeNull();
    expect(await grants.isUsed('n1')).toBe(true);
    expect(await grants.isUsed('n2')).toBe(false);
    for (const [key, value] of Object.entries({
      client: '10.0.0.2',
      user: 'bob',
      threat: 'U',
      scope: 'host:b',
    })) {
      expect(await grants.endOf({ ...WANTED, [key]: value }, now)).toBeNull();
    }
  }
});

test.each<[Severity, boolean, boolean]>([
  ['critical', false, false],
  ['critical', true, true],
  ['high', false, true],
])('a finding of severity %s, with usercheck.critical %s, may be passed: %s', (severity, critical, open) => {
  const found = { kind: 'block', threat: 'T', severity, reason: 'r' } as const;
  expect(isOpen({ action: 'ask', rememberMs: 1 }, found, critical)).toBe(open);
  expect(isOpen({ action: 'prevent', rememberMs: 1 }, found, true)).toBe(false);
});

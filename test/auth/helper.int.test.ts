// The helper protocol with real programs: small scripts of node, each with a fault of its own.

import { expect, test } from '@jest/globals';
import { HelperVerifier } from '../../src/auth/helper.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir } from '../support/tempDir.ts';

/** What a helper answers to the line in `line`; it has `users`, and `count`, the lines so far. */
const ANSWERS = {
  right: `const [user, password] = line.split(' ').map(decodeURIComponent);
          users[user] === password ? 'OK' : 'ERR message="no such user"'`,
  renaming: `'OK user="alice%20smith" tag=1'`,
  broken: `'BH database is down'`,
  silent: `null`,
  twice: `'OK\\nOK'`,
  ending: `process.exit(3)`,
  endless: `(process.stdout.write('x'.repeat(9000)), null)`,
};

async function helper(kind: keyof typeof ANSWERS, timeoutMs = 10_000) {
  const folder = await tempDir();
  const script = await folder.write(
    'helper.mjs',
    `import { createInterface } from 'node:readline';
     const users = { alice: 'p w:%\\u00fc', ['b ob']: '' };
     let count = 0;
     for await (const line of createInterface({ input: process.stdin })) {
       count++;
       const answer = (() => { return eval(${JSON.stringify(ANSWERS[kind])}); })();
       if (answer !== null) process.stdout.write(answer + '\\n');
     }`,
  );
  const trouble: string[] = [];
  const verifier = new HelperVerifier({
    command: [process.execPath, script],
    folder: folder.path,
    timeoutMs,
    onTrouble: (message) => trouble.push(message),
  });
  return {
    trouble,
    verify: (user: string, password: string) => verifier.verify(user, Buffer.from(password)),
    async [Symbol.asyncDispose]() {
      verifier.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

test('users and passwords of any characters get there and are answered', async () => {
  await using program = await helper('right');
  expect(await program.verify('alice', 'p w:%ü')).toBe('alice');
  expect(await program.verify('alice', 'p w')).toBeNull();
  expect(await program.verify('b ob', '')).toBe('b ob');
  expect(await program.verify('alice\n', 'p w:%ü')).toBeNull(); // never two lines
  const both = await Promise.all([program.verify('alice', 'x'), program.verify('alice', 'p w:%ü')]);
  expect(both).toEqual([null, 'alice']);
});

test('the helper may give the user another name', async () => {
  await using program = await helper('renaming');
  expect(await program.verify('alice', 'x')).toBe('alice smith');
});

test.each([
  ['broken', 'it answered "BH database is down", not OK or ERR'],
  ['twice', 'it said more than one line'],
  ['ending', 'it ended with 3'],
  ['endless', 'its line is longer than 8192 bytes'],
] as const)('a helper that is %s lets nobody in', async (kind, why) => {
  await using program = await helper(kind);
  const refused = { code: 'ERR_AUTH_UNAVAILABLE', message: expect.stringContaining(why) };
  await expect(program.verify('alice', 'x')).rejects.toMatchObject(refused);
  // Not started again at once: what ends at its start would be started all the time.
  await expect(program.verify('alice', 'x')).rejects.toMatchObject({
    message: expect.stringContaining('has just failed'),
  });
});

test('a helper that does not answer in time is ended', async () => {
  await using program = await helper('silent', 300);
  await expect(program.verify('alice', 'x')).rejects.toMatchObject({
    message: expect.stringContaining('did not answer in time'),
  });
});

test('a program that is not there lets nobody in', async () => {
  const command = ['/nowhere/helper'];
  const program = new HelperVerifier({ command, folder: '/', timeoutMs: 1000, onTrouble: () => {} });
  const refused = { code: 'ERR_AUTH_UNAVAILABLE', message: expect.stringContaining('ENOENT') };
  await expect(program.verify('alice', Buffer.from('x'))).rejects.toMatchObject(refused);
});

describeWithPeer('squid', () => {
  test("Squid's own helper for password files is understood", async () => {
    await using folder = await tempDir();
    const bcrypt = '$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC';
    const users = await folder.write('users', `bob:${bcrypt}\n`);
    const command = ['/usr/lib/squid/basic_ncsa_auth', users];
    const program = new HelperVerifier({ command, folder: '/', timeoutMs: 10_000, onTrouble: () => {} });
    try {
      expect(await program.verify('bob', Buffer.from('pässword'))).toBe('bob');
      expect(await program.verify('bob', Buffer.from('passwort'))).toBeNull();
      expect(await program.verify('al ice', Buffer.from('x'))).toBeNull();
    } finally {
      program.close();
    }
  });
});

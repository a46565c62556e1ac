import { readFile, stat, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { BasicAuthenticator } from '../../src/auth/basic.ts';
import { HashVerifier } from '../../src/auth/password-verifier.ts';
import { parsePasswordFile } from '../../src/auth/password-file.ts';
import { run } from '../../src/cli/main.ts';
import type { InputStream } from '../../src/cli/terminal.ts';
import { tempDir } from '../support/tempDir.ts';

/** Runs `weir gateway passwd …`, or that of the proxy; `input` is what is piped in, or typed one answer after the other. */
async function passwd(args: string[], input: string | readonly string[], cwd = '/', half = 'gateway') {
  const printed = { stdout: '', stderr: '' };
  const stdin = new PassThrough() as PassThrough & { isTTY?: boolean; setRawMode?(raw: boolean): void };
  const raw: boolean[] = [];
  const answers = typeof input === 'string' ? [] : [...input];
  if (typeof input === 'string') stdin.end(input);
  else {
    stdin.isTTY = true;
    stdin.setRawMode = (on) => void raw.push(on);
  }
  const terminal = {
    stdin: stdin as InputStream,
    cwd,
    stdout: { write: (text: string | Uint8Array) => void (printed.stdout += String(text)) },
    stderr: {
      write: (text: string | Uint8Array) => {
        printed.stderr += String(text);
        if (/: $/.test(String(text))) setImmediate(() => stdin.write(answers.shift() ?? '\u0003'));
      },
    },
  };
  const exitCode = await run([half, 'passwd', ...args], terminal);
  return { exitCode, ...printed, raw };
}

const opens = (text: string, user: string, password: string) =>
  new BasicAuthenticator(new HashVerifier(parsePasswordFile(text, 'users'))).check(
    `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
  );

describe('weir gateway passwd', () => {
  test('prints the line for a password that is piped in', async () => {
    const { exitCode, stdout } = await passwd(['squid'], 'geheim\nignored\n');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^squid:\$scrypt\$ln=15,r=8,p=1\$[\w+/]+\$[\w+/]+\n$/);
    expect(await opens(stdout, 'squid', 'geheim')).toBe('squid');
  });

  test('asks twice on a terminal, shows nothing of it, and understands backspace', async () => {
    const { exitCode, stdout, stderr, raw } = await passwd(['squid'], ['gehx\u007feim\r', 'geheim\r']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: 'Password for squid: \nOnce more: \n' });
    expect(raw).toEqual([true, false, true, false]);
    expect(await opens(stdout, 'squid', 'geheim')).toBe('squid');
  });

  test.each([
    ['two passwords that differ', ['one\r', 'two\r'], /the two passwords differ/],
    ['Ctrl-C', ['one\u0003'], /no password was given/],
  ])('%s change nothing and give 2', async (_, typed, message) => {
    const { exitCode, stdout, stderr } = await passwd(['squid'], typed);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('makes a file that only its owner may read, adds users, replaces and removes one', async () => {
    await using folder = await tempDir();
    const file = folder.join('users');
    await passwd(['a', '--file', 'users'], 'one', folder.path);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await passwd(['b', '--file', 'users'], 'two', folder.path);
    await passwd(['a', '-f', file], 'three');
    const text = await readFile(file, 'utf8');
    expect(text.split('\n')).toHaveLength(3);
    expect(await opens(text, 'a', 'three')).toBe('a');
    expect(await opens(text, 'b', 'two')).toBe('b');
    expect((await passwd(['a', '--file', file, '--remove'], '')).exitCode).toBe(0);
    expect([...parsePasswordFile(await readFile(file, 'utf8'), file).keys()]).toEqual(['b']);
  });

  test.each([
    ['a name with a colon', ['a:b'], 'x', /user name/],
    ['an empty password', ['a'], '\n', /the password is empty/],
    ['a control character', ['a'], 'a\tb', /control character/],
    ['1025 bytes', ['a'], 'x'.repeat(1025), /longer than 1024 bytes/],
    ['--remove without a file', ['a', '--remove'], '', /--remove needs --file/],
    ['an unknown option', ['a', '--fille', 'x'], '', /unknown option/],
    ['no user', [], '', /missing required argument/],
  ])('refuses %s with 2', async (_, args, input, message) => {
    const { exitCode, stdout, stderr } = await passwd(args, input);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('refuses to add to, or remove from, a file with other hashes, and leaves it alone', async () => {
    await using folder = await tempDir();
    const file = folder.join('htpasswd');
    await writeFile(file, 'old:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n');
    const { exitCode, stderr } = await passwd(['a', '--file', file], 'one');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('htpasswd:1: old has an unsalted SHA-1 hash');
    expect(await readFile(file, 'utf8')).toContain('{SHA}');
  });

  test('removing nobody gives 2', async () => {
    await using folder = await tempDir();
    const { exitCode, stderr } = await passwd(['a', '--remove', '--file', folder.join('users')], '');
    expect(exitCode).toBe(2);
    expect(stderr).toContain('has no user a');
  });

  test('--help has an example', async () => {
    const { exitCode, stdout } = await passwd(['--help'], '');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('weir gateway passwd squid --file users.htpasswd');
  });
});

describe('weir proxy passwd', () => {
  test('writes the same lines, and leaves those of htpasswd', async () => {
    await using folder = await tempDir();
    const bcrypt = 'bob:$2y$05$abcdefghijklmnopqrstuucZGbUxuMlEqps0qcu2pjhO7vaatQZIC';
    const file = await folder.write('users', `${bcrypt}\n`, 0o600);
    expect(await passwd(['alice', '--file', file], 'geheim\n', '/', 'proxy')).toMatchObject({ exitCode: 0 });
    const text = await readFile(file, 'utf8');
    expect(text).toContain(bcrypt);
    expect(await opens(text, 'alice', 'geheim')).toBe('alice');
    expect(await opens(text, 'bob', 'pässword')).toBe('bob');
  });

  test('names itself in its help, and where a file cannot be used', async () => {
    expect((await passwd(['--help'], '', '/', 'proxy')).stdout).toContain(
      'weir proxy passwd alice --file users.htpasswd',
    );
    await using folder = await tempDir();
    const file = await folder.write('users', 'old:secret\n');
    const { exitCode, stderr } = await passwd(['a', '--file', file], 'x', '/', 'proxy');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 2,
      stderr: expect.stringContaining('weir proxy passwd'),
    });
  });
});

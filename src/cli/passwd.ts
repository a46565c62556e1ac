// `weir gateway passwd` and `weir proxy passwd`: sets or removes a password in a password file. It comes
// from the terminal without being shown, or as the first line of standard input; never from an
// argument, which every user of the machine could read.

import { readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { isUserName, parsePasswordFile, withUser } from '../auth/password-file.ts';
import { formatHash, hashPassword } from '../auth/password-hash.ts';
import { ConfigError, messageOf } from '../errors.ts';
import { type CommandContext, examples } from './context.ts';
import { readPassword } from './read-password.ts';
import type { Terminal } from './terminal.ts';

interface PasswdOptions {
  readonly file?: string;
  readonly remove?: true;
}

const MAX_PASSWORD = 1024; // bytes

/** What the passwords of a half of Weir are for. */
export interface PasswordHalf {
  readonly half: 'gateway' | 'proxy';
  /** Who logs in, e.g. `an ICAP client`. */
  readonly who: string;
  /** Key of the configuration that names the file. */
  readonly key: string;
  /** A user for the examples. */
  readonly example: string;
}

/** Adds `passwd` to the command of a half. */
export function addPasswdCommand(parent: Command, context: CommandContext, half: PasswordHalf): void {
  const { who, key, example } = half;
  const command = `weir ${half.half} passwd ${example}`;
  parent
    .command('passwd')
    .argument('<user>', `name that ${who} logs in with`)
    .description(`set the password of ${who} (${key})`)
    .option('-f, --file <file>', 'password file to change or create (default: print the line for one)')
    .option('--remove', 'take the user out of the file')
    .addHelpText(
      'after',
      examples(`${command} --file users.htpasswd`, `pass show ${example} | ${command} --file users.htpasswd`),
    )
    .action(async (user: string, options: PasswdOptions) => {
      await setPassword(user, options, context.terminal, `weir ${half.half} passwd <user> --file <file>`);
    });
}

async function setPassword(
  user: string,
  options: PasswdOptions,
  terminal: Terminal,
  command: string,
): Promise<void> {
  if (!isUserName(user)) {
    throw new ConfigError('ERR_CONFIG_VALUE', 'a user name has no colon and no control character');
  }
  const file = options.file === undefined ? null : path.resolve(terminal.cwd, options.file);
  if (options.remove === true) {
    if (file === null) throw new ConfigError('ERR_CONFIG_VALUE', '--remove needs --file');
    const text = await existing(file);
    if (!parsePasswordFile(text, file, command).has(user)) {
      throw new ConfigError('ERR_CONFIG_VALUE', `${file} has no user ${user}`);
    }
    await replace(file, withUser(text, user, null));
    terminal.stderr.write(`${user} removed from ${file}\n`);
    return;
  }
  const text = file === null ? '' : await existing(file);
  if (file !== null) parsePasswordFile(text, file, command); // before anybody types a password for nothing
  const hash = formatHash(await hashPassword(sound(await readPassword(terminal, `Password for ${user}: `))));
  if (file === null) {
    terminal.stdout.write(`${user}:${hash}\n`);
    return;
  }
  await replace(file, withUser(text, user, hash));
  terminal.stderr.write(`password of ${user} set in ${file}\n`);
}

function sound(password: string): Buffer {
  const bytes = Buffer.from(password);
  const fault =
    bytes.length === 0
      ? 'the password is empty'
      : bytes.length > MAX_PASSWORD
        ? `the password is longer than ${MAX_PASSWORD} bytes`
        : /[\u0000-\u001f\u007f]/.test(password)
          ? 'the password has a control character in it'
          : null;
  if (fault !== null) throw new ConfigError('ERR_CONFIG_VALUE', fault);
  return bytes;
}

async function existing(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `cannot read ${file}: ${messageOf(error)}`, {}, error);
  }
}

/** Whole or not at all; keeps the file's mode, a new one is the owner's alone. */
async function replace(file: string, text: string): Promise<void> {
  const mode = await stat(file).then(
    (found) => found.mode & 0o777,
    () => 0o600,
  );
  const next = `${file}.${process.pid}.new`;
  try {
    await writeFile(next, text, { mode, flag: 'wx' });
    await rename(next, file);
  } catch (error) {
    await unlink(next).catch(() => {});
    throw new ConfigError('ERR_CONFIG_UNREADABLE', `cannot write ${file}: ${messageOf(error)}`, {}, error);
  }
}

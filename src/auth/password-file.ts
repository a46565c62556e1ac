// The file of users and password hashes: one `user:hash` a line, like htpasswd, with hashes that cannot be
// guessed quickly. Reading it, refusing what would be unsafe, and setting one user's line. Checking a
// password against it is password-verifier.ts.

import { readFileSync, statSync } from 'node:fs';
import { ConfigError, messageOf, printable } from '../errors.ts';
import type { PasswordHash } from './password-hash.ts';
import { parseHash } from './password-hash.ts';

export interface PasswordFile {
  readonly users: ReadonlyMap<string, PasswordHash>;
  /** Worth telling the operator, e.g. that others may read the file. */
  readonly warnings: readonly string[];
}

const MAX_FILE = 4 * 1024 * 1024; // bytes
const FAIR_BCRYPT_COST = 10;
const GATEWAY_COMMAND = 'weir gateway passwd <user> --file <file>';
export const PROXY_PASSWORD_COMMAND = 'weir proxy passwd <user> --file <file>';

/** Schemes of other programs, named in the refusal. */
const FOREIGN: readonly [RegExp, string][] = [
  [/^\{SHA\}/i, 'an unsalted SHA-1 hash'],
  [/^\$2[abxy]?\$/, 'a bcrypt hash that is malformed, or of a cost that is not between 5 and 15'],
  [/^\$argon2id\$/, 'an argon2id hash that is malformed, weak or too costly'],
  [/^\$argon2[id]\$/, 'an argon2 hash that is not argon2id'],
  [/^\$apr1\$|^\$1\$/, 'an MD5 hash'],
  [/^\$[56]\$|^\$y\$/, 'a crypt hash of the system'],
  [/^\$scrypt\$/, 'a scrypt hash that is malformed, weak or too costly'],
];

/**
 * Reads a password file.
 * @param command  that sets a password in it, for messages
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`; `ERR_CONFIG_VALUE` with the line, never with its hash
 */
export function readPasswordFile(path: string, command = GATEWAY_COMMAND): PasswordFile {
  let text: string;
  let mode: number;
  try {
    const { size, mode: found } = statSync(path);
    if (size > MAX_FILE) {
      throw new ConfigError('ERR_CONFIG_VALUE', `${path} is larger than ${MAX_FILE} bytes`, { path });
    }
    text = readFileSync(path, 'utf8');
    mode = found;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const how = `make it with \`${command}\``;
    throw new ConfigError(
      'ERR_CONFIG_UNREADABLE',
      `cannot read the password file: ${messageOf(error)}: ${how}`,
      { path },
      error,
    );
  }
  const warnings: string[] = [];
  if ((mode & 0o007) !== 0) warnings.push(`${path} can be read by every user of this machine: chmod 640 it`);
  const users = parsePasswordFile(text, path, command);
  const weak = [...users.values()].filter(
    (hash) => hash.kind === 'bcrypt' && Number(hash.cost.slice(4, 6)) < FAIR_BCRYPT_COST,
  );
  if (weak.length > 0) {
    const count = weak.length === 1 ? 'one bcrypt hash' : `${weak.length} bcrypt hashes`;
    warnings.push(
      `${path} has ${count} of a cost below ${FAIR_BCRYPT_COST}: whoever gets the file guesses fast`,
    );
  }
  return { users, warnings };
}

/**
 * Parses the lines `user:hash`; empty ones and those that begin with `#` mean nothing.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parsePasswordFile(
  text: string,
  path: string,
  command = GATEWAY_COMMAND,
): ReadonlyMap<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const user = line.slice(0, colon);
    const refuse = (what: string): never => {
      throw new ConfigError('ERR_CONFIG_VALUE', `${path}:${index + 1}: ${what}`, { path, line: index + 1 });
    };
    if (colon < 1 || !isUserName(user)) return refuse('expected user:hash');
    const hash = parseHash(line.slice(colon + 1).trim());
    if (hash === null) return refuse(foreignHash(user, line.slice(colon + 1).trim(), command));
    if (users.has(user)) return refuse(`${printable(user)} is there twice: remove one of the lines`);
    users.set(user, hash);
  }
  return users;
}

function foreignHash(user: string, hash: string, command: string): string {
  const kind = FOREIGN.find(([pattern]) => pattern.test(hash))?.[1] ?? 'no hash that is known';
  return `${printable(user)} has ${kind}; only scrypt, bcrypt and argon2id are accepted: set the password with \`${command}\``;
}

/** True for a name that Basic authentication can carry: no colon, no control character (RFC 7617 §2). */
export function isUserName(text: string): boolean {
  return /^[^:\u0000-\u001f\u007f]{1,255}$/.test(text) && text.trim() === text && !text.startsWith('#');
}

/** The text of a password file with the line of one user set, or removed with `hash` null. */
export function withUser(text: string, user: string, hash: string | null): string {
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n');
  const kept: string[] = [];
  let placed = hash === null;
  for (const line of lines) {
    if (!line.startsWith(`${user}:`)) kept.push(line);
    else if (!placed) {
      kept.push(`${user}:${hash!}`);
      placed = true;
    }
  }
  if (!placed) kept.push(`${user}:${hash!}`);
  return kept.map((line) => `${line}\n`).join('');
}

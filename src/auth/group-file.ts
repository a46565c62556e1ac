// The file that says which users are in which groups: `group: user user` a line, as Apache's AuthGroupFile has
// it. Reading it, and the bounds that groups have wherever they come from. Who a user is was found out before.

import { readFileSync, statSync } from 'node:fs';
import { ConfigError, messageOf, printable } from '../errors.ts';

/** Groups by user. */
export type GroupsByUser = ReadonlyMap<string, readonly string[]>;

export const MAX_GROUPS = 256; // of one user
const MAX_NAME = 255; // characters
const MAX_NAMES = 16_384; // characters of all groups of one user: they have to fit into a header
const MAX_FILE = 4 * 1024 * 1024; // bytes
const WORD = /"([^"]*)"|([^\s"]+)/g;

/**
 * Reads a file of groups.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`; `ERR_CONFIG_VALUE` with the line
 */
export function readGroupFile(path: string): GroupsByUser {
  try {
    const { size } = statSync(path);
    if (size <= MAX_FILE) return parseGroupFile(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const text = `cannot read the file of groups: ${messageOf(error)}: write \`group: user user\` lines into it`;
    throw new ConfigError('ERR_CONFIG_UNREADABLE', text, { path }, error);
  }
  throw new ConfigError('ERR_CONFIG_VALUE', `${path} is larger than ${MAX_FILE} bytes`, { path });
}

/**
 * Parses the lines. A group may have several, a name with spaces stands in double quotes, empty lines and those
 * that begin with `#` mean nothing.
 * @throws {ConfigError} `ERR_CONFIG_VALUE`
 */
export function parseGroupFile(text: string, path: string): GroupsByUser {
  const groups = new Map<string, Set<string>>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const refuse = (what: string): never => {
      throw new ConfigError('ERR_CONFIG_VALUE', `${path}:${index + 1}: ${what}`, { path, line: index + 1 });
    };
    const colon = line.indexOf(':');
    const group = line.slice(0, Math.max(colon, 0)).trim();
    if (!isGroupName(group)) return refuse('expected `group: user user`');
    const users = line.slice(colon + 1);
    if (users.replace(WORD, '').trim() !== '') return refuse('a double quote without its other half');
    for (const [, quoted, plain] of users.matchAll(WORD)) {
      const user = quoted ?? plain!;
      const known = groups.get(user) ?? new Set();
      groups.set(user, known.add(group));
      if (!areGroups([...known])) {
        return refuse(`${printable(user)} is in more groups than the ${MAX_GROUPS} that are possible`);
      }
    }
  }
  return new Map([...groups].map(([user, names]) => [user, [...names]]));
}

/** Whether something is a list of groups that a user may be in. */
export function areGroups(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length > MAX_GROUPS) return false;
  let length = 0;
  for (const name of value as unknown[]) {
    if (typeof name !== 'string' || !isGroupName(name)) return false;
    length += name.length;
  }
  return length <= MAX_NAMES;
}

function isGroupName(name: string): boolean {
  return name.length > 0 && name.length <= MAX_NAME && !/[\u0000-\u001f\u007f]/.test(name);
}

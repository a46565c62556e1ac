// Text for people on a terminal: paths as short as they can be, words safe to paste into a shell.

import path from 'node:path';

/** `file` relative to `cwd` when that is shorter, else as it is. */
export function shortPath(file: string, cwd: string): string {
  const relative = path.relative(cwd, file) || '.';
  return relative.length < file.length ? relative : file;
}

/** A word that a POSIX shell reads as exactly this text; quoted only if it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

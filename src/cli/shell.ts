// Text for people on a terminal: paths as short as they can be, words safe to paste into a shell.

import path from 'node:path';

/** `file` relative to `cwd` when that is shorter, else as it is. */
export function shortPath(file: string, cwd: string): string {
  const relative = path.relative(cwd, file) || '.';
  return relative.length < file.length ? relative : file;
}

export { shellWord } from '../util/shell-word.ts';

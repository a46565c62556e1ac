// Reads rule files from folders. Compiling them is engine.ts.

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PluginError } from 'weir';
import type { RuleFile } from './engine.ts';
import { messageOf } from './text.ts';

const RULE_FILE = /\.yara?$/i;

/**
 * @param folders absolute, or relative to the working directory; not searched below
 * @returns files in folder order, then by name
 * @throws {PluginError} `ERR_PLUGIN_OPTIONS` for a folder or file that cannot be read
 */
export async function readRules(folders: readonly string[]): Promise<RuleFile[]> {
  const files: RuleFile[] = [];
  for (const folder of folders) {
    try {
      const names = (await readdir(folder)).filter((name) => RULE_FILE.test(name)).sort();
      for (const name of names) {
        const file = path.resolve(folder, name);
        files.push({ file, source: await readFile(file, 'utf8') });
      }
    } catch (error) {
      throw new PluginError(
        'ERR_PLUGIN_OPTIONS',
        `antivirus rules: ${folder} cannot be read: ${messageOf(error)}`,
        { path: folder },
        error,
      );
    }
  }
  return files;
}

/** Changes when any rule changes; 16 hex digits. */
export function hashRules(files: readonly RuleFile[], ...more: string[]): string {
  const hash = createHash('sha256');
  for (const { source } of files) hash.update(source).update('\0');
  for (const text of more) hash.update(text).update('\0');
  return hash.digest('hex').slice(0, 16);
}

// The key that tokens are signed with: 32 random bytes in a file that only its owner may read. The processes of
// one gateway share it; whichever needs it first makes it.

import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError, messageOf } from '../../errors.ts';

const KEY_BYTES = 32;

/**
 * Reads the key of that folder, or makes one.
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`: it cannot be read or made, others may read it, or it is no key
 */
export async function loadKey(folder: string): Promise<Buffer> {
  const file = path.join(folder, 'key');
  try {
    return await readKey(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw keyError(file, error);
  }
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' });
    // A link appears with its content, and not at all where another process was first.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return await readKey(file);
  } catch (error) {
    throw keyError(file, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}

async function readKey(file: string): Promise<Buffer> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) throw new Error('others may read it: chmod 600, or remove it');
  const key = await readFile(file);
  if (key.length !== KEY_BYTES) throw new Error(`it is no key of ${KEY_BYTES} bytes: remove it`);
  return key;
}

function keyError(file: string, error: unknown): ConfigError {
  const text = `usercheck.folder: cannot use the key ${file}: ${messageOf(error)}`;
  return new ConfigError('ERR_CONFIG_UNREADABLE', text, { path: file }, error);
}

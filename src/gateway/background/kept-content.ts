// A body that outlives its message, for blades that judge after the message has passed. One in a spool file
// gets a second name in the same folder, which costs nothing and goes with the process like the first.

import { randomBytes } from 'node:crypto';
import { copyFile, link, unlink } from 'node:fs/promises';
import path from 'node:path';
import { HttpError } from '../../errors.ts';
import { messageOf } from '../../errors.ts';
import type { HeldContent } from '../../http/held-body.ts';

export interface KeptContent extends HeldContent {
  /** Frees memory and file; once. */
  release(): void;
}

/**
 * Keeps a body; to be called while the original is held, and the message waits for it.
 * @throws {HttpError} `ERR_SPOOL` when the file cannot be kept
 */
export async function keepContent(content: HeldContent): Promise<KeptContent> {
  const { size, memory, file } = content;
  if (memory !== null) return { size, memory: Buffer.from(memory), file: null, release: () => {} };
  const kept = path.join(path.dirname(file!), `kept-${randomBytes(8).toString('hex')}.body`);
  try {
    await link(file!, kept).catch(() => copyFile(file!, kept)); // some file systems know no links
  } catch (error) {
    throw new HttpError('ERR_SPOOL', `cannot keep a body: ${messageOf(error)}`, {}, error);
  }
  return { size, memory: null, file: kept, release: () => void unlink(kept).catch(() => {}) };
}

// Writes the adapted body to a file as it comes, under another name until it is complete: a file that is
// there is whole.

import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { IcapError, messageOf } from '../../errors.ts';

export interface OutputFile {
  /** Resolves when the piece is written. */
  write(piece: Buffer): Promise<void>;
  /** Puts the file in place. */
  finish(): Promise<void>;
  /** Removes what was written; does nothing after `finish`. */
  discard(): Promise<void>;
}

/**
 * Opens `file` for writing; what stands there is replaced at `finish`. Devices and pipes are written at once.
 * @throws {IcapError} `ERR_PROBE_OUTPUT`, also of the methods
 */
export async function openOutput(file: string): Promise<OutputFile> {
  const failed = (cause: unknown): IcapError =>
    new IcapError('ERR_PROBE_OUTPUT', `cannot write ${file}: ${messageOf(cause)}`, { path: file }, cause);
  const attempt = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw failed(error);
    });
  const there = await stat(file).catch(() => null);
  if (there?.isDirectory() === true) throw failed(new Error('it is a folder'));
  const inPlace = there !== null && !there.isFile();
  const written = inPlace ? file : `${file}.${process.pid}.part`;
  const handle: FileHandle = await attempt(open(written, 'w'));
  let isOpen = true;
  return {
    async write(piece) {
      for (let at = 0; at < piece.length;) {
        at += (await attempt(handle.write(piece, at))).bytesWritten;
      }
    },
    async finish() {
      isOpen = false;
      await attempt(handle.close());
      if (!inPlace) await attempt(rename(written, file));
    },
    async discard() {
      if (!isOpen) return;
      isOpen = false;
      await handle.close().catch(() => {});
      if (!inPlace) await rm(written, { force: true });
    },
  };
}

// Content that can be read at any position: bytes in memory, a file, or a stream that was set aside.
// Formats with their index at the end (zip) need it. Spooled content goes to a file that has no name any
// more when the first byte is written, so that not even a killed process leaves it behind.

import { open, mkdtemp, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { messageOf, WeirError } from '../errors.ts';
import type { Chunks } from './chunk-reader.ts';

const READ_CHUNK = 256 * 1024; // bytes

export interface ByteSource {
  /** Bytes. */
  readonly size: number;
  /** Bytes from `start` to before `end`; shorter only where the file was cut meanwhile. */
  read(start: number, end: number): Promise<Buffer>;
  /**
   * From `start` (default 0) to before `end` (default: the end).
   * @param reuse one buffer for all chunks: each is then valid only until the next is asked for
   */
  chunks(start?: number, end?: number, reuse?: boolean): AsyncGenerator<Buffer>;
  close(): Promise<void>;
}

export function memorySource(bytes: Buffer): ByteSource {
  return {
    size: bytes.length,
    read: (start, end) => Promise.resolve(bytes.subarray(start, end)),
    async *chunks(start = 0, end = bytes.length) {
      for (let at = start; at < end; at += READ_CHUNK)
        yield bytes.subarray(at, Math.min(at + READ_CHUNK, end));
    },
    close: () => Promise.resolve(),
  };
}

/** @throws {WeirError} `ERR_SPOOL` when the file cannot be opened or, later, read */
export async function fileSource(file: string): Promise<ByteSource> {
  const handle = await guarded(() => open(file, 'r'));
  const { size } = await guarded(() => handle.stat());
  return handleSource(handle, size);
}

/**
 * Sets a stream aside.
 * @param memoryBytes held in memory up to this size, in an unlinked temporary file beyond
 * @throws {WeirError} `ERR_SPOOL` when the temporary folder cannot take it
 */
export async function spool(chunks: Chunks, memoryBytes: number): Promise<ByteSource> {
  const held: Buffer[] = [];
  let size = 0;
  let handle: FileHandle | null = null;
  try {
    for await (const chunk of chunks) {
      if (handle === null && size + chunk.length > memoryBytes) {
        handle = await guarded(openUnlinked);
        await guarded(() => writeAll(handle!, Buffer.concat(held), 0));
        held.length = 0;
      }
      if (handle === null) held.push(chunk);
      else await guarded(() => writeAll(handle!, chunk, size));
      size += chunk.length;
    }
  } catch (error) {
    await handle?.close();
    throw error;
  }
  return handle === null ? memorySource(Buffer.concat(held)) : handleSource(handle, size);
}

function handleSource(handle: FileHandle, size: number): ByteSource {
  const readInto = async (target: Buffer, position: number): Promise<Buffer> => {
    let got = 0;
    while (got < target.length) {
      const { bytesRead } = await guarded(() =>
        handle.read(target, got, target.length - got, position + got),
      );
      if (bytesRead === 0) break;
      got += bytesRead;
    }
    return target.subarray(0, got);
  };
  return {
    size,
    read: (start, end) => readInto(Buffer.allocUnsafe(Math.max(0, end - start)), start),
    async *chunks(start = 0, end = size, reuse = false) {
      const own = reuse ? Buffer.allocUnsafeSlow(READ_CHUNK) : null;
      for (let at = start; at < end;) {
        const length = Math.min(READ_CHUNK, end - at);
        const chunk = await readInto(own?.subarray(0, length) ?? Buffer.allocUnsafe(length), at);
        if (chunk.length === 0) return;
        at += chunk.length;
        yield chunk;
      }
    },
    close: () => handle.close(),
  };
}

async function openUnlinked(): Promise<FileHandle> {
  const folder = await mkdtemp(path.join(tmpdir(), 'weir-unpack-'));
  try {
    return await open(path.join(folder, 'content'), 'wx+', 0o600);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new WeirError('ERR_SPOOL', `content cannot be set aside or read: ${messageOf(error)}`, {}, error);
  }
}

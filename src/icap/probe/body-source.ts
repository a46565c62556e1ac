// The body that a probe sends: read from any place and again, since a preview, an early answer, a 204 or
// a 206 decide late how much of it is wanted. Files are read where they lie; what can be read only once
// (standard input, a pipe) is kept in a temporary file first.

import { open, stat } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { ConfigError, IcapError, messageOf } from '../../errors.ts';
import { DEFAULT_SPOOL, Spool } from '../../http/spool.ts';

export interface ProbeBody {
  /** Bytes. */
  readonly size: number;
  /**
   * Bytes `[from, from + length)`, fewer only at the end.
   * @throws {IcapError} `ERR_PROBE_INPUT` when the file became shorter
   */
  read(from: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export function bufferBody(bytes: Buffer): ProbeBody {
  return {
    size: bytes.length,
    read: (from, length) => Promise.resolve(bytes.subarray(from, from + length)),
    close: () => Promise.resolve(),
  };
}

/**
 * Opens a file; a pipe or device is read to its end first.
 *
 * @param maxKept  bytes of a pipe or device at most
 * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`
 * @throws {IcapError} `ERR_PROBE_INPUT` past `maxKept`
 */
export async function fileBody(path: string, maxKept: number): Promise<ProbeBody> {
  const unreadable = (cause: unknown): ConfigError =>
    new ConfigError('ERR_CONFIG_UNREADABLE', `cannot read ${path}: ${messageOf(cause)}`, { path }, cause);
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (found.isDirectory()) throw unreadable(new Error('it is a folder'));
  if (!found.isFile()) return await streamBody(createReadStream(path), maxKept, unreadable);
  return await regularFile(path, found.size).catch((error: unknown) => {
    throw unreadable(error);
  });
}

/**
 * Keeps a stream, which is read to its end before this resolves.
 *
 * @param maxKept  bytes at most
 * @throws {IcapError} `ERR_PROBE_INPUT` past `maxKept`, `ERR_SPOOL`; what `failed` makes of an error of the stream
 */
export async function streamBody(
  stream: Readable,
  maxKept: number,
  failed: (cause: unknown) => Error = (cause) =>
    new IcapError('ERR_PROBE_INPUT', `cannot read standard input: ${messageOf(cause)}`, {}, cause),
): Promise<ProbeBody> {
  const spool = new Spool(DEFAULT_SPOOL);
  try {
    let broken: unknown = null;
    stream.once('error', (error) => (broken = error));
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (spool.size + chunk.length > maxKept) {
          const text = `what cannot be read twice may have at most ${maxKept} bytes: put it in a file first`;
          throw new IcapError('ERR_PROBE_INPUT', text);
        }
        await new Promise<void>((resolve) => {
          if (spool.append(chunk, resolve)) resolve();
        });
      }
    } catch (error) {
      throw error === broken ? failed(error) : error;
    }
    await spool.flush();
  } catch (error) {
    spool.dispose();
    throw error;
  }
  const body =
    spool.path === null
      ? bufferBody(Buffer.concat(spool.memory!))
      : await regularFile(spool.path, spool.size);
  return {
    ...body,
    close: async () => {
      await body.close();
      spool.dispose();
    },
  };
}

async function regularFile(path: string, size: number): Promise<ProbeBody> {
  const handle = await open(path, 'r');
  return {
    size,
    close: () => handle.close(),
    read: async (from, length) => {
      const wanted = Math.max(0, Math.min(length, size - from));
      const bytes = Buffer.allocUnsafe(wanted);
      let filled = 0;
      while (filled < wanted) {
        const { bytesRead } = await handle.read(bytes, filled, wanted - filled, from + filled);
        if (bytesRead === 0) {
          throw new IcapError('ERR_PROBE_INPUT', `${path} became shorter while it was being sent`, { path });
        }
        filled += bytesRead;
      }
      return bytes;
    },
  };
}

// What both ways of reading a zip share: names, and content from stored bytes.

import { spool } from './byte-source.ts';
import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeStream, ZSTD_SUPPORTED } from './decoder.ts';
import { streamContents } from './library-archive.ts';
import type { Ledger, StreamMeter } from './ledger.ts';

/** Compression methods that are opened. */
export const STORED = 0;
export const DEFLATED = 8;
const BZIP2 = 12;
const ZSTD = 93;
const XZ = 95;

const SPOOL_MEMORY = 4 * 2 ** 20; // bytes of a member that libarchive decodes; beyond, a temporary file

/** True for compression methods that `expand` undoes. */
export function isReadable(method: number): boolean {
  return [STORED, DEFLATED, BZIP2, XZ].includes(method) || (method === ZSTD && ZSTD_SUPPORTED);
}

/** Member content from its stored bytes; troubles are noted when the stream is read. */
export async function* expand(
  raw: Chunks,
  method: number,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  if (method === STORED) return yield* raw;
  if (method === BZIP2 || method === XZ) {
    const packed = await spool(raw, SPOOL_MEMORY);
    try {
      return yield* streamContents(packed, method === XZ ? 'xz' : 'bzip2', ledger, path);
    } finally {
      await packed.close();
    }
  }
  const input = new ChunkReader(raw);
  try {
    const format = method === ZSTD ? 'zstd' : 'deflate-raw';
    yield* inflateMember(input, ledger.meter(path), ledger, path, format);
  } finally {
    await input.cancel();
  }
}

/** Inflates from where `input` stands, up to the end of the deflate stream. */
export async function* inflateMember(
  input: ChunkReader,
  meter: StreamMeter,
  ledger: Ledger,
  path: string,
  format: 'deflate-raw' | 'zstd' = 'deflate-raw',
): AsyncGenerator<Buffer> {
  const end = yield* decodeStream(format, input, meter);
  if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `compressed data is ${end}`);
}

/** Member name for messages: UTF-8 where flagged, else bytes as latin-1. Never used as a path. */
export function memberName(raw: Buffer, flags: number): string {
  return raw.toString(flags & 0x800 ? 'utf8' : 'latin1');
}

// What both ways of reading a zip share: names, and content from stored bytes.

import { spool } from './byte-source.ts';
import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeStream, ZSTD_SUPPORTED } from './decoder.ts';
import { inflate64 } from './inflate64.ts';
import { MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { streamContents } from './library-archive.ts';
import type { Ledger, StreamMeter } from './ledger.ts';

/** Compression methods that are opened. */
export const STORED = 0;
export const DEFLATED = 8;
const DEFLATE64 = 9;
const BZIP2 = 12;
const ZSTD = 93;
const XZ = 95;

const SPOOL_MEMORY = 4 * 2 ** 20; // bytes of a member that libarchive decodes; beyond, a temporary file

/** True for compression methods that `expand` undoes. */
export function isReadable(method: number): boolean {
  return [STORED, DEFLATED, DEFLATE64, BZIP2, XZ].includes(method) || (method === ZSTD && ZSTD_SUPPORTED);
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
  if (method === DEFLATE64) return yield* expand64(raw, ledger, path);
  const input = new ChunkReader(raw);
  try {
    const format = method === ZSTD ? 'zstd' : 'deflate-raw';
    yield* inflateMember(input, ledger.meter(path), ledger, path, format);
  } finally {
    await input.cancel();
  }
}

/** Its decoder works on the whole of the stored bytes. */
async function* expand64(raw: Chunks, ledger: Ledger, path: string): AsyncGenerator<Buffer> {
  const packed = await spool(raw, SPOOL_MEMORY);
  try {
    if (packed.size > MAX_ARCHIVE_BYTES) {
      return ledger.note('oversized', path, `larger than ${MAX_ARCHIVE_BYTES} bytes, which Deflate64 may be`);
    }
    const meter = ledger.meter(path);
    const inflating = inflate64(await packed.read(0, packed.size));
    for (;;) {
      const { value, done } = inflating.next();
      if (done === true) {
        if (value !== 'complete') ledger.note('malformed', path, `compressed data is ${value}`);
        return;
      }
      if (!meter.take(value.bytes.length, value.read)) return;
      yield value.bytes;
    }
  } finally {
    await packed.close();
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

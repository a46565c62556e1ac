// What both ways of reading a zip share: names, and content from stored bytes.

import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeStream } from './decoder.ts';
import type { Ledger, StreamMeter } from './ledger.ts';

/** Compression methods that are opened. */
export const STORED = 0;
export const DEFLATED = 8;

/** Member content from its stored bytes; troubles are noted when the stream is read. */
export async function* expand(
  raw: Chunks,
  method: number,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  if (method === STORED) return yield* raw;
  const input = new ChunkReader(raw);
  try {
    yield* inflateMember(input, ledger.meter(path), ledger, path);
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
): AsyncGenerator<Buffer> {
  const end = yield* decodeStream('deflate-raw', input, meter);
  if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `deflated data is ${end}`);
}

/** Member name for messages: UTF-8 where flagged, else bytes as latin-1. Never used as a path. */
export function memberName(raw: Buffer, flags: number): string {
  return raw.toString(flags & 0x800 ? 'utf8' : 'latin1');
}

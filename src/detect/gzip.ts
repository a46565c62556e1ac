// gzip (RFC 1952), as a content coding and as a file: any number of members one after the other, their
// outputs joined, as all decoders do. Trailing bytes that are no gzip member are ignored, as gzip does.

import type { ChunkReader } from './chunk-reader.ts';
import { decodeStream, type DecodeEnd } from './decoder.ts';
import type { StreamMeter } from './ledger.ts';

const MAX_HEADER_TEXT = 64 * 1024; // bytes of a file name or comment
const TRAILER_BYTES = 8; // CRC-32 and length; not verified, see decoder.ts

const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** Decodes gzip members until the input ends or something else follows. */
export async function* gunzip(input: ChunkReader, meter: StreamMeter): AsyncGenerator<Buffer, DecodeEnd> {
  let inputBase = 0;
  for (let first = true; ; first = false) {
    const magic = await input.peek(3);
    if (magic.length === 0) return first ? 'truncated' : 'complete';
    if (magic[0] !== 0x1f || (magic[1] ?? 0x8b) !== 0x8b || (magic[2] ?? 8) !== 8) {
      return first ? 'corrupt' : 'complete';
    }
    if (!(await skipHeader(input))) return 'truncated';
    let consumed = 0;
    const end = yield* decodeStream('deflate-raw', input, {
      take: (output, inputBytes) => meter.take(output, inputBase + (consumed = inputBytes)),
    });
    if (end !== 'complete') return end;
    inputBase += consumed;
    if ((await input.skip(TRAILER_BYTES)) > 0) return 'truncated';
  }
}

/** Passes over a member header; false when the input ends within it. RFC 1952 §2.3. */
async function skipHeader(input: ChunkReader): Promise<boolean> {
  const fixed = await input.read(10);
  if (fixed.length < 10) return false;
  const flags = fixed[3]!;
  if (flags & FEXTRA) {
    const length = await input.read(2);
    if (length.length < 2 || (await input.skip(length.readUInt16LE(0))) > 0) return false;
  }
  if (flags & FNAME && !(await skipText(input))) return false;
  if (flags & FCOMMENT && !(await skipText(input))) return false;
  return !(flags & FHCRC) || (await input.skip(2)) === 0;
}

async function skipText(input: ChunkReader): Promise<boolean> {
  for (let seen = 0; seen < MAX_HEADER_TEXT;) {
    const part = await input.next();
    if (part === null) return false;
    const end = part.indexOf(0);
    if (end >= 0) {
      input.unread(part.subarray(end + 1));
      return true;
    }
    seen += part.length;
  }
  return false;
}

// Runs bytes through one of Node's zlib decoders, piece by piece, so that everything that decodes before
// damage is delivered and the input after the compressed stream's end is handed back. Checksums are not
// verified: browsers do not insist on them either, and a wrong one must not hide content from a scan.

import zlib from 'node:zlib';
import type { ChunkReader } from './chunk-reader.ts';
import type { StreamMeter } from './ledger.ts';

/** `complete`: ended where the format says; `refused`: the meter stopped it. */
export type DecodeEnd = 'complete' | 'truncated' | 'corrupt' | 'refused';

const INPUT_SLICE = 64 * 1024; // bytes given to zlib at a time
const OUTPUT_CHUNK = 64 * 1024; // bytes

type ZlibDecoder = zlib.InflateRaw | zlib.BrotliDecompress;

/** zstd came to Node's zlib with 22.15; its typings are newer than the ones used here. */
const createZstd = (zlib as unknown as { createZstdDecompress?: (options: object) => ZlibDecoder })
  .createZstdDecompress;

/** True where this Node decodes zstd. */
export const ZSTD_SUPPORTED = createZstd !== undefined;

const MAKERS = {
  'deflate-raw': (): ZlibDecoder => zlib.createInflateRaw({ chunkSize: OUTPUT_CHUNK }),
  br: (): ZlibDecoder => zlib.createBrotliDecompress({ chunkSize: OUTPUT_CHUNK }),
  zstd: (): ZlibDecoder | null => createZstd?.({ chunkSize: OUTPUT_CHUNK }) ?? null,
};

/**
 * Decodes one compressed stream.
 *
 * @param input read up to the end of the compressed stream; what follows stays in it
 * @returns chunks of output; the generator's result says how it ended
 */
export async function* decodeStream(
  format: keyof typeof MAKERS,
  input: ChunkReader,
  meter: StreamMeter,
): AsyncGenerator<Buffer, DecodeEnd> {
  const decoder = MAKERS[format]();
  if (decoder === null) return 'corrupt';
  const events = new Signal();
  let slice: Buffer = Buffer.alloc(0);
  let consumedBefore = 0;
  let writing = false;
  let finishing = false;
  let ended = false;
  let failure: { code?: string } | null = null;
  decoder.on('readable', events.raise);
  decoder.on('end', () => ((ended = true), events.raise()));
  decoder.on('error', (error: { code?: string }) => ((failure = error), events.raise()));
  try {
    for (;;) {
      const output = decoder.read() as Buffer | null;
      if (output !== null) {
        if (!meter.take(output.length, decoder.bytesWritten)) return 'refused';
        yield output;
      } else if (failure !== null) {
        return (failure as { code?: string }).code === 'Z_BUF_ERROR' ? 'truncated' : 'corrupt';
      } else if (writing) {
        await events.raised();
      } else if (ended || decoder.bytesWritten - consumedBefore < slice.length) {
        // zlib takes no input past the end of the compressed stream: what is left belongs to the caller.
        input.unread(slice.subarray(decoder.bytesWritten - consumedBefore));
        return 'complete';
      } else if (!finishing) {
        const next = await input.next(INPUT_SLICE);
        if (next === null) {
          // Only now: ending together with the last write would make zlib drop a truncated stream's tail.
          finishing = true;
          decoder.end();
        } else {
          slice = next;
          consumedBefore = decoder.bytesWritten;
          writing = true;
          decoder.write(slice, () => {
            writing = false;
            events.raise();
          });
        }
      } else {
        await events.raised();
      }
    }
  } finally {
    decoder.destroy();
  }
}

/** A bell that stays rung until somebody has heard it. */
class Signal {
  #rung = false;
  #listener: (() => void) | null = null;

  raise = (): void => {
    this.#rung = true;
    this.#listener?.();
  };

  async raised(): Promise<void> {
    if (!this.#rung) await new Promise<void>((resolve) => (this.#listener = resolve));
    this.#rung = false;
    this.#listener = null;
  }
}

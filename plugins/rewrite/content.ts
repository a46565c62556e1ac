// The bytes of a body: its beginning, or all of it decoded; and back into the coding that it came in.

import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import type { BladeBody } from 'weir';
import { decodeContent, DEFAULT_BUDGET, Ledger, parseCodings } from 'weir/detect';

/** The first bytes of a body. */
export async function beginning(body: BladeBody, bytes: number): Promise<Buffer> {
  if (body.memory !== null) return body.memory.subarray(0, bytes);
  return (await collect(body.stream(), bytes, true))!;
}

/** All of a body, decoded; null where it is longer than `limit` or does not decode. */
export async function decoded(
  body: BladeBody,
  coding: string | undefined,
  limit: number,
): Promise<Buffer | null> {
  const codings = parseCodings(coding);
  if (codings.length === 0) {
    if (body.size > limit) return null;
    return body.memory ?? collect(body.stream(), limit, false);
  }
  const ledger = new Ledger({ ...DEFAULT_BUDGET, maxMemberBytes: limit, maxTotalBytes: limit });
  let complete = false;
  const content = async function* (): AsyncGenerator<Buffer> {
    const outcome = yield* decodeContent(body.stream(), codings, ledger);
    complete = outcome.outcome === 'decoded';
  };
  const bytes = await collect(content(), limit, false);
  return complete ? bytes : null;
}

const ENCODERS: Readonly<Record<string, (bytes: Buffer) => Promise<Buffer>>> = {
  gzip: promisify<Buffer, Buffer>(gzip),
  'x-gzip': promisify<Buffer, Buffer>(gzip),
  deflate: promisify<Buffer, Buffer>(deflate),
  br: (bytes) => brotli(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
};
const brotli = promisify<Buffer, { params: Record<number, number> }, Buffer>(brotliCompress);

/** The bytes in that coding again; null where it cannot be made here: they go plain then. */
export async function encoded(bytes: Buffer, coding: string | undefined): Promise<Buffer | null> {
  const [first, ...more] = parseCodings(coding);
  const encoder = more.length > 0 || first === undefined ? undefined : ENCODERS[first];
  return encoder === undefined ? null : await encoder(bytes);
}

/** @param cut true: what is over the limit is left out; false: null is the answer */
async function collect(chunks: AsyncIterable<Buffer>, limit: number, cut: boolean): Promise<Buffer | null> {
  const kept: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    kept.push(Buffer.from(chunk)); // chunks of decoders are valid until the next one only
    size += chunk.length;
    if (size > limit) {
      if (!cut) return null;
      break;
    }
  }
  return Buffer.concat(kept).subarray(0, limit);
}

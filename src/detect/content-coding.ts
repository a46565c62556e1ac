// Undoes a message's Content-Encoding for inspection, within a budget. The message itself is never
// changed. Which outcome is acceptable, the caller decides. RFC 9110 §8.4, RFC 7932, RFC 8878.

import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeStream, ZSTD_SUPPORTED, type DecodeEnd } from './decoder.ts';
import { gunzip } from './gzip.ts';
import type { Ledger } from './ledger.ts';

const MAX_CODINGS = 4; // nobody sends more than two; each costs a decoder
const DEFLATE_FDICT = 0x20; // zlib header flag: needs a preset dictionary, which HTTP has none of

/**
 * - `decoded`: all of it
 * - `unknown-coding`: `coding` is not known here; the bytes came out as they stood before that coding
 * - `malformed`: damaged (or, with `truncated`, cut off); what decodes before that was delivered
 * - `over-budget`: stopped by the ledger, which names the limit
 */
export type CodingOutcome =
  | { readonly outcome: 'decoded' }
  | { readonly outcome: 'unknown-coding'; readonly coding: string }
  | { readonly outcome: 'malformed'; readonly coding: string; readonly truncated: boolean }
  | { readonly outcome: 'over-budget'; readonly coding: string };

type Decoding = (input: ChunkReader, meter: ReturnType<Ledger['meter']>) => AsyncGenerator<Buffer, DecodeEnd>;

const DECODINGS: ReadonlyMap<string, Decoding> = new Map<string, Decoding>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflate],
  ['br', (input, meter) => decodeStream('br', input, meter)],
  ...(ZSTD_SUPPORTED
    ? [['zstd', (input, meter) => decodeStream('zstd', input, meter)] satisfies [string, Decoding]]
    : []),
]);

/** Content codings that `decodeContent` can undo on this Node, for whoever sets Accept-Encoding. */
export function supportedCodings(): string[] {
  return [...DECODINGS.keys()];
}

/**
 * Reads a Content-Encoding value.
 * @returns codings in the order in which they were applied, lower case, without `identity`
 */
export function parseCodings(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
}

/**
 * Undoes content codings.
 *
 * @param codings as `parseCodings` gives them: applied first to last, undone last to first
 * @param ledger charged with the output of each coding
 * @returns decoded chunks; the generator's result is the outcome
 */
export async function* decodeContent(
  chunks: Chunks,
  codings: readonly string[],
  ledger: Ledger,
): AsyncGenerator<Buffer, CodingOutcome> {
  if (codings.length > MAX_CODINGS) {
    yield* chunks;
    return { outcome: 'unknown-coding', coding: `${codings.length} codings in a row` };
  }
  let current: Chunks = chunks;
  const problems: CodingOutcome[] = [];
  for (const coding of codings.toReversed()) {
    const decoding = DECODINGS.get(coding);
    if (decoding === undefined) {
      problems.push({ outcome: 'unknown-coding', coding });
      break;
    }
    current = stage(current, coding, decoding, ledger, problems);
  }
  yield* current;
  return problems[0] ?? { outcome: 'decoded' };
}

async function* stage(
  chunks: Chunks,
  coding: string,
  decoding: Decoding,
  ledger: Ledger,
  problems: CodingOutcome[],
): AsyncGenerator<Buffer> {
  const input = new ChunkReader(chunks);
  try {
    // No bytes at all is how servers send an empty body whatever coding they name.
    if ((await input.peek(1)).length === 0) return;
    const end = yield* decoding(input, ledger.meter(''));
    if (end === 'refused') problems.push({ outcome: 'over-budget', coding });
    else if (end !== 'complete') {
      problems.push({ outcome: 'malformed', coding, truncated: end === 'truncated' });
    }
  } finally {
    await input.cancel();
  }
}

/** `deflate` means the zlib format (RFC 1950), yet raw deflate is sent too and every browser takes both. */
async function* inflate(
  input: ChunkReader,
  meter: ReturnType<Ledger['meter']>,
): AsyncGenerator<Buffer, DecodeEnd> {
  const head = await input.peek(2);
  const zlibFormat = head.length === 2 && (head[0]! & 0x0f) === 8 && head.readUInt16BE(0) % 31 === 0;
  if (zlibFormat && head[1]! & DEFLATE_FDICT) return 'corrupt';
  if (zlibFormat) await input.skip(2);
  return yield* decodeStream('deflate-raw', input, meter);
}

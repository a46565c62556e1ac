// Streams of a PDF, decoded: embedded files, scripts, object streams. Goes by the tokens `stream` and
// `endstream` and not by the cross-reference table, as lenient readers do: damage must hide nothing.
// Pictures and fonts that are packed by their own codecs are left as they stand. ISO 32000-1 §7.3.8, §7.4.

import type { ByteSource } from './byte-source.ts';
import { ChunkReader, type Chunks } from './chunk-reader.ts';
import { decodeStream, type DecodeEnd } from './decoder.ts';
import type { Ledger } from './ledger.ts';
import { MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { memberPath, type Member } from './member.ts';
import { ascii85, asciiHex, lzw, runLength } from './pdf-filters.ts';

const MAX_DICTIONARY = 16 * 1024; // bytes looked back from `stream`
const MAX_FILTERS = 8;
const STREAM = Buffer.from('stream');
const END_STREAM = Buffer.from('endstream');

/** Names and their short forms, as written after `#xx` is undone. */
const FILTERS: Readonly<Record<string, (input: Chunks) => AsyncGenerator<Buffer>>> = {
  ASCIIHexDecode: asciiHex,
  AHx: asciiHex,
  ASCII85Decode: ascii85,
  A85: ascii85,
  LZWDecode: lzw,
  LZW: lzw,
  RunLengthDecode: runLength,
  RL: runLength,
};
const FLATE = new Set(['FlateDecode', 'Fl']);
const LEFT_AS_IS = new Set([
  'DCTDecode',
  'DCT',
  'JPXDecode',
  'JBIG2Decode',
  'CCITTFaxDecode',
  'CCF',
  'Crypt',
]);

/** Yields the streams, pictures left out. */
export async function* pdfMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  if (source.size > MAX_ARCHIVE_BYTES) {
    return ledger.note('oversized', at, `larger than ${MAX_ARCHIVE_BYTES} bytes, which the PDF reader holds`);
  }
  const bytes = await source.read(0, source.size);
  if (/\/Encrypt\s*(?:\d+\s+\d+\s+R|<<)/.test(trailers(bytes))) {
    return ledger.note('encrypted', at, 'PDF is encrypted');
  }
  let end = 0;
  for (let next = nextStream(bytes, 0); next !== null; next = nextStream(bytes, end)) {
    const { start, keyword } = next;
    const dictionary = dictionaryBefore(bytes, keyword, end);
    const found = bytes.indexOf(END_STREAM, start);
    const known = found < 0 ? bytes.length : found;
    const filters = filtersOf(dictionary);
    const path = memberPath(at, `stream at ${keyword}`);
    if (found < 0) ledger.note('malformed', path, 'PDF stream has no end');
    end = known;
    if (filters.length > 0 && LEFT_AS_IS.has(filters[0]!)) continue;
    if (filters.length > MAX_FILTERS) {
      ledger.note('budget', path, `more than ${MAX_FILTERS} filters`);
      continue;
    }
    // Compressed data may hold the word by chance or by design: a decoder knows better where it ends.
    const reach = FLATE.has(filters[0] ?? '') ? bytes.length : withoutLineEnd(bytes, start, known);
    yield { path, chunks: decoded(bytes.subarray(start, reach), filters, ledger, path) };
    if (ledger.exhausted) return;
  }
}

/** Where the data of the next stream begins, and the keyword before it. */
function nextStream(bytes: Buffer, from: number): { keyword: number; start: number } | null {
  for (let at = bytes.indexOf(STREAM, from); at >= 0; at = bytes.indexOf(STREAM, at + STREAM.length)) {
    if (bytes.toString('latin1', at - 3, at) === 'end') continue;
    const after = at + STREAM.length;
    if (bytes[after] === 0x0d) return { keyword: at, start: after + (bytes[after + 1] === 0x0a ? 2 : 1) };
    if (bytes[after] === 0x0a) return { keyword: at, start: after + 1 };
    if (bytes[after] === 0x20) return { keyword: at, start: after + 1 };
  }
  return null;
}

/** The line end before `endstream` is not part of the data. */
function withoutLineEnd(bytes: Buffer, start: number, end: number): number {
  if (bytes[end - 1] === 0x0a) return Math.max(start, end - (bytes[end - 2] === 0x0d ? 2 : 1));
  return bytes[end - 1] === 0x0d ? Math.max(start, end - 1) : end;
}

function dictionaryBefore(bytes: Buffer, keyword: number, previousEnd: number): string {
  const text = bytes.toString('latin1', Math.max(previousEnd, keyword - MAX_DICTIONARY), keyword);
  const object = text.lastIndexOf(' obj');
  const dictionary = object < 0 ? text : text.slice(object);
  return dictionary.replace(/#([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

function filtersOf(dictionary: string): string[] {
  const match = /\/(?:Filter|F)\s*(?:\[([^\]]*)\]|\/([A-Za-z0-9]+))/.exec(dictionary);
  const names = match?.[1] === undefined ? match?.[2] && [match[2]] : match[1].match(/[A-Za-z0-9]+/g);
  return (names || []).filter((name) => name !== 'null');
}

/** Heads and tails of a PDF, where dictionaries of trailers are; cross-reference streams have theirs anywhere. */
function trailers(bytes: Buffer): string {
  const parts: string[] = [];
  for (const word of ['trailer', '/XRef']) {
    for (let at = bytes.indexOf(word), seen = 0; at >= 0 && seen < 64; seen += 1) {
      parts.push(bytes.toString('latin1', Math.max(0, at - 1024), at + 1024));
      at = bytes.indexOf(word, at + 1);
    }
  }
  return parts.join('\n');
}

async function* decoded(
  packed: Buffer,
  filters: readonly string[],
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  let current: Chunks = once(packed);
  for (const filter of filters) {
    const decode = FILTERS[filter];
    if (FLATE.has(filter)) current = inflated(current, ledger, path);
    else if (decode !== undefined) current = metered(decode(current), packed.length, ledger, path);
    else {
      if (!LEFT_AS_IS.has(filter)) ledger.note('unsupported', path, 'PDF filter is not known');
      break;
    }
  }
  yield* current;
}

async function* inflated(chunks: Chunks, ledger: Ledger, path: string): AsyncGenerator<Buffer> {
  const input = new ChunkReader(chunks);
  try {
    // The zlib header is passed over, so that a wrong checksum of it hides nothing.
    const head = await input.peek(2);
    if (head.length === 2 && (head[0]! & 0x0f) === 8) await input.skip(2);
    const end: DecodeEnd = yield* decodeStream('deflate-raw', input, ledger.meter(path));
    if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `PDF stream is ${end}`);
  } finally {
    await input.cancel();
  }
}

async function* metered(
  chunks: Chunks,
  inputBytes: number,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  const meter = ledger.meter(path);
  for await (const chunk of chunks) {
    if (!meter.take(chunk.length, inputBytes)) return;
    yield chunk;
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

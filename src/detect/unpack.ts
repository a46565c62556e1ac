// Opens one level of a container. One file a format does the reading; here is which type goes where, and
// what is reported as not opened.

import { arjMembers } from './arj.ts';
import type { ByteSource } from './byte-source.ts';
import { chmMembers } from './chm.ts';
import { ChunkReader } from './chunk-reader.ts';
import { decodeStream, ZSTD_SUPPORTED, type DecodeEnd } from './decoder.ts';
import { detectType, looksLikeText, type FileType, type FileTypeName } from './file-type.ts';
import { embeddedContents } from './embedded-text.ts';
import { gunzip } from './gzip.ts';
import type { Ledger, StreamMeter } from './ledger.ts';
import { libraryMembers, streamMember } from './library-archive.ts';
import { mailMembers } from './mail.ts';
import { memberPath, type Member } from './member.ts';
import { oleMembers } from './ole.ts';
import { pdfMembers } from './pdf.ts';
import { tarMembers } from './tar.ts';
import { zipMembers } from './zip.ts';

type Unpacker = (source: ByteSource, ledger: Ledger, at: string) => AsyncGenerator<Member>;

const UNPACKERS: Partial<Record<FileTypeName, Unpacker>> = {
  zip: zipMembers,
  ooxml: zipMembers,
  odf: zipMembers,
  jar: zipMembers,
  gzip: (source, ledger, at) => streamFile(source, gunzip, contentName(at, 'gzip', 'gz'), ledger, at),
  ...(ZSTD_SUPPORTED ? { zstd: zstdMember } : {}),
  bzip2: (source, ledger, at) => streamMember(source, 'bzip2', contentName(at, 'bzip2', 'bz2'), ledger, at),
  xz: (source, ledger, at) => streamMember(source, 'xz', contentName(at, 'xz', 'xz'), ledger, at),
  tar: (source, ledger, at) => tarMembers(new ChunkReader(source.chunks()), ledger, at),
  '7z': libraryMembers,
  rar: libraryMembers,
  cab: libraryMembers,
  iso: libraryMembers,
  cpio: libraryMembers,
  arj: arjMembers,
  chm: chmMembers,
  ole: oleMembers,
  pdf: pdfMembers,
  mail: mailMembers,
};

/** Text that may hold content written out as text. */
const TEXTUAL: ReadonlySet<FileTypeName> = new Set(['rtf', 'html', 'xml', 'script']);
const NOT_OPENED: ReadonlySet<FileTypeName> = new Set(['zstd']);

/**
 * - `opened`: `unpack` yields its members
 * - `text`: `textMembers` yields what is written out in it
 * - `closed`: an archive that is not opened here
 */
export type ContainerKind = 'opened' | 'text' | 'closed' | 'none';

/** What a content of that type and beginning may contain. */
export function containerKind(type: FileType | null, head: Buffer): ContainerKind {
  if (type === null) return looksLikeText(head) ? 'text' : 'none';
  if (UNPACKERS[type.name] !== undefined) return 'opened';
  if (TEXTUAL.has(type.name)) return 'text';
  return NOT_OPENED.has(type.name) ? 'closed' : 'none';
}

/** True when nothing is packed or written out in the content; for small ones, as all of it is searched. */
export function isPlain(content: Buffer): boolean {
  const kind = containerKind(detectType(content), content);
  return kind === 'none' || (kind === 'text' && embeddedContents(content).next().done === true);
}

/**
 * Yields the members of a container in turn; each must be read before the next is asked for.
 *
 * @param at path of the container itself, for troubles
 * @returns members; encrypted, damaged, unsupported and over-budget ones are troubles in the ledger
 */
export async function* unpack(
  source: ByteSource,
  type: FileTypeName,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  const unpacker = UNPACKERS[type];
  if (unpacker === undefined) return ledger.note('unsupported', at, `${type} is not opened`);
  yield* unpacker(source, ledger, at);
}

type Decoding = (input: ChunkReader, meter: StreamMeter) => AsyncGenerator<Buffer, DecodeEnd>;

function zstdMember(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  return streamFile(source, zstdFrames, contentName(at, 'zstd', 'zst'), ledger, at);
}

/** Frames one after the other decode as one, as with gzip; skippable ones (RFC 8878 §3.1.2) are frames too. */
async function* zstdFrames(input: ChunkReader, meter: StreamMeter): AsyncGenerator<Buffer, DecodeEnd> {
  for (;;) {
    const end = yield* decodeStream('zstd', input, meter);
    if (end !== 'complete') return end;
    const magic = await input.peek(4);
    const number = magic.length === 4 ? magic.readUInt32LE() : 0;
    if (number !== 0xfd2fb528 && (number & 0xfffffff0) >>> 0 !== 0x184d2a50) return 'complete';
  }
}

/** A compressed file is called what its archive says, without the ending. */
function contentName(at: string, format: string, ending: string): string {
  const name = /([^/]+)\.(\w+)$/.exec(at);
  return name?.[2]?.toLowerCase() === ending ? name[1]! : `${format} content`;
}

/** A compressed file: one member. */
async function* streamFile(
  source: ByteSource,
  decoding: Decoding,
  name: string,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  const path = memberPath(at, name);
  if (!ledger.admitMember(path)) return;
  const input = new ChunkReader(source.chunks());
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const end = yield* decoding(input, ledger.meter(path));
    if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `compressed data is ${end}`);
  };
  try {
    yield { path, chunks: chunks() };
  } finally {
    await input.cancel();
  }
}

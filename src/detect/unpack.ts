// Opens one level of a container. One file a format does the reading; here is which type goes where, and
// what is reported as not opened.

import type { ByteSource } from './byte-source.ts';
import { ChunkReader } from './chunk-reader.ts';
import type { FileTypeName } from './file-type.ts';
import { gunzip } from './gzip.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';
import { tarMembers } from './tar.ts';
import { zipMembers } from './zip.ts';

type Unpacker = (source: ByteSource, ledger: Ledger, at: string) => AsyncGenerator<Member>;

const UNPACKERS: Partial<Record<FileTypeName, Unpacker>> = {
  zip: zipMembers,
  ooxml: zipMembers,
  odf: zipMembers,
  jar: zipMembers,
  gzip: gzipMember,
  tar: (source, ledger, at) => tarMembers(new ChunkReader(source.chunks()), ledger, at),
};

const NOT_OPENED: ReadonlySet<FileTypeName> = new Set(['7z', 'rar', 'bzip2', 'xz', 'zstd']);

/** `opened`: `unpack` yields its members; `closed`: an archive that is not opened here. */
export function containerKind(type: FileTypeName | undefined): 'opened' | 'closed' | 'none' {
  if (type === undefined) return 'none';
  return UNPACKERS[type] !== undefined ? 'opened' : NOT_OPENED.has(type) ? 'closed' : 'none';
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

/** A .gz file: one member, called what the file is called without its ending. */
async function* gzipMember(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  const path = memberPath(at, /([^/]+)\.gz$/i.exec(at)?.[1] ?? 'gzip content');
  if (!ledger.admitMember(path)) return;
  const input = new ChunkReader(source.chunks());
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const end = yield* gunzip(input, ledger.meter(path));
    if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `gzip data is ${end}`);
  };
  try {
    yield { path, chunks: chunks() };
  } finally {
    await input.cancel();
  }
}

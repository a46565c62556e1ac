// Members of ARJ archives: headers one after the other, each followed by the member's bytes. The layout is in
// the TECHNOTE that comes with ARJ; compression is arj-decoder.ts.

import { arjDecode } from './arj-decoder.ts';
import type { ByteSource } from './byte-source.ts';
import type { Ledger } from './ledger.ts';
import { MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { memberPath, type Member } from './member.ts';

const MAGIC = 0xea60;
const MAX_HEADER = 2600; // bytes
const LEAST_HEADER = 30;
const GARBLED = 0x01; // flags
const VOLUME = 0x04;
const STORED = 0;
const FASTEST = 4;
const FILES: readonly number[] = [0, 1]; // binary and text; others are comments, folders and labels

interface Header {
  readonly flags: number;
  readonly method: number;
  readonly fileType: number;
  readonly packed: number;
  readonly size: number;
  readonly name: string;
  /** Where the member's bytes begin. */
  readonly end: number;
}

/** Yields the members; what cannot be read is noted by its name. */
export async function* arjMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  let header = await readHeader(source, 0);
  if (header === null || header === 'end') return ledger.note('malformed', at, 'arj: no archive header');
  let position = header.end;
  for (;;) {
    header = await readHeader(source, position);
    if (header === 'end') return;
    if (header === null) return ledger.note('malformed', at, 'arj: a member header is damaged or cut off');
    const { flags, method, fileType, packed, name, end } = header;
    position = end + packed;
    if (!FILES.includes(fileType)) continue;
    const path = memberPath(at, name);
    if (!ledger.admitMember(path)) return;
    if ((flags & GARBLED) !== 0) ledger.note('encrypted', path, 'arj member is encrypted');
    else if (method > FASTEST) ledger.note('unsupported', path, `arj compression method ${method}`);
    else {
      if ((flags & VOLUME) !== 0) ledger.note('malformed', path, 'arj member goes on in another volume');
      yield { path, chunks: contents(source, header, ledger, path) };
    }
    if (position > source.size) return; // noted with the member
  }
}

async function* contents(
  source: ByteSource,
  { method, packed, size, end }: Header,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  const last = Math.min(source.size, end + packed);
  if (end + packed > source.size) ledger.note('malformed', path, 'arj ends within a member');
  if (method === STORED) return yield* source.chunks(end, last);
  if (packed > MAX_ARCHIVE_BYTES) {
    return ledger.note(
      'oversized',
      path,
      `larger than ${MAX_ARCHIVE_BYTES} bytes, which an arj member may be`,
    );
  }
  const meter = ledger.meter(path);
  const decoding = arjDecode(await source.read(end, last), method, size);
  for (;;) {
    const { value, done } = decoding.next();
    if (done === true) {
      if (value !== 'complete') ledger.note('malformed', path, `compressed data is ${value}`);
      return;
    }
    if (!meter.take(value.length, packed)) return;
    yield value;
  }
}

/** Null for what is none; `end` for the mark behind the last one. */
async function readHeader(source: ByteSource, at: number): Promise<Header | 'end' | null> {
  const bytes = await source.read(at, Math.min(source.size, at + MAX_HEADER + 64));
  if (bytes.length < 4 || bytes.readUInt16LE(0) !== MAGIC) return null;
  const length = bytes.readUInt16LE(2);
  if (length === 0) return 'end';
  if (length < LEAST_HEADER || length > MAX_HEADER || bytes.length < 4 + length + 6) return null;
  const basic = bytes.subarray(4, 4 + length);
  const nameFrom = basic[0]!;
  const nameTo = basic.indexOf(0, nameFrom);
  if (nameFrom < LEAST_HEADER || nameTo < 0) return null;
  const end = await skipExtended(source, at + 4 + length + 4);
  if (end === null) return null;
  return {
    flags: basic[4]!,
    method: basic[5]!,
    fileType: basic[6]!,
    packed: basic.readUInt32LE(12),
    size: basic.readUInt32LE(16),
    name: basic.toString('latin1', nameFrom, nameTo),
    end,
  };
}

/** Extended headers have a length and a checksum each, and end in a length of 0. */
async function skipExtended(source: ByteSource, from: number): Promise<number | null> {
  for (let at = from; ;) {
    const length = await source.read(at, Math.min(source.size, at + 2));
    if (length.length < 2) return null;
    at += 2;
    if (length.readUInt16LE(0) === 0) return at;
    at += length.readUInt16LE(0) + 4;
  }
}

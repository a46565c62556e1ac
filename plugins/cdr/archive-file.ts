// ZIP archives as containers of documents: lists their members leniently, as archives are of many programs, and
// puts other content into some of them. All other bytes stay as they are: names, times, rights, comments.

import { promisify } from 'node:util';
import { constants, crc32, deflateRaw, inflateRawSync } from 'node:zlib';
import { ZipError, type ZipMember } from './zip-file.ts';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const MAX_COMMENT = 65_535;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const ENCRYPTED = 0x0001;
const DESCRIPTOR = 0x0008;
const MAX_DESCRIPTOR = 24; // bytes
const MAX_MEMBERS = 20_000;
const ZIP64 = 0xffffffff;
const PEEK_PACKED = 1024; // bytes

const deflate = promisify<Buffer, Buffer>(deflateRaw);

/** A member and its places in the file. */
export interface ArchiveMember extends ZipMember {
  readonly encrypted: boolean;
  /** Of its local header, its packed bytes, and their end. */
  readonly local: number;
  readonly data: number;
  readonly end: number;
  /** Of its entry in the directory. */
  readonly entry: number;
}

export interface ArchiveFile {
  /** In the order of their bytes. */
  readonly members: readonly ArchiveMember[];
  readonly directory: number;
  readonly endRecord: number;
}

/** @throws {ZipError} its directory cannot be followed, or there are bytes that it does not tell of */
export function readArchive(bytes: Buffer): ArchiveFile {
  const endRecord = findEnd(bytes);
  const count = bytes.readUInt16LE(endRecord + 10);
  const directory = bytes.readUInt32LE(endRecord + 16);
  if (count > MAX_MEMBERS || directory === ZIP64) throw new ZipError('it is too large');
  const members: ArchiveMember[] = [];
  let at = directory;
  for (let i = 0; i < count; i += 1) {
    if (at + CENTRAL_SIZE > endRecord || bytes.readUInt32LE(at) !== CENTRAL)
      throw new ZipError('its directory is damaged');
    const nameLength = bytes.readUInt16LE(at + 28);
    members.push(readEntry(bytes, at, nameLength, directory));
    at += CENTRAL_SIZE + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  members.sort((a, b) => a.local - b.local);
  let before = 0;
  for (const { local, end } of members) {
    // Programs that do not ask the directory would find what stands between.
    if (local < before || local - before > MAX_DESCRIPTOR)
      throw new ZipError('it holds more than its directory tells');
    before = end;
  }
  if (directory < before || directory - before > MAX_DESCRIPTOR)
    throw new ZipError('it holds more than its directory tells');
  return { members, directory, endRecord };
}

/** The first bytes of a member's content, or what of them can be had. */
export function firstBytes({ method, packed }: ArchiveMember): Buffer {
  if (method === 0) return packed.subarray(0, PEEK_PACKED);
  try {
    const start = packed.subarray(0, PEEK_PACKED);
    return inflateRawSync(start, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 2 ** 21 });
  } catch {
    return Buffer.alloc(0); // damaged: nothing unpacks it
  }
}

/** The archive with other content in these members. */
export async function withContents(
  bytes: Buffer,
  { members, directory, endRecord }: ArchiveFile,
  contents: ReadonlyMap<ArchiveMember, Buffer>,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const central = Buffer.from(bytes.subarray(directory, endRecord));
  let from = 0; // bytes up to here are in parts
  let moved = 0; // how much further on everything is by now
  for (const [index, member] of members.entries()) {
    const entry = member.entry - directory;
    central.writeUInt32LE(member.local + moved, entry + 42);
    const content = contents.get(member);
    if (content === undefined) continue;
    const packed = await deflate(content);
    const head = Buffer.from(bytes.subarray(member.local, member.data));
    for (const [buffer, at] of [
      [head, 6],
      [central, entry + 8],
    ] as const) {
      buffer.writeUInt16LE(buffer.readUInt16LE(at) & ~DESCRIPTOR, at);
      buffer.writeUInt16LE(8, at + 2);
      buffer.writeUInt32LE(crc32(content), at + 8);
      buffer.writeUInt32LE(packed.length, at + 12);
      buffer.writeUInt32LE(content.length, at + 16);
    }
    const next = members[index + 1]?.local ?? directory; // a descriptor before it goes
    parts.push(bytes.subarray(from, member.local), head, packed);
    moved += head.length + packed.length - (next - member.local);
    from = next;
  }
  const end = Buffer.from(bytes.subarray(endRecord));
  end.writeUInt32LE(directory + moved, 16);
  return Buffer.concat([...parts, bytes.subarray(from, directory), central, end]);
}

function findEnd(bytes: Buffer): number {
  const mark = Buffer.from('PK\x05\x06', 'latin1');
  const from = Math.max(0, bytes.length - END_SIZE - MAX_COMMENT);
  for (let at = bytes.lastIndexOf(mark); at >= from; at = at === 0 ? -1 : bytes.lastIndexOf(mark, at - 1)) {
    if (at + END_SIZE <= bytes.length && at + END_SIZE + bytes.readUInt16LE(at + 20) === bytes.length) {
      if (bytes.readUInt32LE(at) === END && bytes.readUInt16LE(at + 4) === 0) return at;
    }
  }
  throw new ZipError('there is no end record');
}

function readEntry(bytes: Buffer, entry: number, nameLength: number, end: number): ArchiveMember {
  const packedSize = bytes.readUInt32LE(entry + 20);
  const size = bytes.readUInt32LE(entry + 24);
  const local = bytes.readUInt32LE(entry + 42);
  if (packedSize === ZIP64 || size === ZIP64 || local + LOCAL_SIZE > end)
    throw new ZipError('it is too large');
  if (bytes.readUInt32LE(local) !== LOCAL) throw new ZipError('a member is not where it should be');
  const data = local + LOCAL_SIZE + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  if (data + packedSize > end) throw new ZipError('a member is cut off');
  const method = bytes.readUInt16LE(entry + 10);
  if (bytes.readUInt16LE(local + 8) !== method) throw new ZipError('a member has two descriptions');
  return {
    name: bytes
      .toString('utf8', entry + CENTRAL_SIZE, entry + CENTRAL_SIZE + nameLength)
      .replaceAll('\\', '/'),
    method,
    crc: bytes.readUInt32LE(entry + 16),
    packed: bytes.subarray(data, data + packedSize),
    size,
    dosTime: bytes.readUInt32LE(entry + 12),
    encrypted: (bytes.readUInt16LE(entry + 8) & ENCRYPTED) !== 0,
    local,
    data,
    end: data + packedSize,
    entry,
  };
}

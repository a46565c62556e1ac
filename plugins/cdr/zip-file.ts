// Reads and writes ZIP files held in memory: strictly, since a file that two programs read differently is one
// that hides something. Members that stay as they are keep their packed bytes. APPNOTE 6.3; neither zip64
// nor several disks, which no office program writes for documents of this size.

import { promisify } from 'node:util';
import { crc32, deflateRaw, inflateRaw } from 'node:zlib';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const CENTRAL_SIZE = 46;
const LOCAL_SIZE = 30;
const MAX_MEMBERS = 20_000;
const ENCRYPTED = 0x0001;
const UTF8 = 0x0800;
const DOS_1980 = 0x00210000; // date and time of what was written here

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);
const deflate = promisify<Buffer, Buffer>(deflateRaw);

/** The file cannot be taken apart with certainty; the message says why. */
export class ZipError extends Error {}

/** It is larger than the caller allows. */
export class TooLargeError extends ZipError {}

export interface ZipMember {
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly packed: Buffer;
  /** Bytes unpacked, as the file says. */
  readonly size: number;
  readonly dosTime: number;
}

/** @throws {ZipError} damaged, ambiguous, encrypted, or of a kind that is not read here */
export function readZip(bytes: Buffer): ZipMember[] {
  const end = bytes.length < END_SIZE ? -1 : bytes.lastIndexOf(signature(END));
  if (end < 0 || end + END_SIZE > bytes.length) throw new ZipError('there is no end record');
  const count = bytes.readUInt16LE(end + 10);
  const start = bytes.readUInt32LE(end + 16);
  if (bytes.readUInt16LE(end + 4) !== 0 || bytes.readUInt16LE(end + 8) !== count)
    throw new ZipError('more than one disk');
  if (end + END_SIZE + bytes.readUInt16LE(end + 20) !== bytes.length)
    throw new ZipError('something stands behind the end');
  if (count > MAX_MEMBERS || start === 0xffffffff) throw new ZipError('too large');
  const members: ZipMember[] = [];
  const names = new Set<string>();
  let at = start;
  for (let i = 0; i < count; i += 1) {
    if (at + CENTRAL_SIZE > end || bytes.readUInt32LE(at) !== CENTRAL)
      throw new ZipError('its directory is damaged');
    const nameLength = bytes.readUInt16LE(at + 28);
    const next = at + CENTRAL_SIZE + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (next > end) throw new ZipError('its directory is damaged');
    const member = readMember(bytes, at, nameLength, start);
    const name = member.name.toLowerCase();
    if (names.has(name)) throw new ZipError('two members have one name');
    names.add(name);
    members.push(member);
    at = next;
  }
  if (at !== end) throw new ZipError('something stands behind its directory');
  return members;
}

function readMember(bytes: Buffer, at: number, nameLength: number, end: number): ZipMember {
  const flags = bytes.readUInt16LE(at + 8);
  const method = bytes.readUInt16LE(at + 10);
  const packedSize = bytes.readUInt32LE(at + 20);
  const local = bytes.readUInt32LE(at + 42);
  if ((flags & ENCRYPTED) !== 0) throw new ZipError('a member is encrypted');
  if (method !== 0 && method !== 8) throw new ZipError(`a member is packed by method ${method}`);
  if (local + LOCAL_SIZE > end || bytes.readUInt32LE(local) !== LOCAL)
    throw new ZipError('a member is not where it should be');
  const nameBytes = bytes.subarray(at + CENTRAL_SIZE, at + CENTRAL_SIZE + nameLength);
  const localName = bytes.subarray(local + LOCAL_SIZE, local + LOCAL_SIZE + bytes.readUInt16LE(local + 26));
  if (!localName.equals(nameBytes) || bytes.readUInt16LE(local + 8) !== method)
    throw new ZipError('a member has two descriptions');
  const data = local + LOCAL_SIZE + localName.length + bytes.readUInt16LE(local + 28);
  if (data + packedSize > end) throw new ZipError('a member is cut off');
  return {
    name: nameBytes.toString('utf8').replaceAll('\\', '/'),
    method,
    crc: bytes.readUInt32LE(at + 16),
    packed: bytes.subarray(data, data + packedSize),
    size: bytes.readUInt32LE(at + 24),
    dosTime: bytes.readUInt32LE(at + 12),
  };
}

/** @throws {ZipError} longer than `limit`, damaged, or not what its checksum says */
export async function unpackMember(member: ZipMember, limit: number): Promise<Buffer> {
  if (member.size > limit) throw new TooLargeError(`${member.name} is larger than ${limit} bytes`);
  let content = member.packed;
  if (member.method === 8) {
    try {
      content = await inflate(member.packed, { maxOutputLength: Math.max(1, member.size) });
    } catch {
      throw new ZipError(`${member.name} is damaged`);
    }
  }
  if (content.length !== member.size || crc32(content) !== member.crc)
    throw new ZipError(`${member.name} is damaged`);
  return content;
}

/** A member with that content. */
export async function packMember(name: string, content: Buffer): Promise<ZipMember> {
  return {
    name,
    method: 8,
    crc: crc32(content),
    packed: await deflate(content),
    size: content.length,
    dosTime: DOS_1980,
  };
}

/** A ZIP file of these members, in this order. */
export function writeZip(members: readonly ZipMember[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const member of members) {
    const name = Buffer.from(member.name);
    const shared = Buffer.alloc(26); // what a local and a central header have in common
    shared.writeUInt16LE(20, 0);
    shared.writeUInt16LE(UTF8, 2);
    shared.writeUInt16LE(member.method, 4);
    shared.writeUInt32LE(member.dosTime, 6);
    shared.writeUInt32LE(member.crc, 10);
    shared.writeUInt32LE(member.packed.length, 14);
    shared.writeUInt32LE(member.size, 18);
    shared.writeUInt16LE(name.length, 22);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(offset, 10);
    directory.push(signature(CENTRAL), Buffer.from([20, 0]), shared, central, name);
    parts.push(signature(LOCAL), shared, name, member.packed);
    offset += 4 + shared.length + name.length + member.packed.length;
  }
  const table = Buffer.concat(directory);
  const end = Buffer.alloc(END_SIZE);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(table.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, table, end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

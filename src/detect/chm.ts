// Files in compiled help (CHM): an ITSF file with a directory, and most content in one LZX stream, which is decoded
// as a cabinet (lzx-cabinet.ts). The format is not published; it is as Russotto's description and chmlib have it.

import { messageOf, WeirError } from '../errors.ts';
import { memorySource, spool, type ByteSource } from './byte-source.ts';
import type { Ledger } from './ledger.ts';
import { Archive, MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { lzxCabinet, type LzxBlock } from './lzx-cabinet.ts';
import { memberPath, type Member } from './member.ts';

const STORAGE = '::DataSpace/Storage/MSCompressed/';
const RESET_TABLE = `${STORAGE}Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}/InstanceData/ResetTable`;
const UNIT = 0x8000; // bytes of a block, and what windows are counted in
const MAX_PACKED_BLOCK = UNIT + 6144; // bytes
const MAX_ENTRIES = 100_000;
const SPOOL_MEMORY = 4 * 2 ** 20; // bytes; beyond, a temporary file
const WINDOW_BITS: readonly number[] = [15, 16, 17, 18, 19, 20, 21];

interface Entry {
  readonly name: string;
  /** 0: as it stands; 1: in the LZX stream. */
  readonly section: number;
  readonly offset: number;
  readonly length: number;
}

/** Yields the files; pages first as they stand, then those of the stream. */
export async function* chmMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  if (source.size > MAX_ARCHIVE_BYTES) {
    return ledger.note(
      'oversized',
      at,
      `larger than ${MAX_ARCHIVE_BYTES} bytes, which the help reader holds`,
    );
  }
  let file: HelpFile;
  try {
    file = new HelpFile(await source.read(0, source.size));
  } catch (error) {
    return ledger.note('malformed', at, messageOf(error));
  }
  if (file.damage !== null) ledger.note('malformed', at, file.damage);
  const { plain, packed } = file;
  yield* cutOut(plain, memorySource(file.content), file.content.length, ledger, at);
  if (packed.length === 0) return;
  const stream = await spool(unpacked(file, ledger, at), SPOOL_MEMORY);
  try {
    yield* cutOut(packed, stream, stream.size, ledger, at);
  } finally {
    await stream.close();
  }
}

async function* cutOut(
  entries: readonly Entry[],
  from: ByteSource,
  size: number,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  const meterOf = ledger.packedMeter(size); // entries may overlap
  for (const { name, offset, length } of entries) {
    const path = memberPath(at, name.replace(/^\//, ''));
    if (!ledger.admitMember(path)) return;
    if (offset + length > size) ledger.note('malformed', path, 'help file is cut off within it');
    const end = Math.min(size, offset + length);
    if (!meterOf(path).take(Math.max(0, end - offset), 0)) return;
    if (offset < end) yield { path, chunks: from.chunks(offset, end) };
  }
}

/** The LZX stream, decoded as far as it goes. */
async function* unpacked(file: HelpFile, ledger: Ledger, at: string): AsyncGenerator<Buffer> {
  let archive: Archive | null = null;
  try {
    const { stretches, windowBits } = file.stream();
    const cabinet = lzxCabinet(stretches, windowBits);
    if (cabinet === null) return ledger.note('oversized', at, 'more blocks than the help reader holds');
    archive = await Archive.open(cabinet);
    const meter = ledger.packedMeter(cabinet.length)(at);
    while (archive.next() !== null) {
      for (;;) {
        const { bytes, error } = archive.read();
        if (error !== null) return ledger.note('malformed', at, `help file: ${error}`);
        if (bytes.length === 0) break;
        if (!meter.take(bytes.length, 0)) return;
        yield bytes;
      }
    }
    if (archive.error !== '') ledger.note('malformed', at, `help file: ${archive.error}`);
  } catch (error) {
    ledger.note('malformed', at, `help file: ${messageOf(error)}`);
  } finally {
    archive?.close();
  }
}

class HelpFile {
  /** Section 0, to the end of the file. */
  readonly content: Buffer;
  readonly plain: Entry[] = [];
  readonly packed: Entry[] = [];
  /** What is wrong with the directory; null where it is whole. */
  damage: string | null = null;
  readonly #own = new Map<string, Entry>();

  /** @throws {WeirError} `ERR_UNPACK_MALFORMED` */
  constructor(bytes: Buffer) {
    if (bytes.length < 0x60) throw malformed('its head is cut off');
    const directory = offsetAt(bytes, 0x48);
    this.content = bytes.subarray(offsetAt(bytes, 0x58));
    if (directory + 0x54 > bytes.length || bytes.toString('latin1', directory, directory + 4) !== 'ITSP') {
      throw malformed('it has no directory');
    }
    const headBytes = bytes.readUInt32LE(directory + 8);
    const blockBytes = bytes.readUInt32LE(directory + 0x10);
    const blocks = bytes.readUInt32LE(directory + 0x2c);
    if (blockBytes < 32) throw malformed('its directory has no blocks');
    for (let block = 0; block < blocks; block += 1) {
      const from = directory + headBytes + block * blockBytes;
      if (from + blockBytes > bytes.length) {
        this.damage = 'help file: its directory is cut off';
        return;
      }
      this.#readBlock(bytes.subarray(from, from + blockBytes));
    }
  }

  /**
   * The blocks of the LZX stream between its resets.
   * @throws {WeirError} `ERR_UNPACK_MALFORMED`
   */
  stream(): { readonly stretches: readonly LzxBlock[][]; readonly windowBits: number } {
    const control = this.#bytesOf(`${STORAGE}ControlData`, 24);
    const table = this.#bytesOf(RESET_TABLE, 0x28);
    const content = this.#bytesOf(`${STORAGE}Content`, 0);
    if (control.toString('latin1', 4, 8) !== 'LZXC') throw malformed('it is compressed in an unknown way');
    const unit = control.readUInt32LE(8) === 2 ? UNIT : 1;
    const interval = control.readUInt32LE(12) * unit;
    const windowBytes = control.readUInt32LE(16) * unit;
    const windowBits = Math.log2(windowBytes);
    const everyBlocks = Math.floor((interval / (windowBytes / 2)) * control.readUInt32LE(20));
    if (!WINDOW_BITS.includes(windowBits) || everyBlocks < 1)
      throw malformed('its window is of no known size');
    const count = table.readUInt32LE(4);
    const tableAt = table.readUInt32LE(12);
    const size = offsetAt(table, 16);
    const last = Math.min(offsetAt(table, 24), content.length);
    if (offsetAt(table, 32) !== UNIT) throw malformed('its blocks are of an unknown size');
    const stretches: LzxBlock[][] = [];
    for (let block = 0; block < count && block * UNIT < size; block += 1) {
      const at = tableAt + block * 8;
      if (at + 8 > table.length) throw malformed('its table of blocks is cut off');
      const from = offsetAt(table, at);
      const to = block + 1 < count && at + 16 <= table.length ? offsetAt(table, at + 8) : last;
      if (to > content.length || to <= from || to - from > MAX_PACKED_BLOCK) {
        this.damage ??= 'help file: a block is damaged or cut off';
        break;
      }
      if (block % everyBlocks === 0) stretches.push([]);
      const packed = content.subarray(from, to);
      stretches.at(-1)!.push({ packed, size: Math.min(UNIT, size - block * UNIT) });
    }
    return { stretches, windowBits };
  }

  #bytesOf(name: string, least: number): Buffer {
    const entry = this.#own.get(name);
    if (entry === undefined || entry.section !== 0) throw malformed(`it has no ${name.split('/').at(-1)}`);
    const bytes = this.content.subarray(entry.offset, entry.offset + entry.length);
    if (bytes.length < least) throw malformed(`its ${name.split('/').at(-1)} is cut off`);
    return bytes;
  }

  /** Entries of one block that lists files; the others are an index of these. */
  #readBlock(block: Buffer): void {
    if (block.toString('latin1', 0, 4) !== 'PMGL') return;
    const end = block.length - Math.min(block.readUInt32LE(4), block.length);
    const reader = { at: 20 };
    while (reader.at < end && this.plain.length + this.packed.length < MAX_ENTRIES) {
      const nameBytes = compactNumber(block, reader);
      const name = block.toString('utf8', reader.at, reader.at + nameBytes);
      reader.at += nameBytes;
      const section = compactNumber(block, reader);
      const offset = compactNumber(block, reader);
      const length = compactNumber(block, reader);
      if (reader.at > end) {
        this.damage ??= 'help file: an entry of its directory is damaged';
        return;
      }
      const entry = { name, section, offset, length };
      if (name.startsWith('::')) this.#own.set(name, entry);
      else if (length > 0) (section === 0 ? this.plain : this.packed).push(entry);
    }
  }
}

/** Seven bits a byte, the highest first; more follow where the eighth is set. */
function compactNumber(bytes: Buffer, reader: { at: number }): number {
  let value = 0;
  for (let count = 0; count < 8; count += 1) {
    const byte = bytes[reader.at++] ?? 0;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) break;
  }
  return value;
}

function offsetAt(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

function malformed(what: string): WeirError {
  return new WeirError('ERR_UNPACK_MALFORMED', `help file: ${what}`);
}

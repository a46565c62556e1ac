// Members of the archives that libarchive reads: 7z, rar, cab, iso, cpio. And single compressed streams,
// xz and bzip2, which it only takes as the coat of an archive: they are given one, see `streamMember`.

import { messageOf } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { Ledger, StreamMeter } from './ledger.ts';
import { Archive, MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { memberPath, type Member } from './member.ts';

/**
 * Put behind an archive that needs it. The library takes whatever ends in a zip directory for a zip, looking at the last
 * 16 KiB: an archive that ends in a stored zip would be opened as that and its other members be hidden.
 */
const NO_ZIP_AT_END = Buffer.alloc(20 * 1024);
const NO_MEMORY = /allocat|memory|dictionary/i;

/** Yields the members; what cannot be read is noted by its name, headers that need a password too. */
export async function* libraryMembers(
  source: ByteSource,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  const archive = await openArchive(source, null, ledger, at);
  if (archive === null) return;
  try {
    const meterOf = ledger.packedMeter(source.size);
    let number = 0;
    for (let entry = archive.next(); entry !== null; entry = archive.next()) {
      number += 1;
      if (entry.folder) continue;
      const path = memberPath(at, entry.name || `member-${number}`);
      if (!ledger.admitMember(path)) return;
      if (entry.encrypted) {
        ledger.note('encrypted', path, 'archive member is encrypted');
        continue;
      }
      const state: ReadState = { refused: false };
      yield { path, chunks: contents(archive, meterOf(path), ledger, path, state) };
      // Passing over the rest would unpack it all the same: in a solid archive nothing comes after a bomb.
      if (state.refused) return;
    }
    if (archive.encrypted && archive.error !== '') ledger.note('encrypted', at, archive.error);
    else if (archive.error !== '' || number === 0) noteError(archive.error, ledger, at);
  } catch (error) {
    noteError(messageOf(error), ledger, at);
  } finally {
    archive.close();
  }
}

interface ReadState {
  refused: boolean;
}

async function* contents(
  archive: Archive,
  meter: StreamMeter,
  ledger: Ledger,
  path: string,
  state: ReadState,
): AsyncGenerator<Buffer> {
  for (;;) {
    const { bytes, error } = readOrEnd(archive);
    if (bytes.length > 0) {
      if (!meter.take(bytes.length, 0)) {
        state.refused = true;
        return;
      }
      yield bytes;
    }
    if (error !== null) {
      const encrypted = /encrypt/i.test(error);
      return encrypted ? ledger.note('encrypted', path, error) : noteError(error, ledger, path);
    }
    if (bytes.length === 0) return;
  }
}

/** A breakdown of the library is the end of this member; the next call for a member meets it again. */
function readOrEnd(archive: Archive): ReturnType<Archive['read']> {
  try {
    return archive.read();
  } catch (error) {
    return { bytes: Buffer.alloc(0), error: messageOf(error) };
  }
}

/** What is put around a compressed stream, compressed in the same way: streams in a row decode as one. */
interface Coat {
  /** A tar header of a member without end. */
  readonly head: Buffer;
  /** `END_MARK`. */
  readonly tail: Buffer;
  /** Bytes of the stream proper: data behind it would stop the decoder. */
  readonly end: (bytes: Buffer) => number;
}

const END_MARK = Buffer.from('weir: here the packed data ends.');
/** As much of it as is looked for: its last bytes may be lost to `Archive.read`'s guess of the length. */
const END_MARK_SEEN = END_MARK.subarray(0, END_MARK.length - 8);

const COATS: Readonly<Record<'xz' | 'bzip2', Coat>> = {
  xz: {
    head: base64(
      '/Td6WFoAAAD/EtlBAgAhARwAAAAQz1jM4AH/AC9dADGAM1AYaImDAdzibg/GuU0wtHnQ/MGqezN0jDvb3TIQT7N/79fNTBKvqNAZyBQA' +
        'AAAAAUOABAAAANqLHXSoAAr8AgAAAAAAWVo=',
    ),
    tail: base64(
      '/Td6WFoAAAD/EtlBAgAhARwAAAAQz1jMAQAfd2VpcjogaGVyZSB0aGUgcGFja2VkIGRhdGEgZW5kcy4AAAEwIBCjrsQGcp56AQAAAAAAWVo=',
    ),
    end: xzEnd,
  },
  bzip2: {
    head: base64(
      'QlpoOTFBWSZTWbyHWkkAACDbwPiAQAB3AAAA6AAeAEAACAAgAFRQAGjTTNQYSjR6jR6hoep9aiADPd52tYQiyt2Q0AKYuoqpcVmcfYAF' +
        'XfF3JFOFCQvIdaSQ',
    ),
    tail: base64('QlpoOTFBWSZTWZg2VKUAAA+ZgEABABAuaVyAIAAijT0EabSFMABNFAbFUS7tB9BtR1HOktJkX8XckU4UJCYNlSlA'),
    end: bzip2End,
  },
};

/** One .xz or .bz2 file: one member, called `name`. */
export async function* streamMember(
  source: ByteSource,
  format: keyof typeof COATS,
  name: string,
  ledger: Ledger,
  at: string,
): AsyncGenerator<Member> {
  const path = memberPath(at, name);
  if (ledger.admitMember(path)) yield { path, chunks: streamContents(source, format, ledger, path) };
}

/** Decodes xz or bzip2, any number of streams in a row; troubles are noted when it is read. */
export async function* streamContents(
  source: ByteSource,
  format: keyof typeof COATS,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  const archive = await openArchive(source, COATS[format], ledger, path);
  if (archive === null) return;
  try {
    if (archive.next() === null) noteError(archive.error, ledger, path);
    else yield* uncoated(archive, ledger.packedMeter(source.size)(path), ledger, path);
  } catch (error) {
    noteError(messageOf(error), ledger, path);
  } finally {
    archive.close();
  }
}

/** The member up to the mark; the end of all is always an error here, as the tar member has none. */
async function* uncoated(
  archive: Archive,
  meter: StreamMeter,
  ledger: Ledger,
  path: string,
): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0); // may hold the beginning of the mark
  for (;;) {
    const { bytes, error } = archive.read();
    if (!meter.take(bytes.length, 0)) return;
    const known = Buffer.concat([held, bytes]);
    if (error === null && bytes.length > 0) {
      const keep = Math.min(END_MARK.length, known.length);
      held = known.subarray(known.length - keep);
      if (known.length > keep) yield known.subarray(0, known.length - keep);
      continue;
    }
    const mark = known.lastIndexOf(END_MARK_SEEN);
    const marked = mark >= 0 && mark >= known.length - END_MARK.length;
    if (!marked) noteError(error ?? 'compressed data is truncated', ledger, path);
    if (known.length > 0 && mark !== 0) yield marked ? known.subarray(0, mark) : known;
    return;
  }
}

async function openArchive(
  source: ByteSource,
  coat: Coat | null,
  ledger: Ledger,
  at: string,
): Promise<Archive | null> {
  if (source.size > MAX_ARCHIVE_BYTES) {
    ledger.note('oversized', at, `larger than ${MAX_ARCHIVE_BYTES} bytes, which this format's reader holds`);
    return null;
  }
  const bytes = await source.read(0, source.size);
  const whole =
    coat === null
      ? [bytes, ...(endsLikeZip(bytes) ? [NO_ZIP_AT_END] : [])]
      : [coat.head, bytes.subarray(0, coat.end(bytes)), coat.tail];
  try {
    return await Archive.open(Buffer.concat(whole));
  } catch (error) {
    noteError(messageOf(error), ledger, at);
    return null;
  }
}

function endsLikeZip(bytes: Buffer): boolean {
  return bytes.subarray(-NO_ZIP_AT_END.length).includes('PK\x05\x06', 0, 'latin1');
}

/** Behind the footer of the last stream. */
function xzEnd(bytes: Buffer): number {
  const magic = bytes.lastIndexOf('YZ', undefined, 'latin1');
  return magic < 0 ? bytes.length : magic + 2;
}

const BZIP2_END = 0x177245385090n; // 48 bits, at any bit
const BZIP2_END_BITS = 48 + 32; // with the checksum behind them

/** Behind the last end-of-stream mark, which is found by the five whole bytes in it at each shift. */
function bzip2End(bytes: Buffer): number {
  let end = 0;
  for (let shift = 0; shift < 8; shift += 1) {
    const shifted = Buffer.alloc(8);
    shifted.writeBigUInt64BE(BZIP2_END << BigInt(8 - shift));
    const whole = shifted.subarray(2, 7); // bytes 1 to 6 of the mark hold parts of its neighbours when shifted
    const found = bytes.lastIndexOf(whole);
    if (found > 0) end = Math.max(end, found - 1 + Math.ceil((shift + BZIP2_END_BITS) / 8));
  }
  return end === 0 ? bytes.length : Math.min(end, bytes.length);
}

function noteError(message: string, ledger: Ledger, path: string): void {
  const kind = NO_MEMORY.test(message) && !/out of bounds/.test(message) ? 'budget' : 'malformed';
  ledger.note(kind, path, message === '' ? 'archive has no readable members' : message);
}

function base64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

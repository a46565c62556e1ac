// Streams of OLE compound files: old Office documents, macros of new ones (vbaProject.bin), Windows
// installer packages, mails of Outlook. Embedded files are taken out of their wrappers, macros are
// decompressed, compressed objects of PowerPoint inflated. [MS-CFB], [MS-OLEDS], [MS-OVBA], [MS-PPT].

import CFB from 'cfb';
import { messageOf } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { ChunkReader } from './chunk-reader.ts';
import { decodeStream } from './decoder.ts';
import { readInstaller, streamName, type Installer } from './installer.ts';
import type { Ledger } from './ledger.ts';
import { MAX_ARCHIVE_BYTES } from './libarchive.ts';
import { memberPath, type Member } from './member.ts';
import { macroSources } from './ole-macro.ts';

const STREAM = 2; // type of a directory entry
/** Streams that stand in place of a document which needs a password. */
const ENCRYPTION_STREAMS = new Set(['EncryptedPackage', 'EncryptionInfo', 'EncryptedSummary']);

/** Yields all streams, and after each what is wrapped in it. */
export async function* oleMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  if (source.size > MAX_ARCHIVE_BYTES) {
    return ledger.note('oversized', at, `larger than ${MAX_ARCHIVE_BYTES} bytes, which the OLE reader holds`);
  }
  let container: CFB.CFB$Container;
  try {
    container = CFB.read(await source.read(0, source.size), { type: 'buffer' });
  } catch (error) {
    return ledger.note('malformed', at, `OLE file: ${messageOf(error)}`);
  }
  const meterOf = ledger.packedMeter(source.size); // chains of sectors may overlap
  let encrypted = false;
  const installer = installerIn(container, ledger, at);
  for (const [index, entry] of container.FileIndex.entries()) {
    if (entry.type !== STREAM) continue;
    const full = container.FullPaths[index]?.replace(/^[^/]*\//, '') ?? entry.name;
    const name = installer === null ? full : streamName(full);
    const ending = installer?.endings.get(name);
    const path = memberPath(at, printableName(ending === undefined ? name : `${name}.${ending}`));
    if (!ledger.admitMember(path)) return;
    const content = Buffer.from(entry.content ?? []);
    if (content.length < entry.size) ledger.note('malformed', path, 'OLE stream is cut off');
    encrypted ||= ENCRYPTION_STREAMS.has(entry.name) || isEncryptedDocument(entry.name, content);
    if (!meterOf(path).take(content.length, 0)) return;
    yield { path, chunks: once(content) };
    yield* wrapped(entry.name, content, ledger, path);
  }
  for (const { name, text } of installer?.scripts ?? []) {
    const path = memberPath(at, printableName(name));
    if (!ledger.admitMember(path) || !meterOf(path).take(text.length, 0)) return;
    yield { path, chunks: once(text) };
  }
  if (encrypted) ledger.note('encrypted', at, 'document needs a password');
}

/** Of an installer package; null for other files, and where its tables are damaged, which is noted. */
function installerIn(container: CFB.CFB$Container, ledger: Ledger, at: string): Installer | null {
  const streams = new Map<string, CFB.CFB$Entry>();
  for (const entry of container.FileIndex)
    if (entry.type === STREAM) streams.set(streamName(entry.name), entry);
  try {
    return readInstaller((name) => {
      const content = streams.get(name)?.content;
      return content === undefined ? null : Buffer.from(content);
    });
  } catch (error) {
    ledger.note('malformed', at, messageOf(error));
    return { scripts: [], endings: new Map() };
  }
}

/** What a stream wraps that its bytes alone do not show. */
async function* wrapped(name: string, content: Buffer, ledger: Ledger, path: string): AsyncGenerator<Member> {
  if (name === '\x01Ole10Native') {
    const file = packagedFile(content);
    if (file !== null) yield { path: memberPath(path, file.name), chunks: once(file.content) };
  } else if (name === 'PowerPoint Document') {
    yield* powerPointObjects(content, ledger, path);
  } else {
    for (const source of macroSources(content)) {
      yield { path: memberPath(path, 'macro'), chunks: once(source) };
    }
  }
}

/** The file in what the object packager writes (an Ole10Native stream): names, then its length and bytes. */
export function packagedFile(content: Buffer): { name: string; content: Buffer } | null {
  const text = (from: number): { value: string; end: number } | null => {
    const end = content.indexOf(0, from);
    return end < 0 ? null : { value: content.toString('latin1', from, end), end: end + 1 };
  };
  const label = text(6); // after total length and flags
  const place = label === null ? null : text(label.end);
  if (label === null || place === null || place.end + 8 > content.length) return null;
  const temporaryLength = content.readUInt32LE(place.end + 4);
  const sizeAt = place.end + 8 + temporaryLength;
  if (sizeAt + 4 > content.length) return null;
  const size = content.readUInt32LE(sizeAt);
  return {
    name: printableName(label.value) || 'embedded file',
    content: content.subarray(sizeAt + 4, sizeAt + 4 + size),
  };
}

const COMPRESSED_OBJECT = 0x1011; // RT_ExternalOleObjectStg, of instance 1: zlib behind the plain length

/** Embedded objects of a PowerPoint document, which it keeps compressed in its main stream. */
async function* powerPointObjects(content: Buffer, ledger: Ledger, path: string): AsyncGenerator<Member> {
  for (let at = 0; at + 8 <= content.length;) {
    const version = content.readUInt16LE(at);
    const length = content.readUInt32LE(at + 4);
    if (content.readUInt16LE(at + 2) === COMPRESSED_OBJECT && version >> 4 === 1) {
      const member = memberPath(path, `object ${at}`);
      if (!ledger.admitMember(member)) return;
      const packed = content.subarray(at + 8 + 4 + 2, at + 8 + length); // plain length, zlib header
      yield { path: member, chunks: inflated(packed, ledger, member) };
    }
    // Containers (version 0xf) are entered, records passed over.
    at += 8 + ((version & 0x0f) === 0x0f ? 0 : length);
  }
}

async function* inflated(packed: Buffer, ledger: Ledger, path: string): AsyncGenerator<Buffer> {
  const input = new ChunkReader(once(packed));
  try {
    const end = yield* decodeStream('deflate-raw', input, ledger.meter(path));
    if (end === 'truncated' || end === 'corrupt') ledger.note('malformed', path, `compressed data is ${end}`);
  } finally {
    await input.cancel();
  }
}

const WORD_MAGIC = 0xa5ec;
const WORD_ENCRYPTED = 0x0100; // FibBase.fEncrypted
const EXCEL_FILEPASS = 0x002f;
const EXCEL_RECORDS_LOOKED_AT = 20; // FilePass follows the BOF record at once, or nearly

/** Word and Excel mark encryption within their main stream. [MS-DOC] 2.5.2, [MS-XLS] 2.4.117. */
function isEncryptedDocument(name: string, content: Buffer): boolean {
  if (name === 'WordDocument' && content.length >= 12) {
    return content.readUInt16LE(0) === WORD_MAGIC && (content.readUInt16LE(10) & WORD_ENCRYPTED) !== 0;
  }
  if (name !== 'Workbook' && name !== 'Book') return false;
  for (let at = 0, seen = 0; at + 4 <= content.length && seen < EXCEL_RECORDS_LOOKED_AT; seen += 1) {
    if (content.readUInt16LE(at) === EXCEL_FILEPASS) return true;
    at += 4 + content.readUInt16LE(at + 2);
  }
  return false;
}

/** Stream names may begin with a control character; those of installers are packed into odd letters. */
function printableName(name: string): string {
  return name.replace(/[^\x20-\x7e\xa0-\uffff]/g, '').slice(-200);
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  if (content.length > 0) yield content;
}

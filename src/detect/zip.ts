// Reads zip members by the central directory (yauzl), one at a time, stored or deflated. Where that
// directory is missing or damaged, zip-salvage.ts reads the local headers instead: extractors do so too,
// and a byte of garbage must not hide a member. APPNOTE 6.3.9.

import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';
import { expand, isReadable, memberName } from './zip-member.ts';
import { salvageZip } from './zip-salvage.ts';

/** Yields the members that can be read; the others become troubles by their own path. */
export async function* zipMembers(source: ByteSource, ledger: Ledger, at: string): AsyncGenerator<Member> {
  let zip: ZipFile;
  try {
    zip = await openZip(source);
  } catch (error) {
    ledger.note('malformed', at, `zip directory: ${messageOf(error)}`);
    return yield* salvageZip(source, ledger, at);
  }
  const entries = zip.eachEntry();
  for (;;) {
    let entry: Entry;
    try {
      const step = await entries.next();
      if (step.done) return;
      entry = step.value;
    } catch (error) {
      ledger.note('malformed', at, `zip directory: ${messageOf(error)}`);
      return yield* salvageZip(source, ledger, at);
    }
    const { compressionMethod: method } = entry;
    const path = memberPath(at, memberName(entry.fileNameRaw, entry.generalPurposeBitFlag));
    if (path.endsWith('/') && entry.compressedSize === 0) continue;
    if (!ledger.admitMember(path)) return;
    if (entry.isEncrypted()) {
      ledger.note('encrypted', path, 'zip member is encrypted');
    } else if (!isReadable(method)) {
      ledger.note('unsupported', path, `zip compression method ${method}`);
    } else {
      let raw: Readable;
      try {
        raw = await zip.openReadStreamPromise(entry, { decodeFileData: false });
      } catch (error) {
        ledger.note('malformed', path, `zip member: ${messageOf(error)}`);
        continue;
      }
      try {
        yield { path, chunks: expand(intact(raw, ledger, path), method, ledger, path) };
      } finally {
        raw.destroy();
      }
    }
  }
}

/** A read error of the archive becomes a trouble of the member. */
async function* intact(raw: Readable, ledger: Ledger, path: string): AsyncGenerator<Buffer> {
  try {
    yield* raw as AsyncIterable<Buffer>;
  } catch (error) {
    ledger.note('malformed', path, `zip member: ${messageOf(error)}`);
  }
}

/** Reads of yauzl served from a byte source. */
class SourceReader extends yauzl.RandomAccessReader {
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#source.chunks(start, end), { objectMode: false });
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null); // the source belongs to the caller
  }
}

function openZip(source: ByteSource): Promise<ZipFile> {
  return yauzl.fromRandomAccessReaderPromise(new SourceReader(source), source.size, {
    lazyEntries: true,
    autoClose: false, // nothing to close, and salvage may read on
    decodeStrings: false, // otherwise one `../` name stops the whole archive
    validateEntrySizes: false, // sizes are measured here, by what comes out
  });
}

// Reads tar members in order (POSIX ustar and pax, GNU long names, old v7). Contents stream by; nothing
// is written anywhere, so links and odd paths are of no concern. POSIX.1-2017, pax "Interchange Format".

import type { ChunkReader } from './chunk-reader.ts';
import { tarChecksumHolds } from './file-type.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';

const BLOCK = 512; // bytes
const MAX_EXTENDED_HEADER = 1024 * 1024; // bytes of pax or GNU long-name data

/** Yields the regular files; damage ends the walk with a `malformed` trouble. */
export async function* tarMembers(input: ChunkReader, ledger: Ledger, at: string): AsyncGenerator<Member> {
  let longName: string | null = null;
  let paxSize: number | null = null;
  for (;;) {
    const header = await input.read(BLOCK);
    if (header.length === 0) return; // many writers leave out the two zero blocks
    if (header.length < BLOCK) return ledger.note('malformed', at, 'tar ends within a header');
    if (header.every((byte) => byte === 0)) return;
    if (!tarChecksumHolds(header)) return ledger.note('malformed', at, 'tar header has a wrong checksum');

    const size: number = paxSize ?? readNumber(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0)
      return ledger.note('malformed', at, 'tar member has no valid size');
    const padding = (BLOCK - (size % BLOCK)) % BLOCK;
    const kind = String.fromCharCode(header[156]!);

    if (kind === 'L' || kind === 'K' || kind === 'x' || kind === 'g') {
      if (size > MAX_EXTENDED_HEADER) return ledger.note('malformed', at, 'tar extended header is too long');
      const data = await input.read(size);
      if ((await input.skip(padding)) > 0) return ledger.note('malformed', at, 'tar ends within a header');
      if (kind === 'L') longName = data.toString('utf8').replace(/\0.*$/s, '');
      if (kind === 'x') {
        const records = paxRecords(data);
        longName = records.get('path') ?? longName;
        paxSize = records.has('size') ? Number(records.get('size')) : null;
      }
      continue;
    }

    const path = memberPath(at, longName ?? ustarName(header));
    longName = paxSize = null;
    let missing: number;
    if (kind === '0' || kind === '\0' || kind === '7') {
      if (!ledger.admitMember(path)) return;
      const contents = input.section(size);
      yield { path, chunks: contents.chunks() };
      missing = await contents.finish();
    } else {
      missing = await input.skip(size);
    }
    if (missing > 0 || (await input.skip(padding)) > 0)
      return ledger.note('malformed', path, 'tar ends within a member');
  }
}

/** Octal digits, or base 256 where the top bit is set (GNU, for sizes of 8 GiB and more). */
function readNumber(header: Buffer, start: number, length: number): number {
  const field = header.subarray(start, start + length);
  if (field[0]! & 0x80) return Number(BigInt(`0x${field.subarray(1).toString('hex')}`));
  const digits = /^[ \0]*([0-7]+)[ \0]*/.exec(field.toString('latin1'));
  return digits === null ? (/^[ \0]*$/.test(field.toString('latin1')) ? 0 : NaN) : parseInt(digits[1]!, 8);
}

function ustarName(header: Buffer): string {
  const text = (start: number, end: number) => header.toString('utf8', start, end).replace(/\0.*$/s, '');
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(345, 500) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** `length key=value\n` records; `length` counts the whole record in bytes. */
function paxRecords(data: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < data.length;) {
    const length = parseInt(data.toString('latin1', at, at + 10), 10);
    if (!(length > 0)) break;
    const record = data.toString('utf8', at, at + length - 1);
    const [, key, value] = /^\d+ ([^=]+)=(.*)$/s.exec(record) ?? [];
    if (key !== undefined && value !== undefined) records.set(key, value);
    at += length;
  }
  return records;
}

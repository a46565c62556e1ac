// What is sent: text of made-up words that no signature matches, gzip of it, and a large archive of many
// members. The same bytes in every run.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

import { ARCHIVE_BYTES, type BodyName } from './works.ts';

const KIB = 1024;
const MEMBER_BYTES = 256 * KIB; // of an archive, unpacked
const WORD_LETTERS = 'etaoinshrdlucmfwypvbgkqjxz';

/** Numbers that only look random; the same ones for a seed. 32 bits each. */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Lines of words; gzip makes half of it, as of prose. */
export function text(bytes: number, seed = 1): Buffer {
  const next = numbers(seed);
  const words = Array.from({ length: 4000 }, () => {
    let word = '';
    for (let letters = 2 + (next() % 9); letters > 0; letters -= 1) {
      word += WORD_LETTERS[Math.min(next() % WORD_LETTERS.length, next() % WORD_LETTERS.length)]!;
    }
    return word;
  });
  const body = Buffer.alloc(bytes, ' ');
  for (let at = 0, column = 0; at < bytes;) {
    const word = words[next() % words.length]!;
    at += body.write(word, at, 'latin1');
    column += word.length + 1;
    if (at < bytes) body[at] = column > 70 ? 0x0a : 0x20;
    if (column > 70) column = 0;
    at += 1;
  }
  return body;
}

/** A zip file of that size or a little more, of text members. */
export function archive(bytes: number): Buffer {
  // The members' contents repeat, their bytes do not: what an unpacker does is the same for each.
  const kinds = Array.from({ length: 16 }, (_, index) => text(MEMBER_BYTES, index + 2));
  const packed = kinds.map((kind) => ({ data: deflateRawSync(kind, { level: 1 }), crc: crc32(kind) }));
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (let number = 0; at < bytes; number += 1) {
    const { data, crc } = packed[number % packed.length]!;
    const name = Buffer.from(`text/${number}.txt`, 'latin1');
    const common = Buffer.alloc(26); // version to length of the extra field
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4); // deflate
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(MEMBER_BYTES, 18);
    common.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(46);
    entry.write('PK\x01\x02', 'latin1');
    entry.writeUInt16LE(20, 4);
    common.copy(entry, 6);
    entry.writeUInt32LE(at, 42);
    directory.push(entry, name);
    parts.push(Buffer.from('PK\x03\x04', 'latin1'), common, name, data);
    at += 4 + common.length + name.length + data.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  const entries = directory.length / 2;
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  const index = Buffer.concat(directory);
  end.writeUInt32LE(index.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, index, end]);
}

/** A body as the load process is told of it. */
export interface BodyFile {
  readonly file: string;
  readonly contentType: string;
  readonly coding: string | null;
}

/** Writes the bodies into a folder. */
export function writeBodies(folder: string): Readonly<Record<BodyName | 'archive', BodyFile>> {
  const write = (name: string, bytes: Buffer, contentType: string, coding: string | null): BodyFile => {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    return { file, contentType, coding };
  };
  const long = text(KIB * KIB);
  return {
    'text-1k': write('text-1k', text(KIB), 'text/plain', null),
    'text-64k': write('text-64k', text(64 * KIB), 'text/plain', null),
    'text-1m': write('text-1m', long, 'text/plain', null),
    'gzip-1m': write('gzip-1m', gzipSync(long), 'text/plain', 'gzip'),
    archive: write('archive.zip', archive(ARCHIVE_BYTES), 'application/zip', null),
  };
}

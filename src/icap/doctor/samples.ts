// What is put into requests: harmless texts, every byte value, and the EICAR test string in clear and
// packed. EICAR is kept in halves and joined when asked for, so that no scanner takes this file for an
// infection; it never appears in a report either.

import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

const FIRST_HALF = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}';
const SECOND_HALF = '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';

/** The 68 bytes that every virus scanner reports. */
export function eicar(): Buffer {
  return Buffer.from(FIRST_HALF + SECOND_HALF, 'latin1');
}

/** Text from the wire with EICAR masked: reports are stored as files, which scanners read. */
export function withoutEicar(text: string): string {
  return text.replaceAll(FIRST_HALF + SECOND_HALF, '[EICAR]').replaceAll(SECOND_HALF, '[EICAR]');
}

export function gzipOf(data: Buffer): Buffer {
  return gzipSync(data);
}

/** A ZIP archive of one deflated member (APPNOTE 4.3: local header, central directory, end record). */
export function zipOf(name: string, data: Buffer): Buffer {
  const packed = deflateRawSync(data);
  const common = Buffer.alloc(26); // what local and central header share: version … length of the name
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4); // deflate
  common.writeUInt16LE(0x21, 8); // 1 January 1980
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), packed]);
  const central = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
    common,
    Buffer.alloc(14), // comment, disk, attributes, offset: all 0
    Buffer.from(name),
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/** `size` bytes of plain text that says whose it is in every line. */
export function text(size: number, name = 'doctor'): Buffer {
  const line = `This is a harmless line of text from ${name}, and there is nothing in it.\n`;
  return Buffer.from(line.repeat(Math.ceil(size / line.length)).slice(0, size));
}

/** All 256 byte values, four times. */
export function everyByte(): Buffer {
  return Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256));
}

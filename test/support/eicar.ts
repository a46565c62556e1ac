// The EICAR test string and packed forms of it. Kept in halves and joined when asked for, so that no
// virus scanner takes this file, or a checkout of it, for an infection.

import { crc32, deflateRawSync, gzipSync } from 'node:zlib';

const FIRST_HALF = 'X5O!P%@AP[4\\PZX54(P^)7CC)7}';
const SECOND_HALF = '$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*';

/** The 68 bytes that every scanner reports. */
export function eicar(): Buffer {
  return Buffer.from(FIRST_HALF + SECOND_HALF, 'latin1');
}

/** EICAR as a gzip member. */
export function eicarGzip(): Buffer {
  return gzipSync(eicar());
}

/** EICAR as the only member of a ZIP archive. */
export function eicarZip(name = 'eicar.com'): Buffer {
  return zipOf([{ name, data: eicar() }]);
}

/** A ZIP archive (APPNOTE 4.3: local headers, central directory, end record) of deflated members. */
export function zipOf(members: readonly { readonly name: string; readonly data: Buffer }[]): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of members) {
    const nameBytes = Buffer.from(name);
    const packed = deflateRawSync(data);
    const shared = Buffer.alloc(26); // what a local and a central header have in common
    shared.writeUInt16LE(20, 0); // version needed to extract: 2.0
    shared.writeUInt16LE(0x0800, 2); // names are UTF-8
    shared.writeUInt16LE(8, 4); // deflate
    shared.writeUInt16LE(0x21, 8); // 1980-01-01
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(packed.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(nameBytes.length, 22);
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), shared, nameBytes, packed);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    central.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), shared, tail, nameBytes);
    offset += 4 + shared.length + nameBytes.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

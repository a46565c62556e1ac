// PROXY protocol headers as a balancer builds them, independent of the code that reads them.

import { crc32c } from '../../../src/util/crc32c.ts';

export interface BinaryOptions {
  /** 1 PROXY, 0 LOCAL. */
  readonly command?: number;
  readonly version?: number;
  /** Family and transport; default by the address. */
  readonly family?: number;
  /** Extensions: type and value. */
  readonly extensions?: readonly (readonly [number, Buffer])[];
  /** Adds the checksum. */
  readonly checksum?: boolean;
}

export const line = (source: string, port = 40_000): string =>
  `PROXY TCP${source.includes(':') ? 6 : 4} ${source} ${source.includes(':') ? '2001:db8::ffff' : '203.0.113.1'} ${port} 1344\r\n`;

/** A header of version 2 for a client; an empty address gives none. */
export function binary(source: string, port: number, options: BinaryOptions = {}): Buffer {
  const { command = 1, version = 2, extensions = [], checksum = false } = options;
  const v6 = source.includes(':');
  const family = options.family ?? (source === '' ? 0 : v6 ? 0x21 : 0x11);
  const ports = Buffer.alloc(source === '' ? 0 : 4);
  if (source !== '') {
    ports.writeUInt16BE(port, 0);
    ports.writeUInt16BE(1344, 2);
  }
  const target = v6 ? '2001:db8::ffff' : '203.0.113.1';
  const addresses = source === '' ? [] : [addressBytes(source), addressBytes(target), ports];
  const all = checksum ? [...extensions, [0x03, Buffer.alloc(4)] as const] : extensions;
  const encoded = all.map(([type, value]) =>
    Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]),
  );
  const block = Buffer.concat([...addresses, ...encoded]);
  const fixed = Buffer.from([(version << 4) | command, family, block.length >> 8, block.length & 0xff]);
  const header = Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), fixed, block]);
  if (checksum) header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

function addressBytes(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const [left = '', right = ''] = address.split('::');
  const before = left === '' ? [] : left.split(':');
  const after = right === '' ? [] : right.split(':');
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  const bytes = Buffer.alloc(16);
  groups.forEach((group, index) => bytes.writeUInt16BE(parseInt(group, 16), index * 2));
  return bytes;
}

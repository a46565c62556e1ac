// Writes compiled help files whose LZX stream stores its content: real in form, without a compressor.

const UNIT = 0x8000;
const STORAGE = '::DataSpace/Storage/MSCompressed/';
const RESET_TABLE = `${STORAGE}Transform/{7FC28940-9D31-11D0-9B27-00A0C91E9C7C}/InstanceData/ResetTable`;
const BLOCKS_A_RESET = 2;

/**
 * @param files content by name, all in the LZX stream
 * @param copies how often the directory lists each
 */
export function helpFile(files: Readonly<Record<string, Buffer>>, copies = 1): Buffer {
  const stream = Buffer.concat(Object.values(files));
  const blocks: Buffer[] = [];
  for (let at = 0; at < stream.length; at += UNIT) {
    const isReset = (at / UNIT) % BLOCKS_A_RESET === 0;
    const stretch = Math.min(stream.length - at, BLOCKS_A_RESET * UNIT);
    const content = stream.subarray(at, at + UNIT);
    const padding = Buffer.alloc(content.length % 2); // the stream is one of words
    blocks.push(Buffer.concat([isReset ? storedHead(stretch) : Buffer.alloc(0), content, padding]));
  }
  const packed = Buffer.concat(blocks);
  const table = Buffer.alloc(0x28 + blocks.length * 8);
  table.writeUInt32LE(2, 0);
  table.writeUInt32LE(blocks.length, 4);
  table.writeUInt32LE(8, 8);
  table.writeUInt32LE(0x28, 12);
  table.writeBigUInt64LE(BigInt(stream.length), 16);
  table.writeBigUInt64LE(BigInt(packed.length), 24);
  table.writeBigUInt64LE(BigInt(UNIT), 32);
  let offset = 0;
  for (const [index, block] of blocks.entries()) {
    table.writeBigUInt64LE(BigInt(offset), 0x28 + index * 8);
    offset += block.length;
  }
  const control = Buffer.alloc(28);
  control.writeUInt32LE(6, 0);
  control.write('LZXC', 4, 'latin1');
  for (const [index, value] of [2, 2, 2, 1].entries()) control.writeUInt32LE(value, 8 + index * 4);
  const own = { [`${STORAGE}Content`]: packed, [`${STORAGE}ControlData`]: control, [RESET_TABLE]: table };

  const entries: Buffer[] = [];
  const add = (name: string, section: number, at: number, length: number): void => {
    entries.push(
      compact(Buffer.byteLength(name)),
      Buffer.from(name),
      compact(section),
      compact(at),
      compact(length),
    );
  };
  let place = 0;
  for (const [name, content] of Object.entries(files)) {
    for (let copy = 0; copy < copies; copy += 1)
      add(`/${copy === 0 ? '' : copy}${name}`, 1, place, content.length);
    place += content.length;
  }
  place = 0;
  for (const [name, content] of Object.entries(own)) {
    add(name, 0, place, content.length);
    place += content.length;
  }
  const listed = Buffer.concat(entries);
  const block = Buffer.alloc(0x1000);
  block.write('PMGL', 'latin1');
  block.writeUInt32LE(block.length - 20 - listed.length, 4);
  listed.copy(block, 20);
  const directory = Buffer.alloc(0x54);
  directory.write('ITSP', 'latin1');
  directory.writeUInt32LE(1, 4);
  directory.writeUInt32LE(directory.length, 8);
  directory.writeUInt32LE(block.length, 0x10);
  directory.writeUInt32LE(1, 0x2c);
  const head = Buffer.alloc(0x60);
  head.write('ITSF', 'latin1');
  head.writeUInt32LE(3, 4);
  head.writeUInt32LE(head.length, 8);
  head.writeBigUInt64LE(BigInt(head.length), 0x48);
  head.writeBigUInt64LE(BigInt(head.length + directory.length + block.length), 0x58);
  return Buffer.concat([head, directory, block, ...Object.values(own)]);
}

/** No translation of calls, a stored block of that size, and three last distances. Words of 16 bits, [MS-PATCH] 2.3. */
function storedHead(size: number): Buffer {
  const bits = (0b0011 * 2 ** 28 + size * 16) >>> 0;
  const head = Buffer.alloc(16);
  head.writeUInt16LE(bits >>> 16, 0);
  head.writeUInt16LE(bits & 0xffff, 2);
  for (const at of [4, 8, 12]) head.writeUInt32LE(1, at);
  return head;
}

function compact(value: number): Buffer {
  const bytes = [value & 0x7f];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift((rest & 0x7f) | 0x80);
  return Buffer.from(bytes);
}

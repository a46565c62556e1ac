// Puts an LZX stream that is reset now and then, as compiled help files have it, into the form of a cabinet: that
// is where libarchive decodes LZX. Each stretch between two resets becomes a folder with one file. [MS-CAB] 2.

const HEADER_BYTES = 36;
const FOLDER_BYTES = 8;
const FILE_BYTES = 18; // with a name of one letter
const DATA_BYTES = 8;
const LZX = 3;
const MAX_FOLDERS = 65_535;

/** One block of the stream: what it is packed to, and its size unpacked, 32 KiB at most. */
export interface LzxBlock {
  readonly packed: Buffer;
  readonly size: number;
}

/**
 * The cabinet; its files one after the other are the stream's content.
 * @param stretches blocks between two resets
 * @param windowBits 15 to 21
 * @returns null: more stretches than a cabinet holds
 */
export function lzxCabinet(stretches: readonly (readonly LzxBlock[])[], windowBits: number): Buffer | null {
  if (stretches.length > MAX_FOLDERS) return null;
  const filesAt = HEADER_BYTES + stretches.length * FOLDER_BYTES;
  const head = Buffer.alloc(filesAt + stretches.length * FILE_BYTES);
  const data: Buffer[] = [];
  let at = head.length;
  for (const [index, blocks] of stretches.entries()) {
    const folder = HEADER_BYTES + index * FOLDER_BYTES;
    head.writeUInt32LE(at, folder);
    head.writeUInt16LE(blocks.length, folder + 4);
    head.writeUInt16LE(LZX | (windowBits << 8), folder + 6);
    const file = filesAt + index * FILE_BYTES;
    head.writeUInt32LE(
      blocks.reduce((sum, { size }) => sum + size, 0),
      file,
    );
    head.writeUInt16LE(index, file + 8);
    head.write('a', file + 16, 'latin1');
    for (const { packed, size } of blocks) {
      const prefix = Buffer.alloc(DATA_BYTES); // a checksum of 0 is none
      prefix.writeUInt16LE(packed.length, 4);
      prefix.writeUInt16LE(size, 6);
      data.push(prefix, packed);
      at += prefix.length + packed.length;
    }
  }
  head.write('MSCF', 'latin1');
  head.writeUInt32LE(at, 8);
  head.writeUInt32LE(filesAt, 16);
  head.writeUInt16LE(0x0103, 24); // version 1.3
  head.writeUInt16LE(stretches.length, 26);
  head.writeUInt16LE(stretches.length, 28);
  return Buffer.concat([head, ...data], at);
}

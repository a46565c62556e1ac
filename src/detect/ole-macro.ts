// Visual Basic sources in the module streams of Office documents. A module stream is compiled code, then a
// compressed container with the source at an offset that another stream names; containers are looked for
// by their signature instead, which also works where that stream was damaged on purpose. [MS-OVBA] 2.4.1.

const CONTAINER_SIGNATURE = 0x01;
/** What every module's source begins with, as its first chunk holds it: one flag byte after the chunk head. */
const SOURCE_START = Buffer.from('\0Attribut', 'latin1');
const CHUNK_HEAD = 3; // container signature and the first chunk's head
const CHUNK_BYTES = 4096; // of output a chunk at most
const MAX_SOURCE = 16 * 2 ** 20; // bytes

/** Sources that the stream holds; a damaged one ends where its damage is. Never throws. */
export function* macroSources(stream: Buffer): Generator<Buffer> {
  for (let at = stream.indexOf(SOURCE_START); at >= 0; at = stream.indexOf(SOURCE_START, at + 1)) {
    const start = at - CHUNK_HEAD;
    if (start >= 0 && stream[start] === CONTAINER_SIGNATURE) yield decompress(stream.subarray(start + 1));
  }
}

function decompress(data: Buffer): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let at = 0; at + 2 <= data.length && total < MAX_SOURCE;) {
    const head = data.readUInt16LE(at);
    if (((head >> 12) & 0b111) !== 0b011) break;
    const size = (head & 0x0fff) + 3;
    const body = data.subarray(at + 2, at + size);
    const chunk = head & 0x8000 ? decompressChunk(body) : body;
    chunks.push(chunk);
    total += chunk.length;
    at += size;
  }
  return Buffer.concat(chunks);
}

/** Flag bytes, each telling of eight tokens whether they are a byte or a copy of earlier ones. */
function decompressChunk(body: Buffer): Buffer {
  const output = Buffer.alloc(CHUNK_BYTES);
  let length = 0;
  for (let at = 0; at < body.length && length < CHUNK_BYTES;) {
    const flags = body[at++]!;
    for (let bit = 0; bit < 8 && at < body.length && length < CHUNK_BYTES; bit += 1) {
      if ((flags & (1 << bit)) === 0) {
        output[length++] = body[at++]!;
        continue;
      }
      if (at + 2 > body.length) return output.subarray(0, length);
      const token = body.readUInt16LE(at);
      at += 2;
      // The further the chunk has come, the more bits of a token are the distance.
      const distanceBits = Math.max(4, 32 - Math.clz32(length - 1));
      const lengthMask = 0xffff >> distanceBits;
      const distance = (token >> (16 - distanceBits)) + 1;
      if (distance > length) return output.subarray(0, length);
      for (let left = (token & lengthMask) + 3; left > 0 && length < CHUNK_BYTES; left -= 1, length += 1) {
        output[length] = output[length - distance]!;
      }
    }
  }
  return output.subarray(0, length);
}

// CRC32C (Castagnoli), which the PROXY protocol's checksum uses; zlib has only the other CRC-32. RFC 3720 B.4.

const POLYNOMIAL = 0x82f63b78; // reflected

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest >>> 0;
});

/** Checksum of all bytes, 0 to 2^32 - 1. */
export function crc32c(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 0xff]!;
  return ~sum >>> 0;
}

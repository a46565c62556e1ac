// What an OLE file is to disarming: a document that needs a password, one of a format that is not cleaned, or
// none of ours. Known by the names of its streams.

import { setImmediate } from 'node:timers/promises';

const SEARCH_PIECE = 2 ** 20; // bytes
export const OLE_START = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');
const ENCRYPTED_PACKAGE = wide('EncryptedPackage');
const LEGACY = [wide('WordDocument'), wide('Workbook'), wide('PowerPoint Document')];

export async function oleKind(bytes: Buffer): Promise<'encrypted' | 'legacy' | 'other'> {
  if (await includesAny(bytes, [ENCRYPTED_PACKAGE])) return 'encrypted';
  return (await includesAny(bytes, LEGACY)) ? 'legacy' : 'other';
}

/** Searched in pieces, so that others have their turn. */
async function includesAny(bytes: Buffer, needles: readonly Buffer[]): Promise<boolean> {
  const longest = Math.max(...needles.map(({ length }) => length));
  for (let at = 0; at < bytes.length; at += SEARCH_PIECE) {
    const piece = bytes.subarray(at, at + SEARCH_PIECE + longest);
    if (needles.some((needle) => piece.includes(needle))) return true;
    await setImmediate();
  }
  return false;
}

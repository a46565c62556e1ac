// Files of fingerprints: JSON, since they are few and made once; hashes as base64 of 32-bit little-endian
// numbers. Made of a folder by `fingerprintFolder`, or from the command line by make-fingerprints.ts.

import { readdir, readFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import path from 'node:path';
import { fileSource, Ledger, walk } from 'weir/detect';
import { z } from 'zod';
import { MAX_FINGERPRINTS, winnower, type ProtectedDocument } from './fingerprints.ts';
import { textViews } from './text-view.ts';

const VERSION = 1;
const fileSchema = z.strictObject({
  'weir-fingerprints': z.literal(VERSION),
  documents: z.array(z.strictObject({ name: z.string(), hashes: z.base64() })),
});

/** @throws {Error} with what is wrong, beginning with the file's name */
export async function readFingerprints(file: string): Promise<ProtectedDocument[]> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const result = fileSchema.safeParse(parsed);
  if (!result.success) throw new Error(`${file} is no file of fingerprints: make it with make-fingerprints`);
  return result.data.documents.map(({ name, hashes }) => ({
    name,
    hashes: numbersOf(Buffer.from(hashes, 'base64')),
  }));
}

export function formatFingerprints(documents: readonly ProtectedDocument[]): string {
  const rows = documents.map(({ name, hashes }) => {
    const bytes = Buffer.alloc(4 * hashes.length);
    hashes.forEach((hash, i) => bytes.writeUInt32LE(hash, 4 * i));
    return { name, hashes: bytes.toString('base64') };
  });
  return `${JSON.stringify({ 'weir-fingerprints': VERSION, documents: rows })}\n`;
}

/**
 * Fingerprints of each file below a folder, by its path from there. Office files, PDFs and archives are
 * opened; files with too little text are left out.
 *
 * @throws {Error} more than two million fingerprints: split the folder
 */
export async function fingerprintFolder(folder: string): Promise<ProtectedDocument[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const documents: ProtectedDocument[] = [];
  let total = 0;
  for (const file of files.sort()) {
    const hashes = await fingerprintFile(file);
    total += hashes.length;
    if (total > MAX_FINGERPRINTS)
      throw new Error(`more than ${MAX_FINGERPRINTS} fingerprints: split ${folder}`);
    if (hashes.length > 0) documents.push({ name: path.relative(folder, file), hashes });
  }
  return documents;
}

async function fingerprintFile(file: string): Promise<Uint32Array> {
  const hashes = new Set<number>();
  const source = await fileSource(file);
  try {
    for await (const content of walk(source, new Ledger())) {
      if (
        content.type !== null &&
        !['xml', 'html', 'rtf', 'mail', 'script', 'pdf'].includes(content.type.name)
      )
        continue;
      const views = textViews(content, undefined);
      const { push } = winnower((hash) => hashes.size <= MAX_FINGERPRINTS && hashes.add(hash));
      for await (const chunk of content.chunks) {
        const view = views.push(chunk);
        push(view.seen ?? view.raw);
      }
      const last = views.end();
      push(last.seen ?? last.raw);
    }
  } finally {
    await source.close();
  }
  return Uint32Array.from(hashes);
}

function numbersOf(bytes: Buffer): Uint32Array {
  const aligned = new Uint8Array(bytes.length - (bytes.length % 4));
  bytes.copy(aligned);
  const numbers = new Uint32Array(aligned.buffer);
  if (endianness() === 'BE') Buffer.from(aligned.buffer).swap32();
  return numbers;
}

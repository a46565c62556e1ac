// The chunked body of an answer, read piece by piece with its oddities noted. Stricter than curiosity
// only where nothing sensible can be made of the bytes: a size line that is no size. C-30 … C-34, C-43.

import { IcapError, printable } from '../../errors.ts';
import { chunkExtension } from '../codec/chunked.ts';
import type { RawHeaders } from '../codec/fields.ts';
import { readFieldLines } from './field-reader.ts';
import type { WireInput } from './wire-input.ts';

const MAX_LINE = 4096; // bytes of a size line
const MAX_TRAILER = 64 * 1024; // bytes of all trailer lines

export interface ChunksEnd {
  /** Text after the size of the last chunk without the first `;`. */
  readonly extension: string;
  readonly trailers: RawHeaders;
}

/**
 * Reads chunks up to the blank line behind the last one.
 *
 * @param take  gets data as it comes; awaited before more is read
 * @throws {IcapError} `ERR_PROBE_PROTOCOL`, `ERR_PROBE_CLOSED`, `ERR_PROBE_TOO_LARGE`, `ERR_PROBE_TIMEOUT`
 */
export async function readChunks(
  input: WireInput,
  take: (piece: Buffer) => Promise<void>,
  notes: string[],
): Promise<ChunksEnd> {
  let received = 0;
  let oddExtension = false;
  const closed = (): IcapError =>
    new IcapError(
      'ERR_PROBE_CLOSED',
      `the server closed the connection after ${received} bytes of the body (S-08)`,
    );
  for (;;) {
    const line = await input.line(MAX_LINE);
    if (line === null || line.end === 'none') throw closed();
    if (line.end === 'lf') noteOnce(notes, 'C-15 chunk lines end in a bare LF');
    const match = /^([0-9a-f]{1,13})[ \t]*(?:;(.*))?$/i.exec(line.text);
    if (match === null) {
      const text = `not a chunk size after ${received} bytes of the body: "${printable(line.text)}" (C-31)`;
      throw new IcapError('ERR_PROBE_PROTOCOL', text);
    }
    const size = Number.parseInt(match[1]!, 16);
    const extension = (match[2] ?? '').trim();
    if (size === 0) {
      if (chunkExtension(extension, 'ieof') !== undefined) notes.push('C-43 ieof in an answer');
      return { extension, trailers: await readTrailers(input, notes, closed) };
    }
    if (extension !== '' && !oddExtension) {
      oddExtension = true;
      notes.push(`C-31 a chunk with data has the extension "${printable(extension)}"`);
    }
    let left = size;
    while (left > 0) {
      if (input.bytes.length === 0 && !(await input.more())) throw closed();
      const piece = input.consume(Math.min(left, input.bytes.length));
      left -= piece.length;
      received += piece.length;
      await take(piece);
    }
    const end = await input.line(MAX_LINE);
    if (end === null) throw closed();
    if (end.text !== '') {
      const text = `chunk data is not followed by CR LF but by "${printable(end.text)}" (C-31)`;
      throw new IcapError('ERR_PROBE_PROTOCOL', text);
    }
  }
}

async function readTrailers(input: WireInput, notes: string[], closed: () => IcapError): Promise<RawHeaders> {
  const lines: string[] = [];
  let length = 0;
  for (;;) {
    const line = await input.line(MAX_TRAILER);
    if (line === null) {
      if (length > 0) throw closed();
      notes.push('C-30 the connection ended before the blank line behind the last chunk');
      return [];
    }
    if (line.text === '') return readFieldLines(lines, notes);
    length += line.bytes.length;
    if (length > MAX_TRAILER) {
      throw new IcapError('ERR_PROBE_TOO_LARGE', `the trailer is longer than ${MAX_TRAILER} bytes`);
    }
    lines.push(line.text);
  }
}

function noteOnce(notes: string[], note: string): void {
  if (!notes.includes(note)) notes.push(note);
}

// ICAP messages to bytes: head with its Encapsulated field and the header sections behind it, and bodies
// in chunks. Heads are latin-1 text, so a length in characters is a length in bytes. C-20, C-23, C-25.

import { CHUNK_END, chunkLine } from './chunked.ts';
import { formatEncapsulated } from './encapsulated.ts';
import type { EncapsulatedPart, PartName } from './encapsulated.ts';

/** What goes behind an ICAP header. Sections are text from start line to closing blank line. */
export interface OutgoingParts {
  readonly requestHeader?: string | null;
  readonly responseHeader?: string | null;
  /** Name of the body part; null writes `null-body`. */
  readonly body: 'req-body' | 'res-body' | 'opt-body' | null;
}

/**
 * Text of a message up to its body.
 *
 * @param start  start line and fields, each with CR LF, without `Encapsulated`
 */
export function formatIcapMessage(start: string, parts: OutgoingParts): string {
  const list: EncapsulatedPart[] = [];
  let offset = 0;
  let sections = '';
  if (parts.requestHeader) {
    list.push({ name: 'req-hdr', offset });
    sections = parts.requestHeader;
    offset = sections.length;
  }
  if (parts.responseHeader) {
    list.push({ name: 'res-hdr', offset });
    sections += parts.responseHeader;
    offset = sections.length;
  }
  const body: PartName = parts.body ?? 'null-body';
  list.push({ name: body, offset });
  return `${start}Encapsulated: ${formatEncapsulated(list)}\r\n\r\n${sections}`;
}

/** A head and a body that is already here, in one buffer: one write, one packet where it fits. */
export function encodeWithBody(head: string, chunks: readonly Buffer[], bytes: number, tail: string): Buffer {
  if (bytes === 0) return Buffer.from(head + tail, 'latin1');
  const line = chunkLine(bytes);
  const after = CHUNK_END + tail;
  const buffer = Buffer.allocUnsafe(head.length + line.length + bytes + after.length);
  let at = buffer.write(head + line, 0, 'latin1');
  for (const chunk of chunks) {
    buffer.set(chunk, at);
    at += chunk.length;
  }
  buffer.write(after, at, 'latin1');
  return buffer;
}

/** Chunks up to this size are copied into one buffer with their frame. */
const COPY_LIMIT = 2 * 1024; // bytes

/** Where a streamed body goes. */
export interface ChunkWriter {
  write(data: Buffer): void;
  writeText(text: string): void;
  /** False when the sender must stop until the socket has drained. */
  readonly room: boolean;
}

/** Writes one chunk. `false`: the writer wants to be left alone until the socket has drained. */
export function writeChunk(writer: ChunkWriter, data: Buffer): boolean {
  if (data.length <= COPY_LIMIT) {
    writer.write(encodeWithBody('', [data], data.length, ''));
  } else {
    writer.writeText(chunkLine(data.length));
    writer.write(data);
    writer.writeText(CHUNK_END);
  }
  return writer.room;
}

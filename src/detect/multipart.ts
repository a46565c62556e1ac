// Splits a multipart body (uploads: multipart/form-data) into its parts. Part headers serve to name a
// part; bodies stream by as they stand. RFC 2046 §5.1, RFC 7578.

import type { ChunkReader } from './chunk-reader.ts';
import type { Ledger } from './ledger.ts';
import { memberPath, type Member } from './member.ts';
import { decodeTransfer } from './transfer-encoding.ts';

const MAX_BOUNDARY = 256; // bytes; RFC 2046 allows 70, some clients send more
const MAX_PART_HEAD = 16 * 1024; // bytes
const CR_LF = Buffer.from('\r\n');

/**
 * Boundary of a multipart Content-Type value.
 * @returns null where the type is not multipart, '' where it is and no usable boundary is given
 */
export function multipartBoundary(contentType: string | undefined): string | null {
  if (!/^\s*multipart\//i.test(contentType ?? '')) return null;
  const match = /;\s*boundary\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,]+))/i.exec(contentType!);
  const boundary = match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2] ?? '';
  return boundary.length > MAX_BOUNDARY ? '' : boundary;
}

/** Yields each part's body, its transfer encoding undone, as a member named by its file name or field name. */
export async function* multipartMembers(
  input: ChunkReader,
  boundary: string,
  ledger: Ledger,
  at = '',
): AsyncGenerator<Member> {
  if (boundary === '') return ledger.note('malformed', at, 'multipart without a boundary');
  const parts = new PartReader(input, boundary);
  for (let number = 1; await parts.toNextPart(); number += 1) {
    const head = await parts.readHead();
    if (head === null) return ledger.note('malformed', at, `head of part ${number} has no end`);
    const path = memberPath(at, partName(head) ?? `part-${number}`);
    if (!ledger.admitMember(path)) return;
    const inner = multipartBoundary(headerField(head, 'content-type') ?? undefined);
    if (inner !== null) yield { path, chunks: parts.body(), boundary: inner };
    else {
      const encoding = headerField(head, 'content-transfer-encoding');
      yield { path, chunks: decodeTransfer(parts.body(), encoding) };
    }
  }
  if (!parts.closed) ledger.note('malformed', at, 'multipart ends without its closing boundary');
}

/** Value of a MIME header field with its folded lines joined, or null. */
export function headerField(head: string, name: string): string | null {
  const match = new RegExp(`^${name}[ \\t]*:([^\\r\\n]*(?:\\r?\\n[ \\t][^\\r\\n]*)*)`, 'im').exec(head);
  return match === null ? null : match[1]!.replace(/\r?\n[ \t]+/g, ' ').trim();
}

/** File name before field name: it tells more to whoever reads the block page. */
function partName(head: string): string | null {
  const parameter = (name: string) =>
    new RegExp(
      `^content-disposition:[^\\n]*;\\s*${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`,
      'im',
    ).exec(head);
  for (const name of ['filename', 'name']) {
    const match = parameter(name);
    const value = match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2];
    if (value) return Buffer.from(value, 'latin1').toString('utf8');
  }
  return null;
}

/**
 * Walks from delimiter to delimiter. A line end is put in front of the body, so that the first delimiter
 * looks like all others.
 */
class PartReader {
  readonly #input: ChunkReader;
  readonly #delimiter: Buffer;
  #closed = false;

  constructor(input: ChunkReader, boundary: string) {
    this.#input = input;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    input.unread(CR_LF);
  }

  /** True once the closing delimiter was seen. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Passes over what is left of this part (or the preamble) and its delimiter line. */
  async toNextPart(): Promise<boolean> {
    for await (const _ of this.body());
    const delimiter = await this.#input.read(this.#delimiter.length);
    if (delimiter.length < this.#delimiter.length) return false;
    const after = await this.#input.peek(2);
    if (after.toString('latin1') === '--') {
      this.#closed = true;
      return false;
    }
    // Transport padding, then the line end (RFC 2046 §5.1.1); whatever stands there is passed over.
    return (await this.#readTo(Buffer.from('\n'))) !== null;
  }

  /** The part's head without its blank line; null when it has no end within `MAX_PART_HEAD`. */
  async readHead(): Promise<string | null> {
    // A part may have no header at all: its blank line follows the delimiter's line end at once.
    if ((await this.#input.peek(2)).equals(CR_LF)) {
      await this.#input.skip(2);
      return '';
    }
    const head = await this.#readTo(Buffer.from('\r\n\r\n'));
    return head === null ? null : head.toString('latin1');
  }

  /** Bytes up to the next delimiter, which stays in the input. */
  async *body(): AsyncGenerator<Buffer> {
    const { length } = this.#delimiter;
    for (;;) {
      // One byte more than a delimiter: it tells a delimiter from a longer word, and without a match
      // leaves at least one byte to yield.
      const ahead = await this.#input.peek(length + 1);
      const chunk = await this.#input.next();
      if (chunk === null) return;
      const found = chunk.indexOf(this.#delimiter);
      if (found === 0 && endsBoundary(ahead[length])) {
        this.#input.unread(chunk);
        return;
      }
      const cut =
        found === 0
          ? length
          : found > 0
            ? found
            : ahead.length > length
              ? possibleStart(chunk, this.#delimiter)
              : chunk.length;
      this.#input.unread(chunk.subarray(cut));
      yield chunk.subarray(0, cut);
    }
  }

  async #readTo(end: Buffer): Promise<Buffer | null> {
    let read: Buffer = Buffer.alloc(0);
    while (read.length < MAX_PART_HEAD) {
      const part = await this.#input.next(MAX_PART_HEAD);
      if (part === null) return null;
      read = Buffer.concat([read, part]);
      const found = read.indexOf(end);
      if (found >= 0) {
        this.#input.unread(read.subarray(found + end.length));
        return read.subarray(0, found);
      }
    }
    return null;
  }
}

/** `--`, padding, a line end or the end of all may follow a boundary; anything else is another word. */
function endsBoundary(byte: number | undefined): boolean {
  return (
    byte === undefined || byte === 0x2d || byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a
  );
}

/** Where a delimiter that goes on in the next chunk may begin; the chunk's length when nowhere. */
function possibleStart(chunk: Buffer, delimiter: Buffer): number {
  const from = Math.max(0, chunk.length - delimiter.length + 1);
  for (let at = chunk.indexOf(0x0d, from); at >= 0; at = chunk.indexOf(0x0d, at + 1)) {
    if (chunk.compare(delimiter, 0, chunk.length - at, at) === 0) return at;
  }
  return chunk.length;
}

// Reads one ICAP response the way a detective would: whatever can be understood is, and each oddity is
// noted with its conformance id. Blank lines and chunks decide where parts end; the offsets of
// `Encapsulated` are only compared. Verdicts and dialogue are exchange.ts.

import { IcapError, isWeirError, printable } from '../../errors.ts';
import type { RawHeaders } from '../codec/fields.ts';
import { fieldValue } from '../codec/fields.ts';
import { icapList } from '../codec/head.ts';
import { readChunks } from './chunk-reader.ts';
import { noteEncapsulated, noteFields, readFieldLines } from './field-reader.ts';
import type { AnnouncedPart } from './field-reader.ts';
import type { WireInput } from './wire-input.ts';

const MAX_LINE = 64 * 1024; // bytes of one header line
const MAX_HEAD = 256 * 1024; // bytes of one header; C-16 lets a client accept far less

export interface HttpHeaderSection {
  readonly kind: 'req-hdr' | 'res-hdr';
  /** Start line to closing blank line. */
  readonly bytes: Buffer;
}

export interface WireResponse {
  readonly status: number;
  readonly reason: string;
  /** `1.0`. */
  readonly version: string;
  readonly headers: RawHeaders;
  readonly rawHead: Buffer;
  /** Value of `Encapsulated`; undefined where the field is absent. */
  readonly encapsulated: string | undefined;
  readonly httpHeader: HttpHeaderSection | null;
  /** Body without its chunks; null if there is none, or if a sink took it. */
  readonly body: Buffer | null;
  /** Bytes of the body, also when a sink took it; 0 if there is none. */
  readonly bodyBytes: number;
  /** Text after the size of the last chunk without the first `;`, e.g. `use-original-body=0`. */
  readonly lastChunkExtension: string;
  /** HTTP trailer fields, behind the last chunk (C-33). */
  readonly trailers: RawHeaders;
  /** ICAP trailer fields, behind the body (C-100). */
  readonly icapTrailers: RawHeaders;
  /** Oddities of grammar, each beginning with its conformance id. */
  readonly notes: readonly string[];
  /** From the call to the first byte, and to the end of the response. */
  readonly firstByteMs: number;
  readonly ms: number;
}

export interface ExpectedResponse {
  readonly method: 'OPTIONS' | 'REQMOD' | 'RESPMOD';
  /** A 100 Continue may come first. */
  readonly preview?: boolean;
  /** Takes the body piece by piece, with the status; the next piece comes when the promise has resolved. */
  readonly sink?: (piece: Buffer, status: number) => void | Promise<void>;
}

/**
 * Reads the next response, a 100 as well as a final one.
 *
 * @param maxBytes  of the body, unless a sink takes it
 * @throws {IcapError} `ERR_PROBE_TIMEOUT`, `ERR_PROBE_CLOSED`, `ERR_PROBE_NOT_ICAP`, `ERR_PROBE_PROTOCOL` when
 *         the bytes cannot be split into parts, `ERR_PROBE_TOO_LARGE`
 */
export async function readWireResponse(
  input: WireInput,
  expect: ExpectedResponse,
  maxBytes: number,
): Promise<WireResponse> {
  const startedAt = performance.now();
  const notes: string[] = [];
  input.awaiting = 'the answer';
  await requireIcap(input, notes);
  const firstByteMs = performance.now() - startedAt;
  const head = await readHead(input, notes);
  noteFields(head.headers, notes);
  if (head.status === 100 && expect.preview !== true) notes.push('K-34 100 Continue that nobody waits for');
  const encapsulated = fieldValue(head.headers, 'encapsulated');
  const parts = noteEncapsulated(encapsulated, head.status, expect.method, notes);
  const rest = await readParts(input, {
    parts,
    status: head.status,
    headers: head.headers,
    expect,
    maxBytes,
    notes,
  });
  return { ...head, encapsulated, ...rest, notes, firstByteMs, ms: performance.now() - startedAt };
}

/** Looks at the first bytes, so that a server of another kind is named and not waited for. */
async function requireIcap(input: WireInput, notes: string[]): Promise<void> {
  for (;;) {
    while (input.bytes[0] === 0x0d || input.bytes[0] === 0x0a) {
      if (notes.length === 0) notes.push('C-15 an empty line comes before the status line');
      input.consume(1);
    }
    const start = input.bytes.toString('latin1', 0, 5).toUpperCase();
    if (start === 'ICAP/') return;
    if (!'ICAP/'.startsWith(start)) throw await notIcap(input);
    if (await input.more()) continue;
    if (start !== '') throw await notIcap(input);
    throw new IcapError('ERR_PROBE_CLOSED', 'the server closed the connection without an answer');
  }
}

async function notIcap(input: WireInput): Promise<IcapError> {
  const { bytes } = input;
  if (bytes[0] === 0x15 || bytes[0] === 0x16) {
    return new IcapError('ERR_PROBE_NOT_ICAP', 'the port speaks TLS: use icaps:// instead of icap://');
  }
  while (input.bytes.length < 5 && (await input.more().catch(() => false)));
  const text = input.bytes.toString('latin1');
  const line = printable(text.split(/\r?\n/, 1)[0]!);
  const what = /^(?:HTTP\/|<)/i.test(text)
    ? 'an HTTP server answers here, no ICAP server'
    : 'this is no ICAP server';
  return new IcapError('ERR_PROBE_NOT_ICAP', `${what}: it begins with "${line}"`);
}

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly headers: RawHeaders;
  readonly rawHead: Buffer;
}

async function readHead(input: WireInput, notes: string[]): Promise<Head> {
  input.awaiting = 'the ICAP header';
  const { lines, raw, ended } = await readBlock(input, notes);
  if (!ended) notes.push('C-09 the connection ended before the blank line of the ICAP header');
  const line = lines[0]!;
  const match = /^ICAP\/(\d+\.\d+)( +)(\d{3})(?:( )(.*))?$/i.exec(line);
  if (match === null) {
    throw new IcapError('ERR_PROBE_PROTOCOL', `not an ICAP status line: "${printable(line)}" (C-09)`);
  }
  const [, version, blanks, status, , reason] = match;
  if (!line.startsWith('ICAP/') || blanks !== ' ') notes.push(`C-09 the status line is "${printable(line)}"`);
  if (version !== '1.0') notes.push(`C-08 the version is ${version}, not 1.0`);
  const headers = readFieldLines(lines.slice(1), notes);
  return { status: Number(status), reason: reason ?? '', version: version!, headers, rawHead: raw };
}

interface Block {
  readonly lines: string[];
  readonly raw: Buffer;
  /** False when the connection ended before the blank line. */
  readonly ended: boolean;
}

/** Lines up to a blank one. */
async function readBlock(input: WireInput, notes: string[]): Promise<Block> {
  const lines: string[] = [];
  const raw: Buffer[] = [];
  let length = 0;
  let bare = false;
  for (;;) {
    const line = await input.line(MAX_LINE);
    if (line === null) {
      if (lines.length > 0) return { lines, raw: Buffer.concat(raw), ended: false };
      throw new IcapError('ERR_PROBE_CLOSED', `the server closed the connection before ${input.awaiting}`);
    }
    raw.push(line.bytes);
    length += line.bytes.length;
    if (length > MAX_HEAD) {
      throw new IcapError('ERR_PROBE_TOO_LARGE', `${input.awaiting} is longer than ${MAX_HEAD} bytes (C-16)`);
    }
    if (line.end === 'lf' && !bare) {
      bare = true;
      notes.push(`C-15 ${input.awaiting} has lines that end in a bare LF`);
    }
    if (line.text === '') return { lines, raw: Buffer.concat(raw), ended: true };
    lines.push(line.text);
  }
}

interface Layout {
  readonly parts: readonly AnnouncedPart[];
  readonly status: number;
  readonly headers: RawHeaders;
  readonly expect: ExpectedResponse;
  readonly maxBytes: number;
  readonly notes: string[];
}

type Parts = Pick<
  WireResponse,
  'httpHeader' | 'body' | 'bodyBytes' | 'lastChunkExtension' | 'trailers' | 'icapTrailers'
>;

async function readParts(input: WireInput, layout: Layout): Promise<Parts> {
  const { parts, status, notes, expect, maxBytes } = layout;
  const found = {
    ...{ httpHeader: null as HttpHeaderSection | null, body: null as Buffer | null, bodyBytes: 0 },
    ...{ lastChunkExtension: '', trailers: [] as RawHeaders, icapTrailers: [] as RawHeaders },
  };
  try {
    for (const part of parts) {
      if (part.name === 'req-hdr' || part.name === 'res-hdr') {
        found.httpHeader = { kind: part.name, bytes: await readSection(input, part, notes) };
      } else if (part.name !== 'null-body') {
        input.awaiting = 'the body';
        const kept: Buffer[] = [];
        const take = async (piece: Buffer): Promise<void> => {
          found.bodyBytes += piece.length;
          if (expect.sink !== undefined) return await expect.sink(piece, status);
          if (found.bodyBytes > maxBytes) {
            throw new IcapError('ERR_PROBE_TOO_LARGE', `the body is longer than ${maxBytes} bytes`);
          }
          kept.push(piece);
        };
        const end = await readChunks(input, take, notes);
        found.lastChunkExtension = end.extension;
        found.trailers = end.trailers;
        if (expect.sink === undefined) found.body = Buffer.concat(kept);
      }
    }
    if (announcesTrailers(layout)) {
      input.awaiting = 'the ICAP trailer';
      found.icapTrailers = readFieldLines((await readBlock(input, notes)).lines, notes);
    }
  } catch (error) {
    // What an error answer announces and does not send is no reason to hide the error itself.
    if (status < 300 || !isWeirError(error) || !/^ERR_PROBE_(?:TIMEOUT|CLOSED|PROTOCOL)$/.test(error.code))
      throw error;
    notes.push(`C-21.16 a ${status} answer announces parts that it does not send`);
  }
  return found;
}

/** An ICAP trailer follows only where it was agreed; `Trailer` alone promises nothing (C-101). */
function announcesTrailers({ headers, notes }: Layout): boolean {
  if (fieldValue(headers, 'trailer') === undefined) return false;
  if (icapList(headers, 'allow').includes('trailers')) return true;
  notes.push('C-101 Trailer without `Allow: trailers`');
  return false;
}

async function readSection(input: WireInput, part: AnnouncedPart, notes: string[]): Promise<Buffer> {
  input.awaiting = `the ${part.name} section`;
  while (input.bytes.length < (part.length ?? 0) && input.bytes.length < MAX_HEAD && (await input.more()));
  const announced = input.bytes.subarray(0, part.length ?? 0).toString('latin1');
  // A header without its blank line whose chunks begin where the offset says (C-26).
  const chunkFollows = /^[0-9a-f]+[ \t]*(?:;.*)?\r?\n/i.test(
    input.bytes.toString('latin1', announced.length, announced.length + 64),
  );
  if (announced.endsWith('\n') && !/\r?\n\r?\n/.test(announced) && chunkFollows) {
    notes.push(`C-26 ${part.name} lacks its closing blank line`);
    return Buffer.concat([input.consume(announced.length), Buffer.from('\r\n', 'latin1')]);
  }
  const { raw, ended } = await readBlock(input, notes);
  if (!ended)
    throw new IcapError('ERR_PROBE_CLOSED', `the server closed the connection within ${input.awaiting}`);
  if (part.length !== null && raw.length !== part.length) {
    notes.push(`C-26 ${part.name} is ${raw.length} bytes long, Encapsulated says ${part.length}`);
  }
  return raw;
}

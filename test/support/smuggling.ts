// The smuggling corpus under test/vectors/smuggling, and a reader of HTTP/1 that forgives nothing. It is
// written for these tests alone and shares no code with src, so that one mistake cannot hide another.

import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

export interface SmugglingCase {
  readonly name: string;
  /** Bytes as the page has them, `{u}` and the like still in them; latin-1. */
  readonly bytes: string;
  /** Text of the outcome. */
  readonly outcome: string;
}

const ROW = /^\| (.+?) \| `(.*)` \| (.+?) \|$/;

/** Reads the rows of `test/vectors/smuggling/<name>`. */
export async function readCorpus(name: string): Promise<SmugglingCase[]> {
  const path = fileURLToPath(new URL(`../vectors/smuggling/${name}`, import.meta.url));
  const cases: SmugglingCase[] = [];
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    if (!line.startsWith('| ') || line.startsWith('| ---') || line.startsWith('| case ')) continue;
    const row = ROW.exec(line);
    if (row === null) throw new Error(`${name}: not a row: ${line}`);
    cases.push({ name: row[1]!, bytes: row[2]!, outcome: row[3]! });
  }
  return cases;
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };

/** Latin-1 text of what a page writes with `\r`, `\n`, `\t`, `\0`, `\xNN`, `\\` and marks. */
export function decoded(text: string, marks: Readonly<Record<string, string>> = {}): string {
  return text
    .replace(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, letter: string) =>
      hex === undefined ? ESCAPES[letter]! : String.fromCharCode(parseInt(hex, 16)),
    )
    .replace(/\{(\w)\}/g, (mark, name: string) => marks[name] ?? mark);
}

/** One message as it came: start line in its parts, fields with lower-case names, whole body. */
export interface StrictMessage {
  readonly start: readonly [string, string, string];
  readonly fields: readonly (readonly [string, string])[];
  readonly body: string;
  readonly trailers: readonly (readonly [string, string])[];
}

export interface StrictReading {
  readonly messages: readonly StrictMessage[];
  /** Bytes behind the last whole message. */
  readonly rest: string;
}

const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) (HTTP\/1\.1)$/;
const STATUS_LINE = /^(HTTP\/1\.1) ([1-9][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)$/;
// A field without blanks around its value but one behind the colon, which is how a sender has to write it.
const FIELD =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)$/;
const CHUNK_SIZE = /^[0-9A-Fa-f]{1,8}$/;
/** Fields that a trailer must not hold: they frame, route, authenticate or control (RFC 9110 §6.5.1). */
const NOT_IN_TRAILERS =
  /^(content-length|transfer-encoding|host|connection|trailer|te|authorization|proxy-authorization|content-encoding|content-type|content-range|cookie|set-cookie|expect|cache-control|range)$/;
const HOP_BY_HOP = /^(keep-alive|proxy-connection|proxy-authorization|http2-settings)$/;

/**
 * All messages at the start of `bytes`.
 *
 * @param methods  of the requests that responses answer; null: these are requests
 * @param closed  nothing more will come
 * @throws {Error} for whatever two readers might understand differently
 */
export function readStrictly(
  bytes: string,
  methods: readonly string[] | null,
  closed = false,
): StrictReading {
  const messages: StrictMessage[] = [];
  let at = 0;
  let answered = 0;
  for (;;) {
    const method = methods?.[answered] ?? 'GET';
    const found = readMessage(bytes, at, methods === null ? null : method, closed);
    if (found === null) return { messages, rest: bytes.slice(at) };
    messages.push(found.message);
    if (!/^1/.test(found.message.start[1])) answered++;
    at = found.end;
  }
}

function readMessage(
  bytes: string,
  from: number,
  method: string | null,
  closed: boolean,
): { message: StrictMessage; end: number } | null {
  const headEnd = bytes.indexOf('\r\n\r\n', from);
  if (headEnd < 0) return null;
  const lines = bytes.slice(from, headEnd).split('\r\n');
  const start = (method === null ? REQUEST_LINE : STATUS_LINE).exec(lines[0]!);
  if (start === null) throw new Error(`not a start line: ${JSON.stringify(lines[0])}`);
  const fields = lines.slice(1).map(readField);
  const all = (name: string): string[] =>
    fields.filter(([field]) => field === name).map(([, value]) => value);
  for (const [name] of fields) if (HOP_BY_HOP.test(name)) throw new Error(`${name} of another hop`);
  const lengths = all('content-length');
  const codings = all('transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Error('more than one framing');
  if (lengths.some((value) => !/^[0-9]+$/.test(value))) throw new Error(`Content-Length: ${lengths[0]!}`);
  if (codings.some((value) => value !== 'chunked')) throw new Error(`Transfer-Encoding: ${codings[0]!}`);
  if (method === null && all('host').length !== 1) throw new Error(`${all('host').length} Host fields`);
  const parts = [start[1]!, start[2]!, start[3]!] as const;
  const noBody = method !== null && (method === 'HEAD' || /^(1..|204|304)$/.test(start[2]!));
  const bodyAt = headEnd + 4;
  if (noBody) {
    if (codings.length > 0 && /^(1..|204)$/.test(start[2]!)) throw new Error('a coding without a body');
    return { message: { start: parts, fields, body: '', trailers: [] }, end: bodyAt };
  }
  if (codings.length > 0) {
    const chunks = readChunks(bytes, bodyAt);
    return chunks && { message: { start: parts, fields, ...chunks }, end: chunks.end };
  }
  if (method !== null && lengths.length === 0) {
    if (!all('connection').includes('close')) throw new Error('a body until close, and no word of it');
    return closed
      ? { message: { start: parts, fields, body: bytes.slice(bodyAt), trailers: [] }, end: bytes.length }
      : null;
  }
  const end = bodyAt + Number(lengths[0] ?? 0);
  if (bytes.length < end) return null;
  return { message: { start: parts, fields, body: bytes.slice(bodyAt, end), trailers: [] }, end };
}

function readField(line: string): readonly [string, string] {
  const field = FIELD.exec(line);
  if (field === null) throw new Error(`not a field: ${JSON.stringify(line)}`);
  return [field[1]!.toLowerCase(), field[2]!];
}

function readChunks(
  bytes: string,
  from: number,
): { body: string; trailers: (readonly [string, string])[]; end: number } | null {
  let body = '';
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const line = bytes.slice(at, lineEnd);
    if (!CHUNK_SIZE.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`);
    const size = parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return null;
    body += bytes.slice(at, at + size);
    if (bytes.slice(at + size, at + size + 2) !== '\r\n') throw new Error('a chunk is longer than its size');
    at += size + 2;
  }
  if (bytes.startsWith('\r\n', at)) return { body, trailers: [], end: at + 2 };
  const end = bytes.indexOf('\r\n\r\n', at);
  if (end < 0) return null;
  const trailers = bytes.slice(at, end).split('\r\n').map(readField);
  for (const [name] of trailers) if (NOT_IN_TRAILERS.test(name)) throw new Error(`${name} in a trailer`);
  return { body, trailers, end: end + 4 };
}

/** An outcome as the pages write it. */
export interface Outcome {
  /** Messages that pass, as {@link summary} shows them; `{ok}` marks nothing. */
  readonly passed: readonly string[];
  /** Statuses of the refusal; empty: there is none. */
  readonly statuses: readonly number[];
  /** `GET /end` is not reached. */
  readonly only: boolean;
  /** Refused, but the connection goes on. */
  readonly goesOn: boolean;
}

/** The outcomes that a page allows. */
export function outcomesOf(text: string): Outcome[] {
  return text.split(' or ').map((one) => ({
    passed: [...one.matchAll(/`([^`]*)`/g)].map((match) => match[1]!),
    statuses: [...one.replace(/`[^`]*`/g, '').matchAll(/\d{3}/g)].map((match) => Number(match[0])),
    only: one.endsWith(' only'),
    goesOn: one.endsWith(' without close'),
  }));
}

/** Bytes as the pages write them. */
export function shownBytes(bytes: string): string {
  return bytes.replace(/[\\\r\n\t\0\x01-\x1f\x7f-\xff]/g, (character) => {
    const letter = Object.keys(ESCAPES).find((key) => ESCAPES[key] === character);
    return letter === undefined
      ? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
      : `\\${letter}`;
  });
}

/** `POST /a "body"`, without the quotes where there is no body. */
export function summary({ start, body }: StrictMessage): string {
  return `${start[0]} ${start[1]}${body === '' ? '' : ` "${shownBytes(body)}"`}`;
}

/** Comes behind each request of the corpus, as requests.md says. */
export const SENTINEL = 'GET {u}/end HTTP/1.1\\r\\n{h}Connection: close\\r\\n\\r\\n';

/** What a {@link RecordingOrigin} answers. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Reads strictly what comes on each connection, and answers each request that is whole. */
export class RecordingOrigin {
  /** Whole requests since the last `reset`, in the order of their ends. */
  requests: string[] = [];
  /** All their fields. */
  fields: (readonly [string, string])[] = [];
  /** What no strict reader accepts. */
  fault: string | null = null;

  reset(): void {
    this.requests = [];
    this.fields = [];
    this.fault = null;
  }

  accept(socket: Socket): void {
    let bytes = '';
    let seen = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
      try {
        const { messages } = readStrictly(bytes, null);
        for (; seen < messages.length; seen++) {
          const message = messages[seen]!;
          this.requests.push(summary(message));
          this.fields.push(...message.fields, ...message.trailers);
          socket.write(message.start[0] === 'HEAD' ? OK.slice(0, -2) : OK);
        }
      } catch (error) {
        this.fault ??= (error as Error).message;
        socket.destroy();
      }
    });
    socket.on('end', () => socket.end());
  }
}

// Requests as the checks need them: right in every byte unless a check asks for a fault. Decides only
// what is written; the dialogue around a preview is context.ts. RFC 3507 §4.3 … §4.5; C-20 … C-48.

import { formatListen } from '../../config/addresses.ts';
import { type ProbeTarget, targetUrl } from '../probe/target.ts';

export type ModMethod = 'REQMOD' | 'RESPMOD';

/** A request that is ready to go out. */
export interface Outgoing {
  /** Whose answers are expected; decides which parts are legal in it. */
  readonly method: 'OPTIONS' | ModMethod;
  /** ICAP header, HTTP header sections, and body or preview. */
  readonly bytes: Buffer;
  /** What follows after 100 Continue; null where the request is complete without. */
  readonly rest: Buffer | null;
  readonly hasPreview: boolean;
  /** The body as a whole, unchunked; null for none. */
  readonly body: Buffer | null;
  /** The section that the server may adapt. */
  readonly section: string;
}

export interface IcapHeadParts {
  readonly method?: string;
  readonly uri?: string;
  readonly version?: string;
  /** Field lines after Host and User-Agent, without CR LF. */
  readonly fields?: readonly string[];
  /** False leaves the Host field out. */
  readonly host?: boolean;
}

export interface MessageParts extends IcapHeadParts {
  /** Value of `Allow`; default: no field. */
  readonly allow?: string;
  /** Bytes offered as preview; default: no preview. */
  readonly preview?: number;
  /** Ends a preview that holds the whole body with a plain `0`, as a client that does not know yet. */
  readonly endUnknown?: boolean;
  /** Bytes really sent as preview, if fewer than offered (C-44). */
  readonly first?: number;
  /** Text of the last chunk that ends a complete preview; default `0; ieof`. */
  readonly ieof?: string;
  /** Default: a short text; null for no body. */
  readonly body?: Buffer | null;
  /** Wire form of the body or of what follows the preview, in place of plain chunks. */
  readonly chunks?: string | Buffer;
  readonly requestHead?: string | null;
  readonly responseHead?: string | null;
  /** Value in place of the right one; null leaves the field out. */
  readonly encapsulated?: string | null;
}

const AGENT = 'User-Agent: weir-icap-doctor';
export const SAMPLE_URL = 'http://doctor.example/sample.txt';
/** Nothing that a scanner could object to. */
export const SAMPLE_TEXT = 'The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\n';
export const LAST_CHUNK = '0\r\n\r\n';

/** Start line and fields of an ICAP header, each with CR LF, without the blank line. */
export function icapHead(target: ProbeTarget, parts: IcapHeadParts): string {
  const {
    method = 'OPTIONS',
    uri = targetUrl(target),
    version = 'ICAP/1.0',
    fields = [],
    host = true,
  } = parts;
  const lines = [`${method} ${uri} ${version}`];
  if (host) lines.push(`Host: ${formatListen(target)}`);
  lines.push(AGENT, ...credentials(target), ...fields);
  return lines.map((line) => `${line}\r\n`).join('');
}

function credentials({ user, password }: ProbeTarget): string[] {
  if (user === '' && password === '') return [];
  return [`Authorization: Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`];
}

/** An OPTIONS request. */
export function optionsRequest(target: ProbeTarget, parts: IcapHeadParts = {}): Outgoing {
  const bytes = Buffer.from(`${icapHead(target, parts)}\r\n`, 'latin1');
  return { method: 'OPTIONS', bytes, rest: null, hasPreview: false, body: null, section: '' };
}

/** A REQMOD or RESPMOD request. */
export function modRequest(target: ProbeTarget, method: ModMethod, parts: MessageParts): Outgoing {
  const body = parts.body === undefined ? Buffer.from(SAMPLE_TEXT) : parts.body;
  const requestHead = parts.requestHead === undefined ? requestSection(method, body) : parts.requestHead;
  const given = parts.responseHead === undefined ? responseSection(body) : parts.responseHead;
  const responseHead = method === 'REQMOD' ? null : given;
  const fields = [...(parts.fields ?? [])];
  if (parts.allow !== undefined) fields.push(`Allow: ${parts.allow}`);
  if (parts.preview !== undefined) fields.push(`Preview: ${parts.preview}`);
  const right = encapsulatedValue(method, requestHead, responseHead, body !== null);
  const value = parts.encapsulated === undefined ? right : parts.encapsulated;
  if (value !== null) fields.push(`Encapsulated: ${value}`);
  const head = `${icapHead(target, { ...parts, method: parts.method ?? method, fields })}\r\n`;
  const sections = `${requestHead ?? ''}${responseHead ?? ''}`;
  const { now, rest } = bodyOnWire(parts, body);
  return {
    method,
    bytes: Buffer.concat([Buffer.from(head + sections, 'latin1'), now]),
    rest,
    hasPreview: parts.preview !== undefined,
    body,
    section: (method === 'REQMOD' ? requestHead : responseHead) ?? '',
  };
}

/** What goes out at once, and what follows 100 Continue. */
function bodyOnWire(parts: MessageParts, body: Buffer | null): { now: Buffer; rest: Buffer | null } {
  const { preview, endUnknown = false, ieof = '0; ieof' } = parts;
  const wire = (from: Buffer): Buffer =>
    parts.chunks === undefined ? chunked(from) : asBuffer(parts.chunks);
  if (body === null) return { now: Buffer.alloc(0), rest: null };
  if (preview === undefined) return { now: wire(body), rest: null };
  const first = body.subarray(0, parts.first ?? preview);
  const complete = first.length === body.length && !endUnknown;
  const end = complete ? `${ieof}\r\n\r\n` : LAST_CHUNK;
  return { now: chunked(first, end), rest: complete ? null : wire(body.subarray(first.length)) };
}

const asBuffer = (text: string | Buffer): Buffer =>
  typeof text === 'string' ? Buffer.from(text, 'latin1') : text;

/** A body in chunks of at most `size` bytes, with its end. */
export function chunked(body: Buffer, end = LAST_CHUNK, size = 16 * 1024): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`, 'latin1'), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from(end, 'latin1')]);
}

/** The right `Encapsulated` value for these sections. */
export function encapsulatedValue(
  method: ModMethod,
  requestHead: string | null,
  responseHead: string | null,
  hasBody: boolean,
): string {
  const parts: string[] = [];
  let offset = 0;
  for (const [name, section] of [
    ['req-hdr', requestHead],
    ['res-hdr', responseHead],
  ] as const) {
    if (section === null) continue;
    parts.push(`${name}=${offset}`);
    offset += section.length;
  }
  const body = hasBody ? (method === 'REQMOD' ? 'req-body' : 'res-body') : 'null-body';
  return [...parts, `${body}=${offset}`].join(', ');
}

/** An HTTP request head that fits: POST with a body in REQMOD, GET otherwise. */
export function requestSection(
  method: ModMethod,
  body: Buffer | null,
  url = SAMPLE_URL,
  extra = '',
  type = 'text/plain',
): string {
  const upload = method === 'REQMOD' && body !== null;
  const entity = upload ? `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n` : '';
  const host = new URL(url).host;
  return `${upload ? 'POST' : 'GET'} ${url} HTTP/1.1\r\nHost: ${host}\r\nAccept: */*\r\n${entity}${extra}\r\n`;
}

/** An HTTP response head of a text of that length. */
export function responseSection(body: Buffer | null, type = 'text/plain', extra = ''): string {
  const length = body === null ? 0 : body.length;
  return `HTTP/1.1 200 OK\r\nServer: doctor\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n${extra}\r\n`;
}

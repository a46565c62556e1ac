// The one ICAP request that a load run sends over and over, as ready bytes: nothing is formatted while
// the run lasts. Decides what is sent and which answers that makes legal; how often is generator.ts.
// RFC 3507 §4.5, §4.6; C-40 … C-42, C-50, C-51, C-61.

import { WEIR_VERSION } from '../../util/version.ts';
import { CHUNK_END, chunkLine, LAST_CHUNK, LAST_CHUNK_IEOF } from '../codec/chunked.ts';
import type { IcapMethod } from '../codec/encapsulated.ts';
import type { RawHeaders } from '../codec/fields.ts';
import { formatRequestHead, formatResponseHead } from '../codec/http-head.ts';
import { formatIcapMessage } from '../codec/serializer.ts';
import { type ProbeTarget, requestStart } from '../probe/target.ts';

const AGENT = `weir/${WEIR_VERSION}`;
const CHUNK = 32 * 1024; // bytes of one chunk behind the preview

export interface LoadMessageOptions {
  readonly method: IcapMethod;
  /** Service, and who asks for it. */
  readonly target: ProbeTarget;
  /** URL of the encapsulated HTTP request; not used by OPTIONS. */
  readonly url: string;
  /** Body of the encapsulated message; null: none (REQMOD is then a GET, RESPMOD an empty answer). */
  readonly body: Buffer | null;
  readonly contentType: string;
  /** Bytes offered as preview; null: none. */
  readonly preview: number | null;
  readonly allow204: boolean;
  readonly allow206: boolean;
  /** Further ICAP fields: name, value, … */
  readonly icapHeaders: RawHeaders;
  /** Further fields of the encapsulated HTTP message. */
  readonly httpHeaders: RawHeaders;
}

/** A request as bytes. Immutable: all connections send the same buffers. */
export interface LoadMessage {
  readonly method: IcapMethod;
  /** Head and preview, or the whole message. */
  readonly first: Buffer;
  /** What follows 100 Continue; null where the first part is everything. */
  readonly rest: Buffer | null;
  /** Length of the HTTP body, null where there is none. */
  readonly bodyBytes: number | null;
  /** A preview is offered, whole or not. */
  readonly hasPreview: boolean;
  readonly allow204: boolean;
  readonly allow206: boolean;
}

/** Builds the request's bytes. */
export function loadMessage(options: LoadMessageOptions): LoadMessage {
  const { method, body, allow204, allow206 } = options;
  const carriesBody = method !== 'OPTIONS' && body !== null;
  // C-40: never more than the body has; what is written is what is sent (C-44).
  const preview = carriesBody && options.preview !== null ? Math.min(options.preview, body.length) : null;
  const head = formatIcapMessage(startOf(options, preview), {
    requestHeader: method === 'OPTIONS' ? null : requestSection(options),
    responseHeader: method === 'RESPMOD' ? responseSection(options) : null,
    body: carriesBody ? (method === 'REQMOD' ? 'req-body' : 'res-body') : null,
  });
  const common = {
    method,
    bodyBytes: carriesBody ? body.length : null,
    hasPreview: preview !== null,
    allow204,
    allow206,
  };
  if (!carriesBody) return { ...common, first: latin1(head), rest: null };
  const whole = preview === null || preview === body.length;
  const first = body.subarray(0, preview ?? body.length);
  const end = preview !== null && whole ? LAST_CHUNK_IEOF : LAST_CHUNK;
  return {
    ...common,
    first: Buffer.concat([latin1(head), ...chunks(first), latin1(end)]),
    rest: whole ? null : Buffer.concat([...chunks(body.subarray(preview)), latin1(LAST_CHUNK)]),
  };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Start line and fields up to Encapsulated. OPTIONS names 206 to learn whether it is offered (C-62). */
function startOf(options: LoadMessageOptions, preview: number | null): string {
  const { method, target, allow204, allow206 } = options;
  const fields = [...options.icapHeaders];
  const allow = [...(allow204 && method !== 'OPTIONS' ? ['204'] : []), ...(allow206 ? ['206'] : [])];
  if (allow.length > 0) fields.push('Allow', allow.join(', '));
  if (preview !== null) fields.push('Preview', String(preview));
  return requestStart(method, target, fields);
}

function requestSection({ method, url, body, contentType, httpHeaders }: LoadMessageOptions): string {
  const headers = ['Host', new URL(url).host, 'User-Agent', AGENT, 'Accept', '*/*'];
  const sends = method === 'REQMOD' && body !== null;
  if (sends) headers.push('Content-Type', contentType, 'Content-Length', String(body.length));
  if (method === 'REQMOD') headers.push(...httpHeaders);
  return formatRequestHead({ method: sends ? 'POST' : 'GET', target: url, version: '1.1', headers });
}

function responseSection({ body, contentType, httpHeaders }: LoadMessageOptions): string {
  const headers = ['Server', AGENT, 'Content-Type', contentType];
  headers.push('Content-Length', String(body?.length ?? 0), ...httpHeaders);
  return formatResponseHead({ version: '1.1', status: 200, reason: 'OK', headers });
}

/** The data as chunks, without a last one. */
function chunks(data: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; at += CHUNK) {
    const piece = data.subarray(at, at + CHUNK);
    pieces.push(latin1(chunkLine(piece.length)), piece, latin1(CHUNK_END));
  }
  return pieces;
}

const LINE = 'Weir load test, harmless text of a known length. 0123456789 abc\n';

/** A body of harmless text. */
export function sampleBody(bytes: number): Buffer {
  return Buffer.alloc(bytes, LINE, 'latin1');
}

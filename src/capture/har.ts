// Transactions of a HAR file (HTTP Archive 1.2, as browsers save it). Bodies there are decoded: fields that
// speak of a coding or a length go. What was not saved, such as the body of an upload, is not there.

import { readFile, stat } from 'node:fs/promises';
import { HttpError, messageOf } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { ReadTransaction } from './recording-reader.ts';

/** The parts of HAR that are read; everything may be missing. */
interface Har {
  readonly log?: { readonly entries?: readonly HarEntry[] };
}

interface HarEntry {
  readonly startedDateTime?: string;
  readonly time?: number;
  readonly serverIPAddress?: string;
  readonly request?: {
    readonly method?: string;
    readonly url?: string;
    readonly headers?: readonly HarField[];
    readonly postData?: { readonly text?: string; readonly encoding?: string };
  };
  readonly response?: {
    readonly status?: number;
    readonly statusText?: string;
    readonly headers?: readonly HarField[];
    readonly content?: { readonly text?: string; readonly encoding?: string; readonly size?: number };
  };
}

interface HarField {
  readonly name?: unknown;
  readonly value?: unknown;
}

const MAX_BYTES = 512 * 1024 * 1024; // longer ones do not fit into a string

/** HTTP/2 fields that are no header fields, hop-by-hop ones, and those that a decoded body makes untrue. */
const LEFT_OUT =
  /^:|^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-encoding|content-length)$/i;

/**
 * All entries, in order.
 * @throws {HttpError} `ERR_RECORDING`: the file cannot be read, is too long, or is no HAR file
 */
export async function* readHar(path: string): AsyncGenerator<ReadTransaction, void> {
  const har = await parsed(path);
  const entries = har.log?.entries;
  if (!Array.isArray(entries)) throw refused(path, 'is neither a recording of weir record nor a HAR file');
  let number = 0;
  for (const entry of entries as readonly HarEntry[]) {
    const transaction = transactionOf(entry, `entry-${++number}`);
    if (transaction !== null) yield transaction;
  }
}

async function parsed(path: string): Promise<Har> {
  let text: string;
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new Error('longer than 512 MiB; save fewer pages');
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw refused(path, `cannot be read: ${messageOf(error)}`, error);
  }
  try {
    return (JSON.parse(text.replace(/^\uFEFF/, '')) as Har | null) ?? {};
  } catch (error) {
    throw refused(path, `is neither a recording of weir record nor a HAR file: ${messageOf(error)}`, error);
  }
}

/** Null for an entry without a request, such as one that came from the browser's cache. */
function transactionOf(entry: HarEntry, id: string): ReadTransaction | null {
  const { request, response } = entry;
  if (typeof request?.method !== 'string' || typeof request.url !== 'string') return null;
  const sent = bytesOf(request.postData);
  const content = bytesOf(response?.content);
  const answered = response !== undefined && (response.status ?? 0) >= 100;
  const saved = content === null ? 0 : content.length;
  const seen = Math.max(saved, answered ? (response.content?.size ?? 0) : 0);
  const hasContent = answered && seen > 0;
  return {
    id,
    time: entry.startedDateTime ?? '',
    ms: entry.time ?? 0,
    client: null,
    user: null,
    serverIp: entry.serverIPAddress ?? null,
    request: {
      method: request.method,
      url: request.url,
      headers: fieldsOf(request.headers, sent),
      body: sent === null ? null : { bytes: sent.length, seen: sent.length, complete: true },
    },
    response: answered
      ? {
          status: response.status!,
          reason: response.statusText ?? '',
          headers: fieldsOf(response.headers, seen === saved ? content : null),
          body: hasContent ? { bytes: saved, seen, complete: seen === saved } : null,
        }
      : null,
    outcome: null,
    requestBody: () => (sent === null ? null : Body.of(sent)),
    responseBody: () => (hasContent ? Body.of(content ?? Buffer.alloc(0)) : null),
  };
}

function bytesOf(content: { readonly text?: string; readonly encoding?: string } | undefined): Buffer | null {
  if (typeof content?.text !== 'string' || content.text === '') return null;
  return Buffer.from(content.text, content.encoding === 'base64' ? 'base64' : 'utf8');
}

function fieldsOf(fields: readonly HarField[] | undefined, body: Buffer | null): RawHeaders {
  const headers: string[] = [];
  for (const { name, value } of Array.isArray(fields) ? fields : []) {
    if (typeof name !== 'string' || typeof value !== 'string' || LEFT_OUT.test(name)) continue;
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\r\n\0]/.test(value)) continue;
    headers.push(name, value);
  }
  if (body !== null) headers.push('Content-Length', String(body.length));
  return headers;
}

function refused(path: string, what: string, cause?: unknown): HttpError {
  return new HttpError('ERR_RECORDING', `${path} ${what}`, { path }, cause);
}

// The HTTP message that `weir icap reqmod` and `respmod` put in front of a server: heads as a browser and
// an origin would write them, with the fields that the user gave in place of the usual ones.

import path from 'node:path';
import { ConfigError } from '../../errors.ts';
import { fieldValue, isToken, type RawHeaders } from '../../icap/codec/fields.ts';
import { formatRequestHead, formatResponseHead } from '../../icap/codec/http-head.ts';

const DEFAULT_URL = 'http://example.com/';

// The usual suspects; anything else is application/octet-stream.
const TYPES: Readonly<Record<string, string>> = {
  ...{ bin: 'application/octet-stream', css: 'text/css', csv: 'text/csv', gif: 'image/gif' },
  ...{ gz: 'application/gzip', htm: 'text/html', html: 'text/html', jpeg: 'image/jpeg', jpg: 'image/jpeg' },
  ...{ js: 'text/javascript', json: 'application/json', pdf: 'application/pdf', png: 'image/png' },
  ...{ svg: 'image/svg+xml', tar: 'application/x-tar', txt: 'text/plain', xml: 'application/xml' },
  ...{ zip: 'application/zip', exe: 'application/vnd.microsoft.portable-executable' },
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
};

export interface MessageOptions {
  /** As given; `-` is standard input. */
  readonly file?: string;
  readonly url?: string;
  /** HTTP method. */
  readonly method?: string;
  /** HTTP fields, name, value, … */
  readonly header?: RawHeaders;
}

export interface HttpHeads {
  readonly method: string;
  readonly url: string;
  /** Start line to closing blank line. */
  readonly requestHeader: string;
  readonly responseHeader: string | null;
}

/**
 * A GET of the URL, or a POST of the file.
 * @param bodyBytes  null without body
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for a URL or method that cannot stand in a request line
 */
export function requestOf(options: MessageOptions, bodyBytes: number | null): HttpHeads {
  const url = urlOf(options.url ?? DEFAULT_URL);
  const method = methodOf(options.method ?? (bodyBytes === null ? 'GET' : 'POST'));
  const headers = [...usualFields(url), ...bodyFields(options.file, bodyBytes)];
  const requestHeader = formatRequestHead({
    ...{ method, target: url.href, version: '1.1' },
    headers: merged(headers, options.header),
  });
  return { method, url: url.href, requestHeader, responseHeader: null };
}

/** A GET of the URL (default: the file's name at example.com) and a 200 with the file. */
export function responseOf(options: MessageOptions, bodyBytes: number): HttpHeads {
  const name = options.file === undefined || options.file === '-' ? '' : path.basename(options.file);
  const url = urlOf(options.url ?? `${DEFAULT_URL}${encodeURIComponent(name)}`);
  const method = methodOf(options.method ?? 'GET');
  return {
    ...{ method, url: url.href },
    requestHeader: formatRequestHead({
      ...{ method, target: url.href, version: '1.1' },
      headers: usualFields(url),
    }),
    responseHeader: formatResponseHead({
      ...{ version: '1.1', status: 200, reason: 'OK' },
      headers: merged(bodyFields(options.file, bodyBytes), options.header),
    }),
  };
}

function usualFields(url: URL): RawHeaders {
  return ['Host', url.host, 'User-Agent', 'weir', 'Accept', '*/*'];
}

function bodyFields(file: string | undefined, bytes: number | null): RawHeaders {
  if (bytes === null) return [];
  const extension = file === undefined ? '' : path.extname(file).slice(1).toLowerCase();
  const type = Object.hasOwn(TYPES, extension) ? TYPES[extension]! : 'application/octet-stream';
  return ['Content-Type', type, 'Content-Length', String(bytes)];
}

/** Fields of the user stand in for usual ones of the same name. */
function merged(usual: RawHeaders, given: RawHeaders = []): RawHeaders {
  const headers: RawHeaders = [];
  for (let i = 0; i < usual.length; i += 2) {
    if (fieldValue(given, usual[i]!.toLowerCase()) === undefined) headers.push(usual[i]!, usual[i + 1]!);
  }
  return [...headers, ...given];
}

function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol)) {
    url.hash = ''; // never leaves a browser
    return url;
  }
  throw new ConfigError('ERR_CONFIG_VALUE', `--url: expected http://… or https://…, got '${text}'`);
}

function methodOf(text: string): string {
  if (isToken(text)) return text;
  throw new ConfigError('ERR_CONFIG_VALUE', `--method: expected an HTTP method such as GET, got '${text}'`);
}

// ICAP heads: start line and fields of a request or a response, and what its control fields mean.
// Order of judgement: start line (400), version (505), method (501), then the fields (400), so that the
// server can answer the most telling status (S-13). RFC 3507 §4.3; C-01 … C-19, C-40, C-60, C-80.

import { IcapError, printable } from '../../errors.ts';
import type { Encapsulated, IcapMethod } from './encapsulated.ts';
import { NOTHING_ENCAPSULATED, parseEncapsulated, requireMessagePart } from './encapsulated.ts';
import type { FieldRules } from './fields.ts';
import { fieldValues, isToken, listTokens, parseFields, refuseControlCharacters } from './fields.ts';
import type { RawHeaders } from './http-head.ts';
import { isIcapUri } from './uri.ts';

export const MAX_START_LINE = 8 * 1024; // bytes
export const MAX_ICAP_HEAD = 64 * 1024; // bytes, closing blank line included
export const MAX_ICAP_FIELDS = 200;
export const MAX_SECTION = 128 * 1024; // bytes of one encapsulated HTTP header section

/** How large the head of a message may be (C-16). */
export interface HeadLimits {
  /** Bytes of the start line. */
  readonly startLineBytes: number;
  /** Bytes of the ICAP header, start line and closing blank line included. */
  readonly headerBytes: number;
  /** Fields of the ICAP header. */
  readonly headerFields: number;
  /** Bytes of one encapsulated HTTP header section. */
  readonly sectionBytes: number;
}

export const DEFAULT_HEAD_LIMITS: HeadLimits = {
  startLineBytes: MAX_START_LINE,
  headerBytes: MAX_ICAP_HEAD,
  headerFields: MAX_ICAP_FIELDS,
  sectionBytes: MAX_SECTION,
};

const FIELDS: FieldRules = {
  code: 'ERR_ICAP_FIELD',
  tooLarge: 'ERR_ICAP_HEAD_TOO_LARGE',
  folding: 'join',
  maxFields: MAX_ICAP_FIELDS,
};

/** What the control fields of a head say, in either direction. */
export interface IcapControls {
  readonly encapsulated: Encapsulated;
  /** False where the field was absent. */
  readonly hasEncapsulated: boolean;
  /** Bytes offered or wanted as preview; null where the field is absent (0 and absent differ). */
  readonly preview: number | null;
  readonly allow204: boolean;
  readonly allow206: boolean;
  readonly allowTrailers: boolean;
  /** A `Trailer` field is there: in a response with `Allow: trailers` an ICAP trailer follows (C-101). */
  readonly hasTrailer: boolean;
  /** The sender will close the connection after this message. */
  readonly close: boolean;
}

export interface IcapRequestHead extends IcapControls {
  readonly method: IcapMethod;
  /** Absolute ICAP URI as received, possibly with `user@` (C-04): not for logs as it stands. */
  readonly uri: string;
  readonly headers: RawHeaders;
}

export interface IcapResponseHead extends IcapControls {
  readonly status: number;
  readonly reason: string;
  readonly headers: RawHeaders;
}

const METHODS: readonly string[] = ['OPTIONS', 'REQMOD', 'RESPMOD'] satisfies IcapMethod[];

/** Start line of a request, checked for syntax, version and method, in that order. */
export interface IcapRequestLine {
  readonly method: IcapMethod;
  readonly uri: string;
}

/**
 * Parses `METHOD SP URI SP ICAP/1.0`.
 * @throws {IcapError} `ERR_ICAP_START_LINE` (400), `ERR_ICAP_VERSION` (505), `ERR_ICAP_METHOD` (501)
 */
export function parseIcapRequestLine(line: string): IcapRequestLine {
  const parts = line.split(/ +/);
  const [method, uri, version] = parts;
  if (parts.length !== 3 || !isToken(method!) || !isIcapUri(uri!)) {
    const shown = printable(line.replace(/\/\/[^@/\s]*@/, '//…@')); // without userinfo (C-04)
    throw new IcapError('ERR_ICAP_START_LINE', `not an ICAP request line: "${shown}"`);
  }
  if (version !== 'ICAP/1.0') {
    const code = /^ICAP\/\d+\.\d+$/.test(version!) ? 'ERR_ICAP_VERSION' : 'ERR_ICAP_START_LINE';
    throw new IcapError(code, `ICAP version ${printable(version!)} is not ICAP/1.0`);
  }
  if (!METHODS.includes(method!)) {
    throw new IcapError('ERR_ICAP_METHOD', `unknown ICAP method ${printable(method!)}`);
  }
  return { method: method as IcapMethod, uri: uri! };
}

/**
 * Parses the fields of a request whose start line is known.
 *
 * @param text  the head without its closing blank line, free of control characters
 * @param strict  also demands exactly one Host (C-06)
 * @param maxFields  more are `ERR_ICAP_HEAD_TOO_LARGE`
 * @throws {IcapError} `ERR_ICAP_FIELD`, `ERR_ICAP_HEAD_TOO_LARGE`, `ERR_ICAP_ENCAPSULATED`, all 400
 */
export function parseIcapRequestFields(
  line: IcapRequestLine,
  text: string,
  from: number,
  strict: boolean,
  maxFields = MAX_ICAP_FIELDS,
): IcapRequestHead {
  const rules = maxFields === MAX_ICAP_FIELDS ? FIELDS : { ...FIELDS, maxFields };
  const headers = parseFields(text, from, rules);
  const found = collectControls(headers);
  if (found.hosts > 1 || (strict && found.hosts === 0)) {
    throw new IcapError('ERR_ICAP_FIELD', found.hosts === 0 ? 'no Host field' : 'more than one Host field');
  }
  let encapsulated = NOTHING_ENCAPSULATED;
  if (found.encapsulated !== undefined) {
    encapsulated = parseEncapsulated(found.encapsulated, line.method, 'request', !strict);
  }
  requireMessagePart(encapsulated, line.method);
  return {
    method: line.method,
    uri: line.uri,
    headers,
    encapsulated,
    hasEncapsulated: found.encapsulated !== undefined,
    preview: found.preview,
    allow204: found.allow.allow204,
    allow206: found.allow.allow206,
    allowTrailers: found.allow.allowTrailers,
    hasTrailer: found.trailer,
    close: found.close,
  };
}

/**
 * Parses a response head. Reason and the space before it may be missing (C-09).
 *
 * @param method  of the request that it answers; decides which parts are legal
 * @throws {IcapError} `ERR_ICAP_START_LINE`, `ERR_ICAP_VERSION`, `ERR_ICAP_FIELD`, `ERR_ICAP_ENCAPSULATED`
 */
export function parseIcapResponse(text: string, method: IcapMethod, strict: boolean): IcapResponseHead {
  let end = text.indexOf('\r\n');
  if (end < 0) end = text.length;
  const match = /^(ICAP\/\d+\.\d+) +([1-5]\d\d)(?: (.*))?$/.exec(text.slice(0, end));
  if (match === null) {
    throw new IcapError('ERR_ICAP_START_LINE', `not an ICAP status line: "${printable(text.slice(0, end))}"`);
  }
  if (match[1] !== 'ICAP/1.0') throw new IcapError('ERR_ICAP_VERSION', `the server speaks ${match[1]!}`);
  const status = Number(match[2]);
  const headers = parseFields(text, end + 2, FIELDS);
  const found = collectControls(headers);
  if (strict && found.trailer && !found.allow.allowTrailers) {
    throw new IcapError('ERR_ICAP_FIELD', 'Trailer without `Allow: trailers`'); // does one follow? (C-101)
  }
  let encapsulated = NOTHING_ENCAPSULATED;
  // Errors carry nothing to adapt: what their field says about sections is not worth failing for.
  const carries = status >= 200 && status < 300 && status !== 204;
  if (found.encapsulated !== undefined && carries) {
    encapsulated = parseEncapsulated(found.encapsulated, method, 'response', !strict);
  }
  return {
    status,
    reason: match[3] ?? '',
    headers,
    encapsulated,
    hasEncapsulated: found.encapsulated !== undefined,
    preview: found.preview,
    allow204: found.allow.allow204,
    allow206: found.allow.allow206,
    allowTrailers: found.allow.allowTrailers,
    hasTrailer: found.trailer,
    close: found.close,
  };
}

interface FoundControls {
  hosts: number;
  encapsulated: string | undefined;
  preview: number | null;
  allow: { allow204: boolean; allow206: boolean; allowTrailers: boolean };
  trailer: boolean;
  close: boolean;
}

const NO_ALLOW = { allow204: false, allow206: false, allowTrailers: false };
const ALLOW_204 = { allow204: true, allow206: false, allowTrailers: false };

/** One pass over the fields for those that control the dialogue; most fields cost one length check. */
function collectControls(headers: RawHeaders): FoundControls {
  const found: FoundControls = {
    hosts: 0,
    encapsulated: undefined,
    preview: null,
    allow: NO_ALLOW,
    trailer: false,
    close: false,
  };
  let allow: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    switch (name.length) {
      case 4:
        if (/^host$/i.test(name)) found.hosts++;
        break;
      case 5:
        if (/^allow$/i.test(name)) allow = allow === undefined ? value : `${allow},${value}`;
        break;
      case 7:
        if (/^preview$/i.test(name)) found.preview = previewSize(value, found.preview);
        else if (/^trailer$/i.test(name)) found.trailer = true;
        break;
      case 10:
        if (/^connection$/i.test(name))
          found.close ||= value !== 'keep-alive' && listTokens([value]).includes('close');
        break;
      case 12:
        if (/^encapsulated$/i.test(name)) {
          if (found.encapsulated !== undefined)
            throw new IcapError('ERR_ICAP_FIELD', 'more than one Encapsulated');
          found.encapsulated = value;
        }
        break;
      case 17:
        if (/^transfer-encoding$/i.test(name)) {
          throw new IcapError('ERR_ICAP_FIELD', 'Transfer-Encoding is not allowed in an ICAP header');
        }
    }
  }
  if (allow !== undefined) found.allow = allow === '204' ? ALLOW_204 : allowances(allow);
  return found;
}

function allowances(value: string): FoundControls['allow'] {
  const tokens = listTokens([value]);
  return {
    allow204: tokens.includes('204'),
    allow206: tokens.includes('206'),
    allowTrailers: tokens.includes('trailers'),
  };
}

function previewSize(value: string, before: number | null): number {
  if (before !== null) throw new IcapError('ERR_ICAP_FIELD', 'more than one Preview');
  if (!/^\d{1,15}$/.test(value)) {
    throw new IcapError('ERR_ICAP_FIELD', `Preview: expected a number of bytes, got "${printable(value)}"`);
  }
  return Number(value);
}

/** Text of a whole head, checked for control characters. `bytes` ends with its blank line. */
export function icapHeadText(bytes: Buffer): string {
  const text = bytes.toString('latin1', 0, bytes.length - 4);
  refuseControlCharacters(text, 'ERR_ICAP_FIELD');
  return text;
}

/** All values of `lowerName` as a comma list of lower-case tokens. */
export function icapList(headers: RawHeaders, lowerName: string): string[] {
  return listTokens(fieldValues(headers, lowerName));
}

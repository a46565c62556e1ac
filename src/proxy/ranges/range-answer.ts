// The answer made of a verified object: the part that was asked for (206), several parts, all of it, or 416.
// RFC 9110 §14.4, §14.6, §15.3.7, §15.5.17.

import { randomBytes } from 'node:crypto';
import { Body } from '../../http/body.ts';
import type { Answer } from '../../http/server-connection.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import type { ByteRange } from './byte-ranges.ts';
import { contentRange, parseRanges, resolveRanges } from './byte-ranges.ts';
import { ageOf, ifRangeHolds } from './validators.ts';
import type { VerifiedObject } from './verified-object.ts';

/** What a client asked for. */
export interface AskedPart {
  /** Values of Range and If-Range. */
  readonly range: string;
  readonly ifRange: string | null;
  /** The object was not fetched for this client: fields that were meant for another are left out. */
  readonly reused: boolean;
}

/** Of the whole content, so they are not true of a part; framing is worked out anew. */
const OF_THE_WHOLE = new Set(['content-length', 'content-range', 'content-md5', 'content-digest', 'digest']);

/** @returns the answer; a reference to the object is held until its body was read or cancelled */
export function rangeAnswer(object: VerifiedObject, asked: AskedPart): Answer {
  const { head, receivedAt } = object.facts;
  const { size } = object;
  if (head.status !== 200) return whole(object, head.headers);
  const headers = asked.reused ? reusedFields(head.headers, receivedAt) : head.headers;
  if (asked.ifRange !== null && !ifRangeHolds(asked.ifRange, head.headers, receivedAt)) {
    return whole(object, headers);
  }
  const ranges = resolveRanges(parseRanges(asked.range) ?? [], size);
  if (ranges === null) return whole(object, headers);
  if (ranges.length === 0) return unsatisfiable(size);
  const kept = headersWithout(headers, OF_THE_WHOLE);
  const [range, ...more] = ranges;
  if (more.length > 0) return multipart(object, ranges, kept);
  const { first, last } = range!;
  const length = last - first + 1;
  return {
    status: 206,
    reason: 'Partial Content',
    headers: [...kept, 'Content-Range', contentRange(range!, size), 'Content-Length', String(length)],
    body: object.part(first, last + 1),
    contentLength: length,
  };
}

function whole(object: VerifiedObject, headers: RawHeaders): Answer {
  const { status, reason } = object.facts.head;
  const { size } = object;
  const kept = headersWithout(headers, new Set(['content-length']));
  return {
    status,
    reason,
    headers: [...kept, 'Content-Length', String(size)],
    body: size === 0 ? null : object.part(0, size),
    contentLength: size,
  };
}

function unsatisfiable(size: number): Answer {
  return {
    status: 416,
    reason: 'Range Not Satisfiable',
    headers: ['Content-Range', contentRange(null, size), 'Content-Length', '0'],
    body: null,
    contentLength: 0,
  };
}

function multipart(object: VerifiedObject, ranges: readonly ByteRange[], headers: RawHeaders): Answer {
  const boundary = randomBytes(15).toString('hex');
  const type = fieldValue(headers, 'content-type');
  const parts: (Buffer | ByteRange)[] = [];
  let length = 0;
  const text = (value: string): void => {
    const bytes = Buffer.from(value, 'latin1');
    parts.push(bytes);
    length += bytes.length;
  };
  for (const [index, range] of ranges.entries()) {
    const typeLine = type === undefined ? '' : `Content-Type: ${type}\r\n`;
    const rangeLine = `Content-Range: ${contentRange(range, object.size)}\r\n`;
    text(`${index === 0 ? '' : '\r\n'}--${boundary}\r\n${typeLine}${rangeLine}\r\n`);
    parts.push(range);
    length += range.last - range.first + 1;
  }
  text(`\r\n--${boundary}--\r\n`);
  const kept = headersWithout(headers, new Set(['content-type']));
  return {
    status: 206,
    reason: 'Partial Content',
    headers: [
      ...kept,
      ...['Content-Type', `multipart/byteranges; boundary=${boundary}`, 'Content-Length', String(length)],
    ],
    body: partsInOrder(object, parts, length),
    contentLength: length,
  };
}

/** Text and parts of the object, one after the other; each part is opened when its turn comes. */
function partsInOrder(object: VerifiedObject, parts: readonly (Buffer | ByteRange)[], length: number): Body {
  object.retain();
  let current: Body | null = null;
  let next = 0;
  let full = false;
  let over = false;
  const end = (): void => {
    if (!over) object.release();
    over = true;
  };
  const body = new Body(
    {
      resume: () => {
        full = false;
        if (current === null) goOn();
        else current.resume();
      },
      cancel: (reason) => {
        end();
        current?.cancel(reason);
      },
    },
    length,
  );
  const goOn = (): void => {
    while (!full && !over && current === null) {
      const part = parts[next++];
      if (part === undefined) {
        end();
        return body.end();
      }
      if (Buffer.isBuffer(part)) full = !body.push(part);
      else open(part);
    }
  };
  const open = ({ first, last }: ByteRange): void => {
    const part = object.part(first, last + 1);
    current = part;
    part.consume({
      onData: (chunk) => body.push(chunk),
      onEnd: () => {
        current = null;
        goOn();
      },
      onError: (error) => {
        end();
        body.fail(error);
      },
    });
  };
  goOn();
  return body;
}

/** As a cache sends it on (RFC 9111 §5.1); cookies are for who was given them. */
function reusedFields(headers: RawHeaders, receivedAt: number): RawHeaders {
  const kept = headersWithout(headers, new Set(['set-cookie', 'age']));
  return [...kept, 'Age', String(ageOf(headers, receivedAt, Date.now()))];
}

function headersWithout(headers: RawHeaders, names: ReadonlySet<string>): RawHeaders {
  const kept: RawHeaders = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

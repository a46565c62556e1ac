// Answers that keep a part of the original body (`Adapted.keepOriginalFrom`): what is kept, which
// Content-Length fits, and the assembled body for whoever must have all of it. Used by the server, which
// says 206 or assembles, and by the way through our own process. C-64 … C-67.

import { IcapError } from '../errors.ts';
import { joinBodies, knownLength } from '../http/joined-body.ts';
import type { Body } from '../http/body.ts';
import { fieldValues } from './codec/fields.ts';
import type { RawHeaders } from './codec/http-head.ts';
import type { Adapted, IcapTransaction } from './service.ts';

/**
 * Offset from which an outcome keeps the original body, or null where it keeps nothing of it: none was
 * asked for, there is no original (C-67), or the outcome answers a request.
 * @throws {IcapError} `ERR_ICAP_SERVICE` for an offset that is no number of bytes
 */
export function keptFrom(transaction: IcapTransaction, outcome: Adapted): number | null {
  const { keepOriginalFrom: from, response } = outcome;
  if (from === undefined || transaction.body === null) return null;
  if (transaction.method === 'REQMOD' && response !== undefined) return null;
  if (!Number.isSafeInteger(from) || from < 0) {
    throw new IcapError('ERR_ICAP_SERVICE', `keepOriginalFrom is ${from}, not an offset in bytes`);
  }
  return from;
}

/** The outcome with a Content-Length that fits the assembled body; without one where that is unknown. */
export function withAssembledLength(transaction: IcapTransaction, outcome: Adapted, from: number): Adapted {
  const { request, response } = outcome;
  const head = request ?? response;
  if (head === undefined || fieldValues(head.headers, 'content-length').length === 0) return outcome;
  const headers = withLength(head.headers, assembledLength(transaction, outcome, from));
  if (headers === head.headers) return outcome;
  if (request !== undefined) return { ...outcome, request: { ...request, headers } };
  return { ...outcome, response: { ...response!, headers } };
}

/** Prefix and what is kept of the original; nothing is copied. Takes the original: to be called once. */
export function assembledBody(transaction: IcapTransaction, outcome: Adapted, from: number): Body {
  return joinBodies(outcome.body, transaction.body!.restream(), from);
}

function assembledLength(transaction: IcapTransaction, { body }: Adapted, from: number): number | null {
  const prefix = body === null ? 0 : knownLength(body);
  const original = transaction.body!.size ?? announcedLength(transaction);
  return prefix === null || original === null ? null : prefix + Math.max(0, original - from);
}

/** What Content-Length says of the original, as long as it says one thing only. */
function announcedLength({ method, request, response }: IcapTransaction): number | null {
  const head = method === 'REQMOD' ? request : response;
  const values = head === null ? [] : fieldValues(head.headers, 'content-length');
  return values.length === 1 && /^\d{1,15}$/.test(values[0]!) ? Number(values[0]) : null;
}

function withLength(headers: RawHeaders, length: number | null): RawHeaders {
  const values = fieldValues(headers, 'content-length');
  if (values.length === 1 && values[0] === String(length)) return headers;
  const mended: RawHeaders = [];
  let due = length !== null;
  for (let i = 0; i < headers.length; i += 2) {
    const isLength = headers[i]!.toLowerCase() === 'content-length';
    if (!isLength) mended.push(headers[i]!, headers[i + 1]!);
    else if (due) mended.push(headers[i]!, String(length));
    due &&= !isLength;
  }
  return mended;
}

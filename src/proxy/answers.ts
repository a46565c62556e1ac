// Errors as the pages that clients see, in the form that their Accept asks for. Fail closed means: the
// page says that nothing was delivered because it could not be inspected.

import { STATUS_CODES } from 'node:http';
import type { ErrorCode, WeirError } from '../errors.ts';
import { HttpError, isWeirError, messageOf } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { Answer } from '../http/server-connection.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import { audienceOf, errorPage, languageOf } from '../pages/index.ts';

const INSPECTION = /^ERR_(ADAPT|ICAP|PLUGIN|SCAN|UNPACK|SPOOL)/;

/** True for failures of inspection: the message was withheld because of them. */
export function isInspectionFailure(code: ErrorCode): boolean {
  return INSPECTION.test(code);
}

/** Anything thrown as an error with a code. */
export function asWeirError(error: unknown): WeirError {
  if (isWeirError(error)) return error;
  return new HttpError('ERR_ICAP_SERVICE', `internal failure: ${messageOf(error)}`, {}, error);
}

/** The page for an error. `requestHeaders` decide between HTML, JSON and text; HEAD gets no body. */
export function errorAnswer(
  error: WeirError,
  incident: string,
  url: string,
  request: { readonly method: string; readonly headers: RawHeaders } | null,
): Answer {
  const status = error.httpStatus;
  const page = errorPage(
    {
      status,
      reason: STATUS_CODES[status] ?? 'Error',
      code: error.code,
      message: error.message,
      remedy: error.remedy,
      incident,
      time: new Date(),
      url,
      failClosed: isInspectionFailure(error.code),
    },
    audienceOf(request?.headers ?? null),
    languageOf(request?.headers ?? null),
  );
  const { retryAfter } = error.fields; // seconds
  return {
    status: page.status,
    reason: page.reason,
    headers: [...page.headers, ...(retryAfter === undefined ? [] : ['Retry-After', String(retryAfter)])],
    body: request?.method === 'HEAD' ? null : Body.of(page.body),
    contentLength: page.body.length,
  };
}

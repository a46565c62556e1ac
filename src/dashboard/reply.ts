// What a route answers with, and the refusals that several of them share. How it is written to the socket is
// server.ts.

import type { Readable } from 'node:stream';
import { isWeirError, messageOf } from '../errors.ts';
import type { ApiError } from './api/types.ts';

export interface ApiReply {
  readonly status: number;
  /** Sent as JSON, unless there is `text` or there are `bytes`. */
  readonly body: unknown;
  readonly text?: string;
  readonly bytes?: Buffer;
  /** Of a length that is not known beforehand. */
  readonly stream?: Readable;
  readonly headers?: Readonly<Record<string, string>>;
}

/** 200 with JSON. */
export function ok(body: unknown): ApiReply {
  return { status: 200, body };
}

/** A refusal as {@link ApiError}. */
export function refused(status: number, error: string, more: Omit<ApiError, 'error'> = {}): ApiReply {
  return { status, body: { error, ...more } satisfies ApiError };
}

/** An error that a route has thrown; what was not thrown on purpose keeps its text to itself. */
export function failed(error: unknown): ApiReply {
  if (!isWeirError(error)) return refused(500, 'the dashboard failed', { hint: 'see the log of Weir' });
  const status = STATUSES[error.code] ?? 500;
  return refused(status, messageOf(error), { code: error.code, hint: error.remedy });
}

/** Errors that say something of what was asked for. */
const STATUSES: Readonly<Partial<Record<string, number>>> = { ERR_CONFIG_VALUE: 400, ERR_QUARANTINE: 404 };

export const NOT_FOUND: ApiReply = {
  status: 404,
  body: {
    error: 'nothing here',
    hint: 'try /healthz, /readyz, /api/status, /api/openapi.json; browsers reach the proxy at proxy.listen, not here',
  },
};

export function notAllowed(allow: string): ApiReply {
  return { status: 405, body: { error: `only ${allow}` }, headers: { Allow: allow } };
}

export const NOT_ALLOWED = notAllowed('GET, HEAD');

export const FOREIGN_HOST: ApiReply = {
  status: 421,
  body: {
    error: 'unknown Host',
    hint: 'use the address that dashboard.listen names, an IP address or localhost',
  },
};

export const NO_TOKEN: ApiReply = {
  status: 401,
  body: {
    error: 'a token is needed',
    hint: 'send `Authorization: Bearer …` with dashboard.token, or what certs/dashboard.token holds',
  },
  headers: { 'WWW-Authenticate': 'Bearer realm="weir"' },
};

export const TOO_MANY_TOKENS: ApiReply = {
  status: 429,
  body: { error: 'too many wrong tokens', hint: 'wait a minute, then use the one that Weir has printed' },
  headers: { 'Retry-After': '60' },
};

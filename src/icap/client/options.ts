// What a service said of itself in OPTIONS, and how long that holds. RFC 3507 §4.10.2; K-02 … K-08.

import { IcapError } from '../../errors.ts';
import { fieldValue } from '../codec/fields.ts';
import type { IcapResponseHead } from '../codec/head.ts';
import { icapList } from '../codec/head.ts';
import type { RawHeaders } from '../codec/http-head.ts';
import type { ModMethod } from '../service.ts';
import { refusal } from './answer.ts';

const MAX_TTL_S = 3600; // an absent Options-TTL means for ever by the RFC; we ask again after an hour
const CLOCK_SLACK_MS = 1000; // Date has whole seconds
const REFRESH_EARLY_MS = 20_000;
/** OPTIONS is not asked more often than this, unless it failed (K-02). */
export const MIN_REFRESH_MS = 30_000;

export interface ServiceOptions {
  /** Null where the server did not say. */
  readonly methods: readonly string[] | null;
  /** Without quotes; '' where the server sent none. */
  readonly istag: string;
  readonly preview: number | null;
  readonly allow204: boolean;
  readonly allow206: boolean;
  readonly allowTrailers: boolean;
  readonly maxConnections: number | null;
  readonly transferPreview: readonly string[];
  readonly transferIgnore: readonly string[];
  readonly transferComplete: readonly string[];
  /** Identity headers that the service asks for, lower case. */
  readonly include: readonly string[];
  /** All fields of the answer as they came: name, value, name, value; bounded by what a head may have. */
  readonly received: RawHeaders;
  /** On the clock of `performance.now()`: when to ask again, beside the messages. */
  readonly refreshAt: number;
  /** On the same clock: no message is sent by it any more. */
  readonly expiresAt: number;
}

/**
 * Reads an OPTIONS answer. Its time to live counts from its Date where that is in the past (S-O7): a server
 * whose clock is ahead gains nothing.
 * @param now  on `performance.now()`
 * @param today  the same moment in milliseconds since the epoch
 * @throws {IcapError} `ERR_ADAPT_STATUS` or `ERR_ADAPT_AUTH` unless it is a 200
 */
export function readServiceOptions(
  head: IcapResponseHead,
  now: number,
  today: number = Date.now(),
): ServiceOptions {
  if (head.status !== 200) throw refusal(head, 'OPTIONS');
  const { headers } = head;
  const methods = icapList(headers, 'methods').map((method) => method.toUpperCase());
  const ttl = Math.min(wholeNumber(fieldValue(headers, 'options-ttl')) ?? MAX_TTL_S, MAX_TTL_S);
  const date = Date.parse(fieldValue(headers, 'date') ?? '');
  const age = Number.isNaN(date) ? 0 : Math.max(0, today - date - CLOCK_SLACK_MS);
  const expiresAt = now + Math.max(MIN_REFRESH_MS, ttl * 1000 - age);
  return {
    methods: methods.length === 0 ? null : methods,
    istag: unquoted(fieldValue(headers, 'istag') ?? ''),
    preview: head.preview,
    allow204: head.allow204,
    allow206: head.allow206,
    allowTrailers: head.allowTrailers,
    maxConnections: wholeNumber(fieldValue(headers, 'max-connections')),
    transferPreview: extensions(headers, 'transfer-preview'),
    transferIgnore: extensions(headers, 'transfer-ignore'),
    transferComplete: extensions(headers, 'transfer-complete'),
    include: icapList(headers, 'x-include'),
    received: headers,
    refreshAt: Math.max(now + MIN_REFRESH_MS, expiresAt - REFRESH_EARLY_MS),
    expiresAt,
  };
}

/** `ERR_ADAPT_METHOD` where the service said that it does not offer the method, otherwise null (K-04). */
export function methodRefusal(options: ServiceOptions, method: ModMethod, service: string): IcapError | null {
  if (options.methods === null || options.methods.includes(method)) return null;
  const text = `the ICAP service offers ${options.methods.join(', ')}, not ${method}`;
  return new IcapError('ERR_ADAPT_METHOD', text, { service });
}

export type Transfer = 'preview' | 'complete' | 'ignore';

/** What the Transfer fields want for a URL: the extension decides, then who holds `*` (K-07, K-08). */
export function transferFor(options: ServiceOptions, target: string): Transfer {
  const { transferPreview, transferComplete, transferIgnore } = options;
  if (transferPreview.length === 0 && transferComplete.length === 0 && transferIgnore.length === 0) {
    return options.preview === null ? 'complete' : 'preview';
  }
  if (transferIgnore.length === 0 && transferComplete.length === 0 && transferPreview[0] === '*')
    return 'preview';
  const extension = extensionOf(target);
  const has = (list: readonly string[], what: string): boolean => list.includes(what);
  if (has(transferPreview, extension)) return 'preview';
  if (has(transferComplete, extension)) return 'complete';
  if (has(transferIgnore, extension)) return 'ignore';
  if (has(transferPreview, '*')) return 'preview';
  if (has(transferIgnore, '*')) return 'ignore';
  return 'complete';
}

/** A Transfer list; some servers write a dot in front of an extension. */
function extensions(headers: RawHeaders, lowerName: string): string[] {
  return icapList(headers, lowerName).map((entry) => entry.replace(/^\./, ''));
}

function extensionOf(target: string): string {
  const path = target.split('?', 1)[0]!;
  const segment = path.slice(path.lastIndexOf('/') + 1);
  const dot = segment.lastIndexOf('.');
  return dot < 0 ? '' : segment.slice(dot + 1).toLowerCase();
}

/** One pair of quotes removed; anything else is compared as it stands (C-112). */
export function unquoted(istag: string): string {
  return istag.length >= 2 && istag.startsWith('"') && istag.endsWith('"') ? istag.slice(1, -1) : istag;
}

function wholeNumber(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

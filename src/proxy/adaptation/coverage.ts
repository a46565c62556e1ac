// What inspection came to, in one word a message: clean, blocked, modified, or not scanned and why; and
// whether a message that was not scanned may pass. Who finds the reasons is pipeline.ts and verdict.ts.

import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { ResponseHead } from '../../icap/codec/http-head.ts';

/**
 * `size`, `type`: a rule or the service leaves messages of that size or type out. `policy`: another rule does,
 * or none is for the message. `encrypted`: it cannot be read. `range`: only a part of the object was seen.
 * `stream`: another protocol, or a body that never ends. `timeout`, `service-down`: the service failed.
 */
export const NOT_SCANNED_REASONS = [
  'size',
  'type',
  'policy',
  'encrypted',
  'range',
  'stream',
  'timeout',
  'service-down',
] as const;
export type NotScannedReason = (typeof NOT_SCANNED_REASONS)[number];

/** Part of the proxy's log record. */
export interface Coverage {
  readonly state: 'clean' | 'blocked' | 'modified' | 'not-scanned';
  /** Null unless `not-scanned`. */
  readonly reason: NotScannedReason | null;
}

/** What is done with messages that were not scanned. A reason that is not here: let them pass. */
export type NotScannedPolicy = Readonly<Partial<Record<NotScannedReason, 'allow' | 'block'>>>;

export const CLEAN: Coverage = { state: 'clean', reason: null };
export const BLOCKED: Coverage = { state: 'blocked', reason: null };
export const MODIFIED: Coverage = { state: 'modified', reason: null };
const NOT_SCANNED = Object.fromEntries(
  NOT_SCANNED_REASONS.map((reason) => [reason, { state: 'not-scanned', reason }]),
) as Record<NotScannedReason, Coverage>;

export function notScanned(reason: NotScannedReason): Coverage {
  return NOT_SCANNED[reason];
}

const WEIGHT = { clean: 0, modified: 1, 'not-scanned': 2, blocked: 3 } as const;

/** Of request and response the one that an operator has to know about; null: nothing there to scan. */
export function worseOf(a: Coverage | null, b: Coverage | null): Coverage | null {
  if (a === null || b === null) return a ?? b;
  return WEIGHT[b.state] > WEIGHT[a.state] ? b : a;
}

/** Why a step that failed left its message unscanned. */
export function reasonOfFailure(error: WeirError): 'timeout' | 'service-down' {
  return error.code === 'ERR_ADAPT_TIMEOUT' || error.code === 'ERR_SCAN_TIMEOUT' ? 'timeout' : 'service-down';
}

/** A 206 that does not carry the whole object after all: a scanner has seen a part (RFC 9110 §14.4). */
export function isPartial({ status, headers }: ResponseHead): boolean {
  if (status !== 206) return false;
  const range = /^bytes 0-(\d{1,15})\/(\d{1,15})$/i.exec(fieldValue(headers, 'content-range') ?? '');
  return range === null || Number(range[1]) + 1 !== Number(range[2]);
}

/** @throws {HttpError} `ERR_ADAPT_NOT_SCANNED` where the policy does not let such messages pass */
export function requireCoverage(coverage: Coverage | null, policy: NotScannedPolicy): void {
  if (coverage === null || coverage.reason === null || policy[coverage.reason] !== 'block') return;
  const { reason } = coverage;
  throw new HttpError('ERR_ADAPT_NOT_SCANNED', `the message could not be scanned (${reason})`, { reason });
}

/** Whether a failure is what inspection came to. */
export function isVerdict({ code }: WeirError): boolean {
  return code === 'ERR_ADAPT_NOT_SCANNED' || code === 'ERR_ADAPT_BLOCKED';
}

/** What is logged of a transaction: null where a failure left it open. @param seen  worst of its messages */
export function coverageAtEnd(failure: WeirError | null, seen: Coverage | null): Coverage | null {
  if (failure === null) return seen ?? CLEAN;
  if (failure.code === 'ERR_ADAPT_BLOCKED') return BLOCKED;
  if (failure.code !== 'ERR_ADAPT_NOT_SCANNED') return null;
  return notScanned(failure.fields['reason'] as NotScannedReason);
}

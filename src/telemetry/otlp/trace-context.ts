// Who belongs to which trace: ids, and the field that carries them (W3C Trace Context, level 1). In ICAP the
// field stands in the ICAP header, so that a gateway's spans hang below those of the proxy that asked.

import { randomFillSync } from 'node:crypto';
import { fieldValue } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

export const TRACEPARENT = 'traceparent';

/** A span that others may hang below. */
export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
  /** Whether it is recorded. */
  readonly sampled: boolean;
}

const FORMAT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const POOL = Buffer.allocUnsafe(4096);
let used = POOL.length;

/** Random bytes as hexadecimal digits, taken from a pool: a system call each would be dear. */
function hex(bytes: number): string {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += bytes;
  return POOL.toString('hex', used - bytes, used);
}

export const newTraceId = (): string => hex(16);
export const newSpanId = (): string => hex(8);

/** What the fields of a message say; null where they say nothing, or nothing valid. */
export function traceparentOf(headers: RawHeaders): SpanContext | null {
  const [, version, traceId, spanId, flags, rest] = FORMAT.exec(fieldValue(headers, TRACEPARENT) ?? '') ?? [];
  if (traceId === undefined || version === 'ff' || (version === '00' && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId!)) return null;
  return { traceId, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

/** The value of the field. */
export function traceparent({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

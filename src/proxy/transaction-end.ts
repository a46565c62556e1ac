// What is told of a transaction when it is over: figures, a log record, its trace, its copy, its spans. Whoever
// wants nothing costs nothing: without anybody no record is made.

import type { TransactionCapture } from '../capture/capture.ts';
import type { WeirError } from '../errors.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { TransactionNotes } from '../trace/notes.ts';
import { isEventful } from '../trace/notes.ts';
import type { TransactionSpan } from '../trace/spans.ts';
import { transactionSpans } from '../trace/spans.ts';
import type { Coverage } from './adaptation/coverage.ts';
import { coverageAtEnd } from './adaptation/coverage.ts';
import type { ProxyContext, Session } from './session.ts';

/** The end of a transaction; what is not named is not so. */
export interface TransactionEnd extends Pick<
  ProxyRecord,
  | 'id'
  | 'method'
  | 'url'
  | 'status'
  | 'bytesIn'
  | 'bytesOut'
  | 'adaptation'
  | 'verdict'
  | 'threat'
  | 'incident'
> {
  readonly session: Session;
  /** Worst of its messages. */
  readonly coverage: Coverage | null;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly failure: WeirError | null;
  readonly waited: ProxyRecord['waited'] | null;
  readonly waitedFor: string | null;
  readonly range: ProxyRecord['range'] | null;
  readonly stream: ProxyRecord['stream'] | null;
  readonly webSocket: ProxyRecord['webSocket'] | null;
  /** Null: nobody traces it. */
  readonly notes: TransactionNotes | null;
  /** Null: nobody wants a copy. */
  readonly capture: TransactionCapture | null;
  /** Null: no spans of it. */
  readonly span: TransactionSpan | null;
}

/** Tells all who listen. */
export function tellEnd({ telemetry, traces }: ProxyContext, end: TransactionEnd): void {
  const { verdict, bytesIn, bytesOut, failure, notes, capture, span } = end;
  const endedAt = performance.now();
  const ms = endedAt - end.startedAt;
  telemetry.meters?.transaction({
    ...{ verdict, bytesIn, bytesOut, ms },
    ...(failure === null ? {} : { error: failure }),
  });
  const traced = traces !== null && (isEventful(verdict) || traces.hasRoom) ? traces : null;
  if (traced === null) traces?.leaveOut();
  const isTold = telemetry.records && telemetry.leavesOut?.('proxy', verdict, false) !== true;
  if (!isTold && traced === null && capture === null && span === null) return;
  const record = recordOf(end, ms);
  if (isTold) telemetry.proxy(record);
  traced?.add(record, notes);
  capture?.finish(record);
  if (span !== null) telemetry.tracer?.export(transactionSpans(span, record, notes!, endedAt));
}

function recordOf(end: TransactionEnd, ms: number): ProxyRecord {
  const { client, user, tls } = end.session;
  const { waited, waitedFor, range, stream, webSocket, failure } = end;
  return {
    id: end.id,
    client,
    user,
    method: end.method,
    url: end.url,
    status: end.status,
    bytesIn: end.bytesIn,
    bytesOut: end.bytesOut,
    tls,
    adaptation: end.adaptation,
    verdict: end.verdict,
    threat: end.threat,
    incident: end.incident,
    coverage: coverageAtEnd(failure, end.coverage),
    ms,
    ...(waited == null ? {} : { waited }),
    ...(waitedFor === null ? {} : { waitedFor }),
    ...(range == null ? {} : { range }),
    ...(stream == null ? {} : { stream }),
    ...(webSocket == null ? {} : { webSocket }),
    ...(failure === null ? {} : { error: { code: failure.code, message: failure.message } }),
  };
}

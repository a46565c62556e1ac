// The spans of one proxy transaction for OpenTelemetry, made of what was noted when it is over: the whole, the
// adaptation points, each service that was asked, the origin.

import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { ProxyRecord } from '../telemetry/records.ts';
import type { Span } from '../telemetry/otlp/span.ts';
import type { SpanContext } from '../telemetry/otlp/trace-context.ts';
import { newSpanId, TRACEPARENT, traceparent } from '../telemetry/otlp/trace-context.ts';
import { child } from '../telemetry/otlp/tracer.ts';
import type { ServiceNote, StepNotes, TransactionNotes } from './notes.ts';
import { keptText, keptUrl } from './redaction.ts';

/** The place of a transaction in its trace; ids are made before there are spans, since services are told. */
export class TransactionSpan {
  readonly above: SpanContext;
  readonly own: SpanContext;
  readonly #points = new Map<string, SpanContext>();

  /** @param above  see `Tracer.begin` */
  constructor(above: SpanContext) {
    this.above = above;
    this.own = { traceId: above.traceId, spanId: newSpanId(), sampled: true };
  }

  /** Fields for the ICAP header of services at that point. */
  icapHeaders(point: StepNotes['method']): RawHeaders {
    return [TRACEPARENT, traceparent(this.point(point))];
  }

  point(point: StepNotes['method']): SpanContext {
    let context = this.#points.get(point);
    if (context === undefined) {
      context = { ...this.own, spanId: newSpanId() };
      this.#points.set(point, context);
    }
    return context;
  }
}

/** @param endedAt  milliseconds of performance.now() */
export function transactionSpans(
  place: TransactionSpan,
  record: ProxyRecord,
  notes: TransactionNotes,
  endedAt: number,
): Span[] {
  const { above, own } = place;
  const spans = [
    child(above, {
      spanId: own.spanId,
      name: record.method,
      kind: 'server',
      startedAt: endedAt - record.ms,
      endedAt,
      attributes: {
        'http.request.method': record.method,
        'url.full': keptUrl(record.url),
        'http.response.status_code': record.status,
        'client.address': record.client,
        'tls.protocol.version': record.tls?.version ?? null,
        'http.request.body.size': record.bytesIn,
        'http.response.body.size': record.bytesOut,
        'weir.id': record.id,
        'weir.verdict': record.verdict,
        'weir.tls.action': record.tls?.action ?? null,
        'weir.threat': record.threat?.name ?? null,
        'weir.coverage': record.coverage?.reason ?? record.coverage?.state ?? null,
      },
      error: record.error === undefined ? null : keptText(`${record.error.code}: ${record.error.message}`),
    }),
  ];
  for (const point of ['REQMOD', 'RESPMOD'] as const) {
    const steps = notes.steps.filter(({ method, skipped }) => method === point && skipped === null);
    if (steps.length > 0) spans.push(...pointSpans(place, point, steps, endedAt));
  }
  const { origin } = notes;
  if (origin !== null)
    spans.push(
      child(own, {
        name: 'origin',
        kind: 'client',
        startedAt: origin.askedAt,
        endedAt: origin.answeredAt ?? endedAt,
        attributes: {
          'server.address': origin.authority,
          'network.peer.address': origin.way?.address ?? null,
          'network.protocol.name': origin.way?.protocol ?? null,
          'tls.protocol.version': origin.way?.tls ?? null,
          'http.response.status_code': origin.status,
          'weir.connection.reused': origin.reused,
        },
        error: origin.error === null ? null : keptText(origin.error.message),
      }),
    );
  return spans;
}

function pointSpans(
  place: TransactionSpan,
  point: StepNotes['method'],
  steps: readonly StepNotes[],
  endedAt: number,
): Span[] {
  const context = place.point(point);
  const asked = steps.flatMap(({ services }) => services);
  const ended = Math.max(...asked.map((service) => service.endedAt ?? endedAt), steps.at(-1)!.startedAt);
  return [
    child(place.own, {
      spanId: context.spanId,
      name: point,
      kind: 'internal',
      startedAt: steps[0]!.startedAt,
      endedAt: ended,
      attributes: {
        'icap.method': point,
        'weir.verdict': steps.at(-1)!.answer?.verdict ?? null,
        'weir.rules': steps.map(({ rule, name }) => rule?.path ?? name).join(' '),
      },
      error: null,
    }),
    ...asked.map((service) => serviceSpan(context, point, service, endedAt)),
  ];
}

function serviceSpan(
  context: SpanContext,
  point: StepNotes['method'],
  { service, askedAt, endedAt, error, exchanges }: ServiceNote,
  transactionEndedAt: number,
): Span {
  const last = exchanges.at(-1);
  return child(context, {
    name: `${point} ${service}`,
    kind: 'client',
    startedAt: askedAt,
    endedAt: endedAt ?? transactionEndedAt,
    attributes: {
      'icap.method': point,
      'icap.service': service,
      'icap.status_code': last?.answer?.status ?? null,
      'icap.preview': last?.preview ?? null,
      'icap.attempts': Math.max(1, exchanges.length),
      'network.peer.address': last?.address ?? 'in-process',
    },
    error: error === null ? null : keptText(error.message),
  });
}

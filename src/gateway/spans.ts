// The spans of one ICAP transaction of the gateway for OpenTelemetry: the whole, and each blade in it.

import type { Span } from '../telemetry/otlp/span.ts';
import type { SpanContext } from '../telemetry/otlp/trace-context.ts';
import { newSpanId } from '../telemetry/otlp/trace-context.ts';
import { child } from '../telemetry/otlp/tracer.ts';
import type { GatewayRecord } from '../telemetry/records.ts';
import { keptText, keptUrl } from '../trace/redaction.ts';

/**
 * @param above  the span that the ICAP client has told, see `Tracer.beginIcap`
 * @param endedAt  milliseconds of performance.now(). Blades work one after the other, the last one ends here
 */
export function gatewaySpans(above: SpanContext, record: GatewayRecord, endedAt: number): Span[] {
  const own = { ...above, spanId: newSpanId() };
  const whole = child(above, {
    spanId: own.spanId,
    name: `${record.method} ${record.service}`,
    kind: 'server',
    startedAt: endedAt - record.ms,
    endedAt,
    attributes: {
      'icap.method': record.method,
      'icap.service': record.service,
      'icap.status_code': record.icapStatus,
      'url.full': record.url === '' ? null : keptUrl(record.url),
      'client.address': record.icapClient,
      'weir.id': record.id,
      'weir.verdict': record.verdict,
      'weir.threat': record.threat?.name ?? null,
      'weir.bytes': record.bytes,
    },
    error: record.error === undefined ? null : keptText(`${record.error.code}: ${record.error.message}`),
  });
  let bladeEndedAt = endedAt;
  const blades = record.blades.toReversed().map(({ name, verdict, ms }) => {
    const span = child(own, {
      name: `blade ${name}`,
      kind: 'internal',
      startedAt: bladeEndedAt - ms,
      endedAt: bladeEndedAt,
      attributes: { 'weir.blade': name, 'weir.verdict': verdict },
      error: verdict === 'error' ? `${name} failed` : null,
    });
    bladeEndedAt -= ms;
    return span;
  });
  return [whole, ...blades];
}

// Sends spans to an OpenTelemetry collector (OTLP over HTTP, JSON) in batches, away from the transactions. A
// collector that is slow or gone costs spans and one warning, never traffic and never more than a bound of
// memory. Which transactions are traced is decided here; what their spans are, src/trace and src/gateway.

import type { HTTPError } from 'got';
import type { RawHeaders } from '../../icap/codec/http-head.ts';
import { messageOf } from '../../errors.ts';
import { WEIR_VERSION } from '../../util/version.ts';
import { exportRequest } from './span.ts';
import type { Span } from './span.ts';
import type { SpanContext } from './trace-context.ts';
import { newSpanId, newTraceId, traceparentOf } from './trace-context.ts';

export interface TracerOptions {
  /** URL of the collector for traces, e.g. `http://127.0.0.1:4318/v1/traces`. */
  readonly endpoint: string;
  /** Header fields of each export, e.g. a key. */
  readonly headers: Readonly<Record<string, string>>;
  /** Share of new traces that is recorded, 0 to 1. */
  readonly sample: number;
  /** Whether `traceparent` of a client's request is continued. */
  readonly follow: boolean;
  /** `service.name`. */
  readonly service: string;
  /** Milliseconds until the next try after a failure; default 5000. */
  readonly pauseMs?: number;
}

/** Takes what goes wrong. */
export type TracerLog = (level: 'info' | 'warn', message: string, fields: object) => void;

const MAX_WAITING = 8192; // spans
const BATCH = 512;
const EVERY_MS = 1000;
const TIMEOUT_MS = 10_000;
const PAUSE_MS = 5000; // after a failure
const RETRIED = new Set([429, 502, 503, 504]);

export class Tracer {
  readonly #options: TracerOptions;
  readonly #log: TracerLog;
  #waiting: Span[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #failing = false;
  #closed = false;
  /** Spans that were lost. */
  dropped = 0;

  constructor(options: TracerOptions, log: TracerLog) {
    this.#options = options;
    this.#log = log;
  }

  /**
   * A transaction begins.
   * @returns the span above it, or a new trace with `spanId` '' for none; null: it is not traced
   */
  begin(headers: RawHeaders): SpanContext | null {
    const above = this.#options.follow ? traceparentOf(headers) : null;
    if (above !== null) return above.sampled ? above : null;
    if (this.#options.sample < 1 && Math.random() >= this.#options.sample) return null;
    return { traceId: newTraceId(), spanId: '', sampled: true };
  }

  /** An ICAP request has come: what its client says goes; it is trusted like the rest of its header. */
  beginIcap(headers: RawHeaders): SpanContext | null {
    const above = traceparentOf(headers);
    if (above !== null) return above.sampled ? above : null;
    return this.begin([]);
  }

  /** Spans that are over. */
  export(spans: readonly Span[]): void {
    if (this.#closed || this.#waiting.length + spans.length > MAX_WAITING) {
      this.dropped += spans.length;
      return;
    }
    this.#waiting.push(...spans);
    if (this.#failing || this.#sending !== null) return; // it goes on by itself
    if (this.#waiting.length >= BATCH) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), EVERY_MS).unref();
  }

  /** Sends what waits, once; nothing is taken any more. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#sending;
    while (this.#waiting.length > 0 && !this.#failing) {
      this.#send();
      await this.#sending;
    }
    this.dropped += this.#waiting.length;
    this.#waiting = [];
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#sending !== null || this.#waiting.length === 0) return;
    const batch = this.#waiting.splice(0, BATCH);
    this.#sending = this.#post(batch).finally(() => {
      this.#sending = null;
      if (this.#closed || this.#waiting.length === 0) return;
      const wait = this.#failing
        ? (this.#options.pauseMs ?? PAUSE_MS)
        : this.#waiting.length >= BATCH
          ? 0
          : EVERY_MS;
      this.#timer ??= setTimeout(() => this.#send(), wait).unref();
    });
  }

  async #post(batch: Span[]): Promise<void> {
    const { endpoint, headers, service } = this.#options;
    const resource = { 'service.name': service, 'service.version': WEIR_VERSION, 'process.pid': process.pid };
    try {
      const { got } = await import('got'); // takes 60 ms to load, and most never need it
      await got.post(endpoint, {
        headers: { ...headers },
        json: exportRequest(batch, resource, WEIR_VERSION),
        timeout: { request: TIMEOUT_MS },
        retry: { limit: 0 },
        followRedirect: false,
      });
      if (this.#failing) this.#log('info', 'traces are exported again', { endpoint: shown(endpoint) });
      this.#failing = false;
    } catch (error) {
      this.#onFailure(batch, error);
    }
  }

  /** What may succeed later waits in front; what was refused would be again. */
  #onFailure(batch: Span[], error: unknown): void {
    const status = (error as Partial<HTTPError>).response?.statusCode ?? null;
    if ((status === null || RETRIED.has(status)) && this.#waiting.length + batch.length <= MAX_WAITING) {
      this.#waiting.unshift(...batch);
    } else this.dropped += batch.length;
    if (this.#failing) return;
    this.#failing = true;
    this.#log('warn', `traces cannot be exported: ${messageOf(error)}`, {
      endpoint: shown(this.#options.endpoint),
      remedy: 'check tracing.endpoint and the collector; traces wait in memory and are lost beyond a bound',
    });
  }
}

/** The tracer that a configuration describes; null where it sends nothing. */
export function tracerOf(
  { endpoint, ...options }: Omit<TracerOptions, 'endpoint'> & { readonly endpoint: string | null },
  log: TracerLog,
): Tracer | null {
  return endpoint === null ? null : new Tracer({ endpoint, ...options }, log);
}

/** A span of `parent`'s trace. */
export function child(
  parent: SpanContext,
  span: Omit<Span, 'traceId' | 'parentId' | 'spanId'> & { readonly spanId?: string },
): Span {
  const { spanId = newSpanId(), ...rest } = span;
  return { traceId: parent.traceId, parentId: parent.spanId === '' ? null : parent.spanId, spanId, ...rest };
}

function shown(endpoint: string): string {
  const { origin, pathname } = new URL(endpoint);
  return `${origin}${pathname}`;
}

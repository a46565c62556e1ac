// A span, and how OTLP writes it as JSON (OpenTelemetry Protocol 1.x, HTTP, camelCase names, 64-bit numbers as
// text). Attributes are named by the semantic conventions where these have a name.

/** Text, a number or a flag; null: the attribute is left out. */
export type AttributeValue = string | number | boolean | null;

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Null: the root of its trace. */
  readonly parentId: string | null;
  readonly name: string;
  /** Of a request that was taken, of one that was made, or of work inside. */
  readonly kind: 'server' | 'client' | 'internal';
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  /** Message of a failure; null: none. */
  readonly error: string | null;
}

const KINDS = { internal: 1, server: 2, client: 3 } as const;

interface Attribute {
  readonly key: string;
  readonly value: object;
}

/** Body of an export request. */
export function exportRequest(
  spans: readonly Span[],
  resource: Readonly<Record<string, AttributeValue>>,
  version: string,
): object {
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf(resource) },
        scopeSpans: [{ scope: { name: 'weir', version }, spans: spans.map(spanOf) }],
      },
    ],
  };
}

function spanOf(span: Span): object {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    ...(span.parentId === null ? {} : { parentSpanId: span.parentId }),
    name: span.name,
    kind: KINDS[span.kind],
    startTimeUnixNano: nanoseconds(span.startedAt),
    endTimeUnixNano: nanoseconds(Math.max(span.startedAt, span.endedAt)),
    attributes: attributesOf(span.attributes),
    status: span.error === null ? {} : { code: 2, message: span.error },
  };
}

function attributesOf(values: Readonly<Record<string, AttributeValue>>): Attribute[] {
  const attributes: Attribute[] = [];
  for (const [key, value] of Object.entries(values)) {
    if (value !== null) attributes.push({ key, value: valueOf(value) });
  }
  return attributes;
}

function valueOf(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Since the epoch; microseconds are all that the clock knows. */
function nanoseconds(at: number): string {
  return `${Math.round((performance.timeOrigin + at) * 1000)}000`;
}

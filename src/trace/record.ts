// From what was noted to what is stored: relative times, heads without secrets, bounded lengths. Called in
// batches by the store, never by a transaction.

import { ERRORS } from '../errors.ts';
import { readFindings } from '../icap/findings.ts';
import type { ProxyRecord, WebSocketRecord } from '../telemetry/records.ts';
import { decisionOf, policyLine } from './decision.ts';
import type {
  ExchangeNote,
  NotedError,
  OriginNote,
  ServiceNote,
  StepNotes,
  TransactionNotes,
} from './notes.ts';
import { keptFields, keptHeadLines, keptText, keptUrl } from './redaction.ts';
import type {
  TracedAnswer,
  TracedError,
  TracedExchange,
  TracedOrigin,
  TracedService,
  TracedStep,
  TracedTls,
  TraceRecord,
} from './types.ts';

const MAX_BLADES = 32; // of one service

/** A transaction that is over. */
export interface FinishedTransaction {
  readonly record: ProxyRecord;
  readonly notes: TransactionNotes | null;
  /** By the clock, and by performance.now(). */
  readonly endedAtMs: number;
  readonly endedAt: number;
}

/** @returns what is stored; no part refers to the transaction any more */
export function traceRecord({ record, notes, endedAtMs, endedAt }: FinishedTransaction): TraceRecord {
  const startedAt = notes?.startedAt ?? endedAt - record.ms;
  const of = (method: StepNotes['method']): TracedStep[] =>
    (notes?.steps ?? [])
      .filter((step) => step.method === method)
      .map((step) => stepOf(step, startedAt, endedAt));
  const { request, origin } = notes ?? { request: null, origin: null };
  return {
    v: 1,
    id: record.id,
    incident: record.incident === record.id ? null : record.incident,
    time: new Date(endedAtMs - record.ms).toISOString(),
    ms: rounded(record.ms),
    verdict: record.verdict,
    decided: keptText(decisionOf(record, notes)),
    threat: record.threat,
    coverage: record.coverage ?? null,
    error: record.error === undefined ? null : errorOf(record.error),
    client: { address: record.client, user: record.user },
    tls: tlsOf(record, notes),
    request: {
      method: record.method,
      url: keptUrl(record.url),
      version: request?.version ?? null,
      headers: request === null ? [] : keptFields(request.headers),
      bytes: record.bytesIn,
    },
    reqmod: of('REQMOD'),
    origin: origin === null ? null : originOf(origin, endedAt),
    respmod: of('RESPMOD'),
    answer: answerOf(record, notes),
    ...(record.range === undefined ? {} : { range: { ...record.range } }),
    ...(record.stream === undefined ? {} : { stream: { ...record.stream } }),
    ...(record.webSocket === undefined ? {} : { webSocket: webSocketOf(record.webSocket) }),
    ...(record.webSocketMessage === undefined ? {} : { webSocketMessage: { ...record.webSocketMessage } }),
    ...(record.waited === undefined ? {} : { waited: waitedOf(record.waited, notes) }),
    ...(record.waitedFor === undefined ? {} : { waitedFor: record.waitedFor }),
  };
}

/** Counts still belong to the connection. */
function webSocketOf({ toOrigin, toClient, compressed, close }: WebSocketRecord): WebSocketRecord {
  return { toOrigin: { ...toOrigin }, toClient: { ...toClient }, compressed, close: { ...close } };
}

function waitedOf(way: string, notes: TransactionNotes | null): { way: string; at: number | null } {
  const at = notes?.waitedAt ?? null;
  return { way, at: at === null ? null : rounded(at - notes!.startedAt) };
}

function tlsOf({ tls }: ProxyRecord, notes: TransactionNotes | null): TracedTls | null {
  const tunnel = notes?.tunnel ?? null;
  if (tls === null && tunnel === null) return null;
  return {
    action: tls?.action ?? 'none',
    sni: tls?.sni ?? null,
    version: tls?.version ?? null,
    alpn: tls?.alpn ?? null,
    tunnel: tunnel?.authority ?? null,
    rule: tunnel?.rule ?? null,
    ms: tunnel === null ? null : rounded(tunnel.ms),
  };
}

function stepOf(step: StepNotes, startedAt: number, endedAt: number): TracedStep {
  const { answer } = step;
  const message = answer?.response ?? answer?.request ?? null;
  const startLine =
    answer?.response != null
      ? `HTTP/${answer.response.version} ${answer.response.status} ${answer.response.reason}`
      : answer?.request != null
        ? `${answer.request.method} ${keptUrl(answer.request.target)} HTTP/${answer.request.version}`
        : null;
  return {
    use: step.name,
    rule: step.rule,
    skipped: step.skipped,
    at: rounded(step.startedAt - startedAt),
    services: step.services.map((service) => serviceOf(service, endedAt)),
    answer:
      answer === null
        ? null
        : {
            icapStatus: answer.icapStatus,
            headers: keptFields(answer.icapHeaders),
            verdict: answer.verdict,
            startLine,
            messageHeaders: message === null ? [] : keptFields(message.headers),
          },
  };
}

function serviceOf(note: ServiceNote, endedAt: number): TracedService {
  const { service, error, after, key, exchanges } = note;
  const isPolicy = after === 'block' || after === 'bypass';
  return {
    service,
    ms: rounded((note.endedAt ?? endedAt) - note.askedAt),
    error: error === null ? null : errorOf(error),
    after,
    decided: isPolicy ? policyLine(service, key, after) : null,
    attempts: exchanges.map((exchange) => exchangeOf(exchange, note.endedAt ?? endedAt)),
    ...bladesOf(note),
  };
}

function bladesOf({ findings, exchanges }: ServiceNote): Pick<TracedService, 'blades'> {
  const said = findings ?? readFindings(exchanges.at(-1)?.answer?.headers ?? []);
  if (said === null || said.length === 0) return {};
  return {
    blades: said.slice(0, MAX_BLADES).map(({ name, verdict, ms, cached }) => ({
      name: keptText(name),
      verdict: keptText(verdict),
      ms: rounded(ms),
      ...(cached === true ? { cached } : {}),
    })),
  };
}

function exchangeOf(note: ExchangeNote, endedAt: number): TracedExchange {
  const { address, askedAt, connectedAt, connectMs, firstByteAt, requestHead, preview, body, answer } = note;
  const end = note.endedAt ?? endedAt;
  return {
    address,
    queuedMs: rounded(Math.max(0, (connectedAt ?? end) - askedAt - (connectMs ?? 0))),
    connectMs: connectMs === null ? null : rounded(connectMs),
    firstByteMs: firstByteAt === null || connectedAt === null ? null : rounded(firstByteAt - connectedAt),
    ms: rounded(end - askedAt),
    request: requestHead === null ? [] : keptHeadLines(requestHead),
    preview,
    body: body === null ? null : body.toString('base64'),
    status: answer?.status ?? null,
    reason: answer === null ? null : keptText(answer.reason),
    headers: answer === null ? [] : keptFields(answer.headers),
    error: note.error === null ? null : errorOf(note.error),
  };
}

function originOf(note: OriginNote, endedAt: number): TracedOrigin {
  const { authority, askedAt, connectedAt, way, reused, answeredAt, status, error } = note;
  return {
    authority,
    address: way?.address ?? null,
    tls: way?.tls ?? null,
    protocol: way?.protocol ?? null,
    ...(way?.parent === undefined ? {} : { parent: way.parent }),
    reused,
    connectMs: way === null || reused ? null : rounded(way.connectMs),
    firstByteMs: answeredAt === null || connectedAt === null ? null : rounded(answeredAt - connectedAt),
    ms: rounded((answeredAt ?? endedAt) - askedAt),
    status,
    error: error === null ? null : errorOf(error),
  };
}

function answerOf(record: ProxyRecord, notes: TransactionNotes | null): TracedAnswer {
  const answer = notes?.answer ?? null;
  return {
    status: record.status,
    reason: answer === null ? null : keptText(answer.reason),
    headers: answer === null ? [] : keptFields(answer.headers),
    bytes: record.bytesOut,
    from: makerOf(record, notes),
  };
}

function makerOf(record: ProxyRecord, notes: TransactionNotes | null): TracedAnswer['from'] {
  if (record.method === 'CONNECT' && record.status < 400) return 'tunnel';
  if (record.status === 0) return 'nobody';
  if (record.webSocket !== undefined) return 'origin'; // the 101; what was blocked came later
  if (record.error !== undefined && record.incident === record.id) return 'weir';
  const made = notes?.steps.some(({ answer }) => answer?.response != null) ?? record.verdict === 'blocked';
  return made ? 'service' : 'origin';
}

function errorOf({ code, message }: NotedError): TracedError {
  return { code, message: keptText(message), remedy: ERRORS[code].remedy };
}

/** To a hundredth of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

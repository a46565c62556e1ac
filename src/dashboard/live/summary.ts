// A record of the log as one row of a list. Texts of peers are cut and free of passwords; everything is shown
// as text by whoever shows it.

import type { GatewayRecord, ProxyRecord } from '../../telemetry/records.ts';
import { keptUrl } from '../../trace/redaction.ts';
import type { TransactionSummary } from '../api/types.ts';

const MAX_TEXT = 256; // characters
const MAX_SERVICES = 16;

/** @param time  milliseconds since 1970 at which it ended */
export function proxySummary(record: ProxyRecord, time: number): TransactionSummary {
  const { user, threat, coverage } = record;
  const url = own(keptUrl(record.url));
  // One literal without spreads: this is made for each row, and with them it takes ten times as long.
  return {
    id: record.id,
    incident: record.incident,
    kind: 'proxy',
    time: new Date(time).toISOString(),
    ms: rounded(record.ms),
    client: record.client,
    user: user === null ? null : cut(user),
    method: cut(record.method),
    url,
    host: hostOf(url),
    status: record.status,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    verdict: record.verdict,
    threat: threat === null ? null : cut(threat.name),
    severity: threat?.severity ?? null,
    tls: record.tls?.action ?? null,
    notScanned: coverage?.state === 'not-scanned' ? (coverage.reason ?? 'unknown') : null,
    services: record.adaptation
      .slice(0, MAX_SERVICES)
      .map(({ service, method, verdict, ms }) => ({ name: service, method, verdict, ms: rounded(ms) })),
    error: record.error?.code ?? null,
  };
}

/** @param time  milliseconds since 1970 at which it ended */
export function gatewaySummary(record: GatewayRecord, time: number): TransactionSummary {
  const { method, user, threat } = record;
  const url = own(keptUrl(record.url));
  return {
    id: record.id,
    incident: null,
    kind: 'gateway',
    time: new Date(time).toISOString(),
    ms: rounded(record.ms),
    client: record.clientIp ?? record.icapClient,
    user: user === null ? null : cut(user),
    method,
    url,
    host: hostOf(url),
    status: record.icapStatus,
    bytesIn: record.bytes,
    bytesOut: 0,
    verdict: record.verdict,
    threat: threat === null ? null : cut(threat.name),
    severity: threat?.severity ?? null,
    tls: null,
    notScanned: null,
    services: record.blades
      .slice(0, MAX_SERVICES)
      .map((blade) => ({ name: blade.name, method, verdict: blade.verdict, ms: rounded(blade.ms) })),
    error: record.error?.code ?? null,
  };
}

/** Host of an absolute URL or of `host:port`; '' where there is none. */
export function hostOf(url: string): string {
  const authority = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(url)?.[1] ?? '';
  return authority.replace(/^\[|\]$/g, '').toLowerCase();
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? own(`${text.slice(0, MAX_TEXT)}…`) : text;
}

/** A long text of its own: a part of a string keeps the whole of it in memory. */
function own(text: string): string {
  return text.length > MAX_TEXT ? Buffer.from(text).toString() : text;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

// A finished transaction of the gateway as its log record and its figures.

import type { IcapReport } from '../icap/service.ts';
import type { Meters } from '../metrics/meters.ts';
import type { BlockVerdict } from '../plugin/api.ts';
import type { GatewayRecord, ThreatRecord } from '../telemetry/records.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { messageUrl } from './blade-message.ts';
import { readIdentity } from './identity.ts';
import { inspectionNoteOf } from './scan-service.ts';

export function verdictOf({ outcome, error }: IcapReport): GatewayRecord['verdict'] {
  if (error !== null || outcome === null) return 'error';
  if (outcome.kind === 'unmodified') return 'allowed';
  return outcome.serverMade && outcome.headers !== undefined ? 'blocked' : 'modified';
}

/** What the record says in numbers, without one being made. */
export function meter(meters: Meters, report: IcapReport, verdict: GatewayRecord['verdict']): void {
  const { service, transaction, icapStatus, error, ms } = report;
  const { trace = [], bytes = 0 } = inspectionNoteOf(transaction) ?? {};
  const code = error?.code ?? null;
  const { method } = transaction;
  meters.gateway({ service, method, icapStatus, verdict, ms, bytes, blades: trace, code });
}

export function recordOf(report: IcapReport, verdict: GatewayRecord['verdict']): GatewayRecord {
  const { transaction, error } = report;
  const note = inspectionNoteOf(transaction);
  const identity = readIdentity(transaction.icapHeaders);
  const { block = null } = note ?? {};
  return {
    id: note?.incident ?? newIncidentId(),
    icapClient: transaction.icapClient,
    ...(transaction.isOwn === true ? { own: true as const } : {}),
    service: report.service,
    method: transaction.method,
    icapStatus: report.icapStatus,
    clientIp: identity.clientIp,
    serverIp: identity.serverIp,
    user: identity.user,
    url: safeUrl(report),
    verdict,
    threat: block === null ? null : threatOf(block),
    blades: note?.trace ?? [],
    ...(note === undefined ? {} : { profile: note.profile }),
    bytes: note?.bytes ?? 0,
    ms: report.ms,
    ...(transaction.icapUser == null ? {} : { icapUser: transaction.icapUser }),
    ...(transaction.icapCertificate == null ? {} : { icapCertificate: transaction.icapCertificate }),
    ...(error === null ? {} : { error: { code: error.code, message: error.message } }),
  };
}

function threatOf({
  threat,
  blade,
  severity,
  report,
}: BlockVerdict & { readonly blade: string }): ThreatRecord {
  return { name: threat, blade, severity, ...(report === undefined ? {} : { report }) };
}

/** A section that is no HTTP must not fail its own log record. */
function safeUrl(report: IcapReport): string {
  try {
    return messageUrl(report.transaction);
  } catch {
    return '';
  }
}

// Incidents and log records in the one form that all formats for SIEMs are written from: what happened, how bad
// it is, and named values. Nothing of bodies, cookies or authorization is ever in it.

import type { Severity } from '../../plugin/api.ts';
import type { Incident } from '../incidents.ts';
import type { GatewayRecord, ProxyRecord } from '../records.ts';
import { tellableUrl } from '../tellable-url.ts';

/** What a target may want. */
export type SiemKind = 'incidents' | 'gateway' | 'proxy';

export interface SiemEvent {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Incident id, or id of the transaction. */
  readonly id: string;
  /** What kind of event, stable: `block`, `background`, `continued`, `icap-transaction`, `http-transaction`. */
  readonly type: string;
  /** The same for people. */
  readonly name: string;
  readonly severity: Severity | 'info';
  /** Null and empty values are left out of every format. */
  readonly values: SiemValues;
}

export interface SiemValues {
  readonly client?: string | null;
  readonly server?: string | null;
  readonly icapClient?: string | null;
  readonly user?: string | null;
  readonly url?: string | null;
  readonly method?: string | null;
  readonly direction?: string | null;
  /** `blocked`, `allowed`, `modified`, `bypassed`, `error`, `alerted` or `continued`. */
  readonly action: string;
  readonly threat?: string | null;
  readonly blade?: string | null;
  readonly profile?: string | null;
  readonly service?: string | null;
  readonly reason?: string | null;
  readonly justification?: string | null;
  readonly sha256?: string | null;
  readonly bytes?: number | null;
  readonly status?: number | null;
  readonly ms?: number | null;
  readonly quarantined?: boolean | null;
  readonly recipients?: number | null;
  readonly errorCode?: string | null;
}

const INCIDENTS: Readonly<Record<Incident['kind'], { name: string; action: string }>> = {
  block: { name: 'Content blocked', action: 'blocked' },
  background: { name: 'Threat found in content that has passed', action: 'alerted' },
  continued: { name: 'User continued past a block', action: 'continued' },
};

export function incidentEvent(incident: Incident): SiemEvent {
  const { kind, time, id, severity, recipients, moreRecipients } = incident;
  const { client, user, url, direction, threat, blade, profile, service, reason } = incident;
  const { sha256, bytes, quarantined, justification = null } = incident;
  const { name, action } = INCIDENTS[kind];
  return {
    ...{ time, id, type: kind, name, severity },
    values: {
      ...{ client, user, url: tellableUrl(url), direction, action, threat, blade, profile, service, reason },
      ...{ justification, sha256, bytes, quarantined },
      recipients: kind === 'background' ? recipients.length + moreRecipients : null,
    },
  };
}

/** @param time  milliseconds since 1970 */
export function gatewayEvent(record: GatewayRecord, time: number): SiemEvent {
  const { id, clientIp, serverIp, user, url, method, service, icapClient, profile } = record;
  const { threat, verdict, bytes, icapStatus, ms, error } = record;
  return {
    ...{ time, id, type: 'icap-transaction', name: `ICAP transaction ${verdict}` },
    severity: severityOf(threat?.severity, verdict),
    values: {
      ...{ client: clientIp, server: serverIp, user, url: tellableUrl(url), method, action: verdict },
      ...{ icapClient, service, profile: profile ?? null, bytes, status: icapStatus, ms: Math.round(ms) },
      ...{ threat: threat?.name ?? null, blade: threat?.blade ?? null, errorCode: error?.code ?? null },
    },
  };
}

/** @param time  milliseconds since 1970 */
export function proxyEvent(record: ProxyRecord, time: number): SiemEvent {
  const { id, client, user, url, method, threat, verdict, bytesOut, status, ms, error } = record;
  return {
    ...{ time, id: record.incident ?? id, type: 'http-transaction', name: `HTTP transaction ${verdict}` },
    severity: severityOf(threat?.severity, verdict),
    values: {
      ...{ client, user, url: tellableUrl(url), method, action: verdict, bytes: bytesOut, status },
      ...{ ms: Math.round(ms), threat: threat?.name ?? null, blade: threat?.blade ?? null },
      errorCode: error?.code ?? null,
    },
  };
}

function severityOf(severity: string | null | undefined, verdict: string): SiemEvent['severity'] {
  const known = (['low', 'medium', 'high', 'critical'] as const).find((it) => it === severity);
  if (known !== undefined) return known;
  return verdict === 'error' || verdict === 'bypassed' ? 'low' : 'info';
}

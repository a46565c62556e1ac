// What an ICAP answer means for the log: allowed, modified or blocked, and by what. Vendors tell it in
// different fields. K-62, V-22 … V-27, V-56 … V-58.

import { fieldValue } from '../../icap/codec/fields.ts';
import type { Adaptation } from '../../icap/client/adaptation.ts';
import { INCIDENT_ID } from '../../util/incident-id.ts';
import type { NotScannedReason } from './coverage.ts';

export type StepVerdict = 'allowed' | 'modified' | 'blocked' | 'bypassed' | 'error';

export interface Threat {
  readonly name: string;
  readonly blade: string | null;
  readonly severity: string | null;
  /** Of a Weir gateway: id of the report that its blade keeps. */
  readonly report?: string;
}

const ALLOWED: Judgement = { verdict: 'allowed', threat: null, incident: null };
const MODIFIED: Judgement = { verdict: 'modified', threat: null, incident: null };

const NAME_FIELDS = [
  'x-virus-id',
  'x-virus-name',
  'x-block-reason',
  'x-blocked-reason',
  'x-blocked',
] as const;

export interface Judgement {
  readonly verdict: StepVerdict;
  readonly threat: Threat | null;
  /** Id that a Weir gateway gave to the block and shows on its page. */
  readonly incident: string | null;
}

/** Verdict and threat of one answer. */
export function judge(adaptation: Adaptation): Judgement {
  const { request, response, icapHeaders } = adaptation;
  if (request === null && response === null) return ALLOWED;
  const name = threatName(icapHeaders) ?? (response === null ? null : threatName(response.headers));
  const blocked = response !== null && (name !== null || response.status === 403);
  if (!blocked) return MODIFIED;
  return {
    verdict: 'blocked',
    threat: {
      name: name ?? 'policy',
      blade: fieldValue(icapHeaders, 'x-weir-blade') ?? null,
      severity: fieldValue(icapHeaders, 'x-weir-severity') ?? null,
      ...reportOf(fieldValue(icapHeaders, 'x-weir-report')),
    },
    incident: incidentId(fieldValue(icapHeaders, 'x-weir-incident')),
  };
}

/** Why a service let content pass that it has not seen into, where it says so; null where it does not. */
export function notScannedReason({ icapHeaders }: Adaptation): NotScannedReason | null {
  const said = fieldValue(icapHeaders, 'x-weir-not-scanned')?.toLowerCase();
  if (said === undefined) return null;
  if (/encrypt|password/.test(said)) return 'encrypted';
  if (/budget|size|limit/.test(said)) return 'size';
  if (/timeout/.test(said)) return 'timeout';
  if (said === 'no blade') return 'policy';
  return /fail|error/.test(said) ? 'service-down' : 'type';
}

function incidentId(value: string | undefined): string | null {
  return value !== undefined && INCIDENT_ID.test(value) ? value : null;
}

function reportOf(value: string | undefined): { readonly report?: string } {
  return value !== undefined && /^[A-Za-z0-9-]{1,64}$/.test(value) ? { report: value } : {};
}

function threatName(headers: readonly string[]): string | null {
  const infection = fieldValue(headers, 'x-infection-found');
  const threat = infection === undefined ? null : /Threat=([^;]*)/i.exec(infection);
  if (threat !== null && threat[1]!.trim() !== '') return threat[1]!.trim();
  for (const field of NAME_FIELDS) {
    const value = fieldValue(headers, field);
    if (value !== undefined && value !== '' && !/^no threats?$/i.test(value)) return value;
  }
  return null;
}

// What the ICAP client gets for a blocked message: the UserCheck page, and the fields that other vendors'
// clients read a verdict from. G-27, K-62.

import { Body } from '../http/body.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import type { Adapted, IcapTransaction } from '../icap/service.ts';
import type { ContinueForm, Look, ReportLink } from '../pages/index.ts';
import { audienceOf, blockPage, languageOf } from '../pages/index.ts';
import type { BlockVerdict } from '../plugin/api.ts';

const NO_WAY = { goOn: null, look: null, reports: null };

/**
 * The answer with the page. `incident` is what the page and the log call it by; `way`: how to continue.
 * `reports`: address that the id of a report completes; null: the page names the id alone.
 */
export function blockOutcome(
  transaction: IcapTransaction,
  found: BlockVerdict & { readonly blade: string },
  about: { readonly incident: string; readonly url: string; readonly profile: string },
  way: {
    readonly goOn: ContinueForm | null;
    readonly look: Look | null;
    readonly reports: string | null;
  } = NO_WAY,
): Adapted {
  const { request, method } = transaction;
  const page = blockPage(
    {
      threat: found.threat,
      blade: found.blade,
      severity: found.severity,
      reason: found.reason,
      incident: about.incident,
      time: new Date(),
      url: about.url,
      method: request?.method ?? '',
      direction: method === 'REQMOD' ? 'request' : 'response',
      profile: about.profile,
      goOn: way.goOn,
      report: reportLink(found.report, way.reports),
    },
    audienceOf(request?.headers ?? null),
    languageOf(request?.headers ?? null, way.look?.catalogues),
    way.look,
  );
  const threat = fieldText(found.threat);
  const headers: RawHeaders = [
    'X-Infection-Found',
    `Type=0; Resolution=2; Threat=${threat.replaceAll(';', ',')};`,
    'X-Virus-ID',
    threat,
    'X-Blocked-Reason',
    fieldText(found.reason),
    'X-Response-Info',
    'Blocked',
    'X-Weir-Blade',
    found.blade,
    'X-Weir-Severity',
    found.severity,
    'X-Weir-Incident',
    about.incident,
  ];
  if (found.report !== undefined) headers.push('X-Weir-Report', fieldText(found.report));
  const response = { version: '1.1', status: page.status, reason: page.reason, headers: page.headers };
  return { kind: 'adapted', response, body: Body.of(page.body), serverMade: true, headers };
}

function reportLink(id: string | undefined, reports: string | null): ReportLink | null {
  return id === undefined ? null : { id, url: reports === null ? null : reports + encodeURIComponent(id) };
}

/** Names and reasons may come from file names inside archives: one printable line for a header field. */
export function fieldText(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 200)
    .trim();
}

// The answer to a request whose origin could not be verified, as the page that explains it.

import { STATUS_CODES } from 'node:http';
import type { WeirError } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { Answer } from '../http/server-connection.ts';
import type { RequestHead } from '../icap/codec/http-head.ts';
import type { CertificatePageInput, ShownCertificate } from '../pages/index.ts';
import { audienceOf, certificatePage, languageOf } from '../pages/index.ts';
import type { CertificateReport } from './origin/verification-report.ts';
import { nameOf } from './origin/verification-report.ts';

/** How the user may go on; see `CertificatePageInput`. */
export type WayOn = NonNullable<CertificatePageInput['goOn']>;

/** The page about a report, for whoever sent `request`. @param wayOn  null: there is none */
export function certificateAnswer(
  error: WeirError,
  report: CertificateReport,
  {
    incident,
    url,
    request,
  }: { readonly incident: string; readonly url: string; readonly request: RequestHead },
  wayOn: WayOn | null,
): Answer {
  const status = error.httpStatus;
  const page = certificatePage(
    {
      status,
      reason: STATUS_CODES[status] ?? 'Error',
      message: error.message,
      incident,
      time: new Date(),
      url,
      site: report.serverName,
      faults: report.faults.map(({ text }) => text),
      certificate: shownCertificate(report),
      goOn: wayOn,
    },
    audienceOf(request.headers),
    languageOf(request.headers),
  );
  return {
    status: page.status,
    reason: page.reason,
    headers: page.headers,
    body: request.method === 'HEAD' ? null : Body.of(page.body),
    contentLength: page.body.length,
  };
}

function shownCertificate({ chain }: CertificateReport): ShownCertificate | null {
  const [leaf] = chain;
  if (leaf === undefined) return null;
  const { asymmetricKeyType, asymmetricKeyDetails } = leaf.publicKey;
  const size = asymmetricKeyDetails?.modulusLength ?? asymmetricKeyDetails?.namedCurve ?? '';
  return {
    subject: oneLine(leaf.subject),
    issuer: oneLine(leaf.issuer),
    names: leaf.subjectAltName ?? '',
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
    fingerprint: leaf.fingerprint256,
    serial: leaf.serialNumber,
    key: `${asymmetricKeyType?.toUpperCase() ?? ''} ${size}`.trim(),
    chain: chain.map(nameOf),
  };
}

function oneLine(name: string | undefined): string {
  return (name ?? '').replaceAll('\n', ', ');
}

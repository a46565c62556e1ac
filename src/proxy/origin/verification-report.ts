// What is wrong with an origin's certificate, in full: OpenSSL names one fault and stops, a person wants to
// know all of them, and about which certificate. Says nothing of what follows from it.

import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { certificateParts } from '../../ca/extensions.ts';
import { HttpError } from '../../errors.ts';
import type { OriginTarget } from './engine.ts';

export type CertificateFaultCode =
  | 'expired'
  | 'not-yet-valid'
  | 'wrong-host'
  | 'self-signed'
  | 'untrusted-root'
  | 'incomplete'
  | 'chain-expired'
  | 'weak'
  | 'revoked'
  | 'wrong-purpose'
  | 'bad-signature'
  | 'missing'
  | 'other';

export interface CertificateFault {
  readonly code: CertificateFaultCode;
  /** One clause for people: `it expired on 2026-01-01`. */
  readonly text: string;
}

export interface CertificateReport {
  readonly host: string;
  readonly port: number;
  /** What the certificate was to be valid for. */
  readonly serverName: string;
  /** At least one; the most telling first. */
  readonly faults: readonly [CertificateFault, ...CertificateFault[]];
  /** As the origin sent them, its own first; none where it sent none. */
  readonly chain: readonly X509Certificate[];
  /** SHA-256 of the origin's own certificate, hex pairs with colons; null without one. */
  readonly fingerprint256: string | null;
}

/** The certificate of an origin cannot be verified: `ERR_ORIGIN_UNTRUSTED` with all that is known of it. */
export class OriginUntrustedError extends HttpError {
  readonly report: CertificateReport;
  /** What was missing is there now: the next connection may well succeed. */
  readonly mayRetry: boolean;

  constructor(report: CertificateReport, cause: string, mayRetry = false) {
    const { host, port, serverName, faults } = report;
    const text = faults.map((fault) => fault.text).join('; ');
    const fields = { host, port, cause, faults: faults.map(({ code }) => code).join(' ') };
    super('ERR_ORIGIN_UNTRUSTED', `the certificate of ${serverName} is not trusted: ${text}`, fields);
    this.report = report;
    this.mayRetry = mayRetry;
  }
}

/** The report of an error that has one, or null. */
export function reportOf(error: unknown): CertificateReport | null {
  return (error as { report?: CertificateReport } | null)?.report ?? null;
}

/** OpenSSL's names (verify(1)), as far as more than one stands for the same fault. */
const CODES: Readonly<Record<string, CertificateFaultCode>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrong-host',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted-root',
  UNABLE_TO_GET_ISSUER_CERT: 'incomplete',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'incomplete',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'incomplete',
  CERT_UNTRUSTED: 'untrusted-root',
  CERT_REVOKED: 'revoked',
  INVALID_PURPOSE: 'wrong-purpose',
  INVALID_CA: 'wrong-purpose',
  CERT_SIGNATURE_FAILURE: 'bad-signature',
  EE_KEY_TOO_SMALL: 'weak',
  CA_KEY_TOO_SMALL: 'weak',
  CA_MD_TOO_WEAK: 'weak',
};

/**
 * Looks at a chain that was not accepted.
 *
 * @param code  OpenSSL's or Node's name of the fault that it stopped at
 * @param now  milliseconds since the epoch
 */
export function reportOn(
  { host, port, serverName }: OriginTarget,
  chain: readonly X509Certificate[],
  code: string,
  now = Date.now(),
): CertificateReport {
  const [leaf] = chain;
  const place = { host, port, serverName, chain, fingerprint256: leaf?.fingerprint256 ?? null };
  if (leaf === undefined) return { ...place, faults: [{ code: 'missing', text: 'the origin sent none' }] };
  const found = new Map<CertificateFaultCode, string>();
  const named = CODES[code] ?? (isWeak(chain) ? 'weak' : 'other');
  if (named === 'revoked') found.set('revoked', 'its issuer has revoked it');
  if (now > Date.parse(leaf.validTo)) found.set('expired', `it expired on ${dayOf(leaf.validTo)}`);
  if (now < Date.parse(leaf.validFrom))
    found.set('not-yet-valid', `it is valid from ${dayOf(leaf.validFrom)} on, not yet`);
  if (!isFor(leaf, serverName)) {
    found.set(
      'wrong-host',
      `it is not valid for ${serverName}, only for ${leaf.subjectAltName ?? nameOf(leaf)}`,
    );
  }
  if (isSelfSigned(leaf)) found.set('self-signed', 'the site has issued it to itself (self-signed)');
  for (const above of chain.slice(1)) {
    if (now > Date.parse(above.validTo))
      found.set(
        'chain-expired',
        `the certificate above it, ${nameOf(above)}, expired on ${dayOf(above.validTo)}`,
      );
  }
  const known = found.has(named) || (named === 'expired' && found.has('chain-expired'));
  if (!known && !(named === 'untrusted-root' && found.has('self-signed')))
    found.set(named, words(named, code, chain));
  const [first, ...rest] = [...found].map(([one, text]) => ({ code: one, text }));
  return { ...place, faults: [first!, ...rest] };
}

function words(fault: CertificateFaultCode, code: string, chain: readonly X509Certificate[]): string {
  const top = chain.at(-1)!;
  const root = isSelfSigned(top) ? nameOf(top) : issuerNameOf(top);
  switch (fault) {
    case 'untrusted-root':
      return `it comes from ${root}, an authority that nobody here has trusted`;
    case 'incomplete':
      return `it comes from ${root}, which is no trusted authority, and nothing links it to one`;
    case 'weak':
      return 'its key or its signature is too weak to prove anything';
    case 'wrong-purpose':
      return `it, or what is above it, is not meant for this use (${code})`;
    case 'bad-signature':
      return 'its signature is wrong';
    default:
      return `it is not accepted (${code})`;
  }
}

/** Signatures with MD5 and SHA-1, as OIDs. */
const WEAK_SIGNATURES = new Set(['1.2.840.113549.1.1.4', '1.2.840.113549.1.1.5', '1.2.840.10045.4.1']);
const LEAST_RSA_BITS = 2_048;

/** Node has no name for what OpenSSL then says. */
function isWeak(chain: readonly X509Certificate[]): boolean {
  return chain.some((certificate) => {
    const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;
    const signed = !isSelfSigned(certificate) && WEAK_SIGNATURES.has(certificateParts(certificate).signature);
    return bits < LEAST_RSA_BITS || signed;
  });
}

/** @param name  DNS name or address */
export function isFor(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

/** Also one that may not sign certificates, as self-made ones often. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer && certificate.verify(certificate.publicKey);
}

/** The common name, else the whole subject on one line. */
export function nameOf(certificate: X509Certificate): string {
  return shortName(certificate.subject);
}

export function issuerNameOf(certificate: X509Certificate): string {
  return shortName(certificate.issuer);
}

function shortName(name: string | undefined): string {
  const text = name ?? '';
  return /^CN=(.+)$/m.exec(text)?.[1] ?? (text.replaceAll('\n', ', ') || 'nobody');
}

/** `2026-11-22`, from what node:crypto prints. */
export function dayOf(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : time.toISOString().slice(0, 10);
}

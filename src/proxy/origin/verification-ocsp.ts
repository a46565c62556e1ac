// Reads the OCSP response that an origin sends along with its certificate (stapling) and decides whether it
// counts: about this certificate, signed by its issuer or by whom the issuer has named, of now. What does
// not count is as good as none. RFC 6960 §4.2; RFC 6066 §8.

import { createHash, X509Certificate } from 'node:crypto';
import { bitsOf, DerReader, dotted, TAG, timeOf } from '../../ca/der-reader.ts';
import { certificateParts, extensionOf, EXTENSION } from '../../ca/extensions.ts';
import { isSignedBy } from './verification-signature.ts';

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1';
const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9';
const MAX_RESPONSE = 64 * 1024; // bytes
const MAX_RESPONSES = 16; // certificates that one response is about
const MAX_RESPONDERS = 4; // certificates in it
const CLOCK_MS = 300_000; // clocks of responders may be ahead
const MAX_AGE_MS = 10 * 24 * 3_600_000; // of a response that does not say when the next one comes

const HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1', // names the issuer here, protects nothing
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

export type OcspStatus = 'good' | 'revoked';

/**
 * What a stapled response says of a certificate.
 *
 * @param issuer  of the certificate, as it was verified
 * @returns null where it says nothing that counts. Never rejects
 */
export async function stapledStatus(
  response: Buffer,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now = Date.now(),
): Promise<OcspStatus | null> {
  if (response.length > MAX_RESPONSE) return null;
  try {
    const basic = basicResponse(response);
    if (basic === null) return null;
    const tbs = basic.next(TAG.sequence);
    const algorithm = basic.next(TAG.sequence).raw;
    const signature = bitsOf(basic.next(TAG.bitString));
    const status = statusIn(new DerReader(tbs.content), certificate, issuer, now);
    if (status === null) return null;
    const certificates = basic.optional(0xa0);
    const responders = [issuer, ...(certificates === null ? [] : named(certificates.content, issuer, now))];
    for (const { publicKey } of responders) {
      if (await isSignedBy(publicKey, algorithm, tbs.raw, signature)) return status;
    }
  } catch {
    // Not DER, or another structure.
  }
  return null;
}

/** The BasicOCSPResponse of a successful OCSPResponse. */
function basicResponse(response: Buffer): DerReader | null {
  const outer = new DerReader(response).inside();
  if (outer.next(TAG.enumerated).content[0] !== 0) return null;
  const bytes = outer.inside(0xa0).inside();
  if (dotted(bytes.next(TAG.objectIdentifier).content) !== BASIC_RESPONSE) return null;
  return new DerReader(bytes.next(TAG.octetString).content).inside();
}

function statusIn(
  data: DerReader,
  certificate: X509Certificate,
  issuer: X509Certificate,
  now: number,
): OcspStatus | null {
  data.optional(0xa0); // version
  data.next(); // responder
  data.next(TAG.generalizedTime);
  const responses = data.inside();
  for (let i = 0; i < MAX_RESPONSES && !responses.done; i++) {
    const single = responses.inside();
    const isAbout = isOf(single.inside(), certificate, issuer);
    const { tag } = single.next();
    const thisUpdate = timeOf(single.next(TAG.generalizedTime));
    const next = single.optional(0xa0);
    const nextUpdate =
      next === null ? thisUpdate + MAX_AGE_MS : timeOf(new DerReader(next.content).next(TAG.generalizedTime));
    if (!isAbout || !(thisUpdate <= now + CLOCK_MS && now <= nextUpdate + CLOCK_MS)) continue;
    if (tag === 0x80) return 'good';
    return tag === 0xa1 ? 'revoked' : null; // else unknown
  }
  return null;
}

/** @param id  CertID */
function isOf(id: DerReader, certificate: X509Certificate, issuer: X509Certificate): boolean {
  const hash = HASHES[dotted(id.inside().next(TAG.objectIdentifier).content)];
  const nameHash = id.next(TAG.octetString).content;
  const keyHash = id.next(TAG.octetString).content;
  const serial = id.next(TAG.integer).content;
  if (hash === undefined || !serial.equals(certificateParts(certificate).serial)) return false;
  const key = new DerReader(issuer.publicKey.export({ type: 'spki', format: 'der' })).inside();
  key.next(); // algorithm
  return (
    createHash(hash).update(certificateParts(issuer).subject).digest().equals(nameHash) &&
    createHash(hash)
      .update(bitsOf(key.next(TAG.bitString)))
      .digest()
      .equals(keyHash)
  );
}

/** Certificates in the response that the issuer has made for signing such responses. */
function named(content: Buffer, issuer: X509Certificate, now: number): X509Certificate[] {
  const list = new DerReader(content).inside();
  const found: X509Certificate[] = [];
  while (!list.done && found.length < MAX_RESPONDERS) {
    const responder = new X509Certificate(list.next(TAG.sequence).raw);
    const usage = extensionOf(responder, EXTENSION.extendedKeyUsage);
    const signs =
      usage !== null &&
      new DerReader(usage)
        .inside()
        .rest()
        .some(({ content: id }) => dotted(id) === OCSP_SIGNING);
    const valid = Date.parse(responder.validFrom) <= now && now <= Date.parse(responder.validTo);
    if (signs && valid && responder.checkIssued(issuer) && responder.verify(issuer.publicKey))
      found.push(responder);
  }
  return found;
}

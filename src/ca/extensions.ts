// Finds the extensions of a certificate that node:crypto does not tell of, as bytes. What they mean is read
// elsewhere. RFC 5280 §4.1, §4.2.

import type { X509Certificate } from 'node:crypto';

import { DerReader, dotted, TAG } from './der-reader.ts';

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Parts of a certificate that node:crypto keeps to itself. All are DER, header included. */
export interface CertificateParts {
  /** Content octets of the serial number. */
  readonly serial: Buffer;
  /** OID of the algorithm that it is signed with. */
  readonly signature: string;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Content of each extension's OCTET STRING, by dotted OID. */
  readonly extensions: ReadonlyMap<string, Buffer>;
}

/** @throws {RangeError} where the bytes are no certificate; never for one that node:crypto has made */
export function certificateParts(certificate: X509Certificate): CertificateParts {
  const tbs = new DerReader(certificate.raw).inside().inside();
  tbs.optional(0xa0); // version
  const serial = tbs.next(TAG.integer).content;
  const signature = dotted(tbs.inside().next(TAG.objectIdentifier).content);
  const issuer = tbs.next(TAG.sequence).raw;
  tbs.next(); // validity
  const subject = tbs.next(TAG.sequence).raw;
  const extensions = new Map<string, Buffer>();
  for (const { tag, content } of tbs.rest()) {
    if (tag !== 0xa3) continue;
    const list = new DerReader(content).inside();
    while (!list.done) {
      const entry = list.inside();
      const id = dotted(entry.next(TAG.objectIdentifier).content);
      entry.optional(TAG.boolean); // critical
      extensions.set(id, entry.next(TAG.octetString).content);
    }
  }
  return { serial, signature, issuer, subject, extensions };
}

/** The extension's value, or null where the certificate has none of that kind. */
export function extensionOf(certificate: X509Certificate, id: string): Buffer | null {
  return certificateParts(certificate).extensions.get(id) ?? null;
}

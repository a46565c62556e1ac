// The user that a client certificate names. Whether the certificate is to be trusted was decided before.

import type { X509Certificate } from 'node:crypto';

/** Part of the certificate that the name is taken from. */
export type CertificateUser = 'commonName' | 'email' | 'dns' | 'subject';

const NAME = /^[^\u0000-\u001f\u007f:]{1,255}$/; // what Basic could carry as well

/** @returns null where the certificate has no such part, more than one, or one that can be no name */
export function userOf(certificate: X509Certificate, part: CertificateUser): string | null {
  const found =
    part === 'subject' ? [certificate.subject.replaceAll('\n', ', ')] : namesOf(certificate, part);
  const [name] = found;
  if (found.length !== 1 || name === undefined) return null;
  return NAME.test(part === 'subject' ? name.replaceAll(':', '') : name) ? name : null;
}

function namesOf(certificate: X509Certificate, part: Exclude<CertificateUser, 'subject'>): string[] {
  if (part === 'commonName') {
    // One attribute a line; a line feed within a value is escaped.
    return certificate.subject
      .split('\n')
      .filter((line) => line.startsWith('CN='))
      .map((line) => line.slice(3).replace(/\\([,+"\\<>;#= ])/g, '$1'));
  }
  const prefix = part === 'email' ? 'email:' : 'DNS:';
  return (certificate.subjectAltName ?? '')
    .split(', ')
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

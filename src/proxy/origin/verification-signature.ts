// Checks the signatures of what is signed with a certificate's key and is no certificate: OCSP responses and
// revocation lists. SHA-1 and MD5 count for nothing. RFC 5280 §4.1.1.2; RFC 5758.

import type { KeyObject } from 'node:crypto';
import { verify } from 'node:crypto';
import { DerReader, dotted, TAG } from '../../ca/der-reader.ts';

const DIGESTS: Readonly<Record<string, readonly [keyType: string, digest: string | null]>> = {
  '1.2.840.113549.1.1.11': ['rsa', 'sha256'],
  '1.2.840.113549.1.1.12': ['rsa', 'sha384'],
  '1.2.840.113549.1.1.13': ['rsa', 'sha512'],
  '1.2.840.10045.4.3.2': ['ec', 'sha256'],
  '1.2.840.10045.4.3.3': ['ec', 'sha384'],
  '1.2.840.10045.4.3.4': ['ec', 'sha512'],
  '1.3.101.112': ['ed25519', null],
};

/**
 * Whether `key` has signed `data`; off the event loop, as lists may have megabytes.
 *
 * @param algorithm  AlgorithmIdentifier, DER; one that cannot be read has signed nothing
 */
export function isSignedBy(
  key: KeyObject,
  algorithm: Buffer,
  data: Buffer,
  signature: Buffer,
): Promise<boolean> {
  const [keyType, digest] = DIGESTS[identifierIn(algorithm)] ?? [];
  if (digest === undefined || keyType !== key.asymmetricKeyType) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(digest, data, key, signature, (error, valid) => resolve(error === null && valid));
  });
}

function identifierIn(algorithm: Buffer): string {
  try {
    return dotted(new DerReader(algorithm).inside().next(TAG.objectIdentifier).content);
  } catch {
    return '';
  }
}

// Forms of the authority for people and other programs: DER, PKCS#12, and what `weir ca show` prints.
// PKCS#12: RFC 7292 with a key bag encrypted by node:crypto (PBES2, AES-256) and a SHA-256 MAC, which
// Windows 10 1809, macOS 15, Java 8u301 and OpenSSL 1.1 read.

import { createHash, createHmac, randomBytes } from 'node:crypto';

import type { CertificateAuthority } from './authority.ts';
import { subjectOf } from './authority.ts';
import * as der from './der.ts';

export interface CaDescription {
  readonly subject: string;
  /** SHA-256 of the certificate, hex pairs with colons. */
  readonly fingerprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** `EC P-256`, `RSA 2048`, … */
  readonly keyType: string;
}

export function describe(ca: CertificateAuthority): CaDescription {
  return {
    subject: subjectOf(ca.x509),
    fingerprint: ca.fingerprint256,
    notBefore: ca.notBefore,
    notAfter: ca.notAfter,
    keyType: keyTypeOf(ca),
  };
}

/** The certificate in DER, as browsers and Windows take it. The key is not in it. */
export function exportDer(ca: CertificateAuthority): Buffer {
  return Buffer.from(ca.x509.raw);
}

const MAC_ITERATIONS = 2_048;
const DATA = '1.2.840.113549.1.7.1';
const SHROUDED_KEY_BAG = '1.2.840.113549.1.12.10.1.2';
const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
const LOCAL_KEY_ID = '1.2.840.113549.1.9.21';
const SHA256 = '2.16.840.1.101.3.4.2.1';

/**
 * The certificate together with the **private key**, to move the authority elsewhere. Not what a client
 * should be given: that is {@link exportDer} or `ca.certificatePem`.
 *
 * @param password  protects the key (AES-256, PBKDF2) and the whole (HMAC-SHA-256); any text, also empty
 */
export function exportPkcs12(ca: CertificateAuthority, password: string): Buffer {
  const encryptedKey = ca.key.export({
    type: 'pkcs8',
    format: 'der',
    cipher: 'aes-256-cbc',
    passphrase: password,
  });
  // Both bags name the same id: that is how readers know which key belongs to which certificate.
  const id = createHash('sha1').update(ca.x509.raw).digest();
  const attributes = der.set(der.sequence(der.oid(LOCAL_KEY_ID), der.set(der.octets(id))));
  const certificate = der.sequence(der.oid(X509_CERTIFICATE), der.explicit(0, der.octets(ca.x509.raw)));
  const bags = der.sequence(
    der.sequence(der.oid(SHROUDED_KEY_BAG), der.explicit(0, der.verbatim(encryptedKey)), attributes),
    der.sequence(der.oid(CERTIFICATE_BAG), der.explicit(0, certificate), attributes),
  );
  return sealPkcs12(bags, password);
}

/** A PKCS#12 file of safe bags: a MAC over the whole, which readers check the password by. */
export function sealPkcs12(bags: der.Node, password: string): Buffer {
  const authenticated = der.encode(der.sequence(data(der.encode(bags))));
  const salt = randomBytes(16);
  const mac = createHmac('sha256', macKey(password, salt)).update(authenticated).digest();
  const digestInfo = der.sequence(der.sequence(der.oid(SHA256), der.nothing()), der.octets(mac));
  const iterations = Buffer.alloc(2);
  iterations.writeUInt16BE(MAC_ITERATIONS);
  return der.encode(
    der.sequence(
      der.integer(Buffer.of(3)),
      data(authenticated),
      der.sequence(digestInfo, der.octets(salt), der.integer(iterations)),
    ),
  );
}

function data(bytes: Buffer): der.Node {
  return der.sequence(der.oid(DATA), der.explicit(0, der.octets(bytes)));
}

/** Key derivation of RFC 7292 appendix B.2 with SHA-256 (64-byte blocks) for one block of MAC key, id 3. */
function macKey(password: string, salt: Buffer): Buffer {
  const text = Buffer.from(`${password}\0`, 'utf16le').swap16(); // BMPString, big-endian, with its terminator
  let key = Buffer.concat([Buffer.alloc(64, 3), fill(salt), fill(text)]);
  for (let i = 0; i < MAC_ITERATIONS; i++) key = createHash('sha256').update(key).digest();
  return key;
}

/** Repeats bytes to a whole number of 64-byte blocks. */
function fill(bytes: Buffer): Buffer {
  return Buffer.alloc(Math.ceil(bytes.length / 64) * 64, bytes);
}

function keyTypeOf(ca: CertificateAuthority): string {
  const { modulusLength, namedCurve } = ca.key.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined) return `RSA ${modulusLength}`;
  return `EC ${CURVES[namedCurve ?? ''] ?? namedCurve ?? 'unknown'}`;
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};

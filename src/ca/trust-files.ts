// The certificates that clients are to trust, as the files that their platforms take: PEM, DER, a profile for
// Apple's systems, and a PKCS#12 trust store without any key. Where they are offered is the setup pages'.

import { createHash, X509Certificate } from 'node:crypto';

import { pemBlocks } from './bundle.ts';
import * as der from './der.ts';
import { sealPkcs12 } from './export.ts';

/** Password of the PKCS#12 file: it protects nothing, and is the one that Java expects of a trust store. */
export const TRUST_STORE_PASSWORD = 'changeit';

const CERTIFICATE_BAG = '1.2.840.113549.1.12.10.1.3';
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';
const FRIENDLY_NAME = '1.2.840.113549.1.9.20';
/** Java takes a certificate without a key for a trusted one by this attribute (JDK-8076190). */
const TRUSTED_KEY_USAGE = '2.16.840.1.113894.746875.1.1';
const ANY_USAGE = '2.5.29.37.0';
const BMP_STRING = 0x1e;

export interface TrustFiles {
  /** All certificates, as PEM text. */
  readonly pem: Buffer;
  /** The first of them: the form has room for one. */
  readonly der: Buffer;
  /** Configuration profile of iOS, iPadOS and macOS. */
  readonly mobileconfig: Buffer;
  /** Trust store with {@link TRUST_STORE_PASSWORD}; there is no key in it. */
  readonly pkcs12: Buffer;
}

/** @param trustPem  at least one certificate, the one in use first */
export function trustFiles(trustPem: string): TrustFiles {
  const certificates = pemBlocks(trustPem).map((block) => new X509Certificate(block));
  return {
    pem: Buffer.from(certificates.map(({ raw }) => der.pem('CERTIFICATE', raw)).join('')),
    der: Buffer.from(certificates[0]!.raw),
    mobileconfig: Buffer.from(profileOf(certificates)),
    pkcs12: trustStoreOf(certificates),
  };
}

function trustStoreOf(certificates: readonly X509Certificate[]): Buffer {
  const bags = certificates.map((certificate) => {
    const bag = der.sequence(der.oid(X509_CERTIFICATE), der.explicit(0, der.octets(certificate.raw)));
    const attributes = der.set(
      der.sequence(der.oid(FRIENDLY_NAME), der.set(der.verbatim(bmpString(shortName(certificate))))),
      der.sequence(der.oid(TRUSTED_KEY_USAGE), der.set(der.oid(ANY_USAGE))),
    );
    return der.sequence(der.oid(CERTIFICATE_BAG), der.explicit(0, bag), attributes);
  });
  return sealPkcs12(der.sequence(...bags), TRUST_STORE_PASSWORD);
}

/** DER of a short text in UTF-16, big-endian. */
function bmpString(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf16le').swap16();
  return Buffer.concat([Buffer.of(BMP_STRING, bytes.length), bytes]); // below 128 bytes: one byte of length
}

/** `weir-ca-0123456789abcdef`: the same name for the same certificate, in every store. */
export function shortName({ fingerprint256 }: X509Certificate): string {
  return `weir-ca-${fingerprint256.replaceAll(':', '').slice(0, 16).toLowerCase()}`;
}

function profileOf(certificates: readonly X509Certificate[]): string {
  const all = certificates.map(({ fingerprint256 }) => fingerprint256).join();
  const payloads = certificates.map((certificate) =>
    dictionary([
      ['PayloadType', 'com.apple.security.root'],
      ['PayloadVersion', 1],
      ['PayloadIdentifier', `weir.ca.${shortName(certificate)}`],
      ['PayloadUUID', uuidOf(certificate.fingerprint256)],
      ['PayloadDisplayName', 'Weir CA'],
      ['PayloadCertificateFileName', `${shortName(certificate)}.cer`],
      ['PayloadContent', certificate.raw],
    ]),
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
${dictionary([
  ['PayloadType', 'Configuration'],
  ['PayloadVersion', 1],
  ['PayloadIdentifier', 'weir.ca'],
  ['PayloadUUID', uuidOf(`profile ${all}`)],
  ['PayloadDisplayName', 'Weir CA'],
  ['PayloadDescription', 'Lets this device trust the certificates of the Weir proxy.'],
  ['PayloadContent', payloads],
])}
</plist>
`;
}

type PlistValue = string | number | Buffer | readonly string[];

function dictionary(entries: readonly (readonly [string, PlistValue])[]): string {
  return `<dict>\n${entries.map(([key, value]) => `<key>${key}</key>\n${plistValue(value)}\n`).join('')}</dict>`;
}

function plistValue(value: PlistValue): string {
  if (typeof value === 'string') return `<string>${value}</string>`;
  if (typeof value === 'number') return `<integer>${value}</integer>`;
  if (Buffer.isBuffer(value)) return `<data>${value.toString('base64')}</data>`;
  return `<array>\n${value.join('\n')}\n</array>`;
}

/** The same for the same text, so that a profile replaces its former self. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return [...parts, hex.slice(20, 32)].join('-').toUpperCase();
}

// Mints the certificate that stands in for a site: which names it bears, how long it lives, what it may be
// used for. Signing is der.ts, caching is leaf-cache.ts. RFC 5280 §4; CA/Browser Forum ballot SC-081v3 for
// the life time; Apple HT103769 for EKU and SAN.

import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIPv4 } from 'node:net';

import { printable, TlsError } from '../errors.ts';
import { parseHost } from '../util/authority.ts';
import type { CertificateAuthority } from './authority.ts';
import * as der from './der.ts';
import { DAY_MS, randomSerial } from './root.ts';

/**
 * Whole life, backdating included. Public CAs may not pass 47 days from 2029; clients that take ours for a
 * public one (a CA injected into a system store) then still accept the leaf.
 */
const LIFETIME_MS = 45 * DAY_MS;
const BACKDATE_MS = DAY_MS; // clients' clocks are wrong
const MAX_COMMON_NAME = 64; // characters, RFC 5280 appendix A (ub-common-name)
const MAX_NAMES = 100;

const SAN_DNS = 2; // GeneralName tags, RFC 5280 §4.2.1.6
const SAN_IP = 7;

export interface LeafKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export interface Leaf {
  readonly der: Buffer;
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

let sharedKey: LeafKey | undefined;

/**
 * The P-256 key of all leafs of this process, made at the first call. It is never the CA's: that one would
 * then take part in every handshake and could not be exchanged. It is never written to disk.
 */
export function processLeafKey(): LeafKey {
  sharedKey ??= generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return sharedKey;
}

/**
 * Brings a certificate name to the form that the certificate bears: lower-case, no trailing dot.
 *
 * @param name  DNS name (underscores allowed, `*` as the first label allowed), IPv4, or IPv6 without brackets
 * @throws {TlsError} `ERR_TLS_NAME`: anything else, e.g. spaces, NUL, slashes, empty labels, over 253 characters
 */
export function leafName(name: string): string {
  const wildcard = name.startsWith('*.');
  const host = parseHost(wildcard ? name.slice(2) : name);
  const valid = host !== null && (!wildcard || (host.kind === 'dns' && host.host.length + 2 <= 253));
  if (!valid) {
    throw new TlsError('ERR_TLS_NAME', `not a host name: "${printable(name)}"`, { host: printable(name) });
  }
  return wildcard ? `*.${host.host}` : host.host;
}

/**
 * Makes a server certificate for `names`, valid from 24 hours ago, 45 days in all, never beyond the CA.
 *
 * @param names  1 to 100 DNS names or addresses; the first becomes the common name if it fits there
 * @param leafKey  its public half is certified
 * @param now  milliseconds since the epoch
 * @throws {TlsError} `ERR_TLS_NAME` for a name that cannot be certified; `ERR_CA_INVALID` when the CA has expired
 */
export function mintLeaf(
  ca: CertificateAuthority,
  names: readonly string[],
  leafKey: Pick<LeafKey, 'publicKey'>,
  now: number = Date.now(),
): Leaf {
  const unique = [...new Set(names.map(leafName))];
  const [first] = unique;
  if (first === undefined || unique.length > MAX_NAMES) {
    throw new TlsError('ERR_TLS_NAME', `a certificate has 1 to ${MAX_NAMES} names, got ${unique.length}`);
  }
  const notBefore = new Date(now - BACKDATE_MS);
  const notAfter = new Date(Math.min(now - BACKDATE_MS + LIFETIME_MS, ca.notAfter.getTime()));
  if (notAfter.getTime() <= now) {
    throw new TlsError('ERR_CA_INVALID', `${ca.certificatePath} expired at ${ca.x509.validTo}`);
  }
  const commonName = first.length <= MAX_COMMON_NAME && !first.startsWith('*') ? first : null;
  const { algorithm, issuer, keyIdentifier } = signerOf(ca);
  const tbs = der.sequence(
    VERSION_3,
    der.integer(randomSerial()),
    algorithm.identifier,
    issuer,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    der.commonName(commonName),
    publicKeyOf(leafKey.publicKey),
    der.explicit(
      3,
      der.sequence(
        // With an empty subject the name stands here alone, so it must not be skipped: §4.1.2.6.
        der.extension('2.5.29.17', commonName === null, der.sequence(...unique.map(generalName))),
        keyIdentifier,
        ...PURPOSE,
      ),
    ),
  );
  const bytes = der.signCertificate(tbs, algorithm, ca.key);
  return { der: bytes, pem: der.pem('CERTIFICATE', bytes), notBefore, notAfter };
}

const fixed = (node: der.Node): der.Node => der.verbatim(der.encode(node));

const VERSION_3 = fixed(der.explicit(0, der.integer(Buffer.of(2))));

/** The same for every leaf, so encoded once. No SKI: a leaf needs none (§4.2.1.2 "SHOULD"). */
const PURPOSE = [
  der.extension('2.5.29.19', true, der.sequence()), // basicConstraints CA:FALSE
  der.extension('2.5.29.15', true, der.bits(Buffer.of(0x80), 7)), // keyUsage digitalSignature
  der.extension('2.5.29.37', false, der.sequence(der.oid('1.3.6.1.5.5.7.3.1'))), // serverAuth
].map(fixed);

interface Signer {
  readonly algorithm: { readonly digest: string; readonly identifier: der.Node };
  readonly issuer: der.Node;
  /** Authority key identifier extension. */
  readonly keyIdentifier: der.Node;
}

const signers = new WeakMap<CertificateAuthority, Signer>();

function signerOf(ca: CertificateAuthority): Signer {
  let signer = signers.get(ca);
  if (signer === undefined) {
    const algorithm = der.signatureAlgorithm(ca.key);
    if (algorithm === null) throw new TlsError('ERR_CA_INVALID', `${ca.keyPath} cannot sign`);
    signer = {
      algorithm,
      issuer: der.verbatim(ca.issuer.name),
      keyIdentifier: fixed(
        der.extension('2.5.29.35', false, der.sequence(der.tagged(0, ca.issuer.keyIdentifier))),
      ),
    };
    signers.set(ca, signer);
  }
  return signer;
}

const publicKeys = new WeakMap<KeyObject, der.Node>();

function publicKeyOf(key: KeyObject): der.Node {
  let node = publicKeys.get(key);
  if (node === undefined) {
    node = der.verbatim(key.export({ type: 'spki', format: 'der' }));
    publicKeys.set(key, node);
  }
  return node;
}

function generalName(name: string): der.Node {
  if (name.includes(':')) return der.tagged(SAN_IP, ipv6Bytes(name));
  if (isIPv4(name)) return der.tagged(SAN_IP, Buffer.from(name.split('.').map(Number)));
  return der.tagged(SAN_DNS, Buffer.from(name, 'latin1'));
}

/** Sixteen bytes of a valid IPv6 address, also of one that ends in dotted decimal. */
function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = text.split('::');
  const left = groups(head);
  const right = groups(tail ?? '');
  return Buffer.from([...left, ...new Array<number>(16 - left.length - right.length).fill(0), ...right]);
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

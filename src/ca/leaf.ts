// Mints the certificate that stands in for a site: which names it bears, how long it lives, what it may be
// used for. Signing is der.ts, caching is leaf-cache.ts. RFC 5280 §4; CA/Browser Forum ballot SC-081v3 for
// the life time; Apple HT103769 for EKU and SAN.

import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';

import { printable, TlsError } from '../errors.ts';
import { parseHost } from '../util/authority.ts';
import { addressBytes } from './address-bytes.ts';
import type { IssuerParts } from './authority.ts';
import * as der from './der.ts';
import { DAY_MS, randomSerial } from './root.ts';

/**
 * Whole life, backdating included. Public CAs may not pass 47 days from 2029; clients that take ours for a
 * public one (a CA injected into a system store) then still accept the leaf.
 */
const LIFETIME_MS = 45 * DAY_MS;
export const BACKDATE_MS = DAY_MS; // clients' clocks are wrong
const MAX_COMMON_NAME = 64; // characters, RFC 5280 appendix A (ub-common-name)
const MAX_NAMES = 100;

const SAN_DNS = 2; // GeneralName tags, RFC 5280 §4.2.1.6
const SAN_IP = 7;

export interface LeafKey {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** What signs: a `CertificateAuthority`, or one that lives in memory only. */
export interface LeafIssuer {
  readonly key: KeyObject;
  readonly issuer: IssuerParts;
  readonly notAfter: Date;
  /** What to call it in messages. */
  readonly certificatePath: string;
}

export interface Leaf {
  readonly der: Buffer;
  readonly pem: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

let sharedKey: LeafKey | undefined;

/** A P-256 key of this process alone, made at the first call: for leafs that nobody keeps. */
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
  ca: LeafIssuer,
  names: readonly string[],
  leafKey: Pick<LeafKey, 'publicKey'>,
  now: number = Date.now(),
): Leaf {
  const unique = [...new Set(names.map(leafName))];
  const notBefore = new Date(now - BACKDATE_MS);
  const notAfter = new Date(Math.min(now - BACKDATE_MS + LIFETIME_MS, ca.notAfter.getTime()));
  if (notAfter.getTime() <= now) {
    throw new TlsError('ERR_CA_INVALID', `${ca.certificatePath} expired at ${ca.notAfter.toISOString()}`);
  }
  const [first = ''] = unique;
  // An address as a common name is taken for a DNS name where the CA's names are constrained.
  const isCommon = first.length <= MAX_COMMON_NAME && !first.startsWith('*') && isIP(first) === 0;
  const commonName = isCommon ? first : null;
  return certify(ca, { names: unique, commonName, notBefore, notAfter }, leafKey);
}

export interface LeafContent {
  /** As {@link leafName} gives them. */
  readonly names: readonly string[];
  /** Null: an empty subject. */
  readonly commonName: string | null;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Signs a server certificate. @throws {TlsError} `ERR_TLS_NAME`: no name, or more than 100 */
export function certify(
  ca: LeafIssuer,
  { names, commonName, notBefore, notAfter }: LeafContent,
  { publicKey }: Pick<LeafKey, 'publicKey'>,
): Leaf {
  if (names.length === 0 || names.length > MAX_NAMES) {
    throw new TlsError('ERR_TLS_NAME', `a certificate has 1 to ${MAX_NAMES} names, got ${names.length}`);
  }
  const { algorithm, issuer, keyIdentifier } = signerOf(ca);
  const tbs = der.sequence(
    VERSION_3,
    der.integer(randomSerial()),
    algorithm.identifier,
    issuer,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    der.commonName(commonName),
    publicKeyOf(publicKey),
    der.explicit(
      3,
      der.sequence(
        // With an empty subject the name stands here alone, so it must not be skipped: §4.1.2.6.
        der.extension('2.5.29.17', commonName === null, der.sequence(...names.map(generalName))),
        keyIdentifier,
        NOT_A_CA,
        publicKey.asymmetricKeyType === 'rsa' ? RSA_USAGE : EC_USAGE,
        FOR_SERVERS,
      ),
    ),
  );
  const bytes = der.signCertificate(tbs, algorithm, ca.key);
  return { der: bytes, pem: der.pem('CERTIFICATE', bytes), notBefore, notAfter };
}

const fixed = (node: der.Node): der.Node => der.verbatim(der.encode(node));

const VERSION_3 = fixed(der.explicit(0, der.integer(Buffer.of(2))));

/** The same for every leaf, so encoded once. No SKI: a leaf needs none (§4.2.1.2 "SHOULD"). */
const NOT_A_CA = fixed(der.extension('2.5.29.19', true, der.sequence()));
const EC_USAGE = fixed(der.extension('2.5.29.15', true, der.bits(Buffer.of(0x80), 7))); // digitalSignature
/** keyEncipherment besides, for clients so old that they know no key exchange but RSA's. */
const RSA_USAGE = fixed(der.extension('2.5.29.15', true, der.bits(Buffer.of(0xa0), 5)));
const FOR_SERVERS = fixed(der.extension('2.5.29.37', false, der.sequence(der.oid('1.3.6.1.5.5.7.3.1'))));

interface Signer {
  readonly algorithm: { readonly digest: string; readonly identifier: der.Node };
  readonly issuer: der.Node;
  /** Authority key identifier extension. */
  readonly keyIdentifier: der.Node;
}

const signers = new WeakMap<LeafIssuer, Signer>();

function signerOf(ca: LeafIssuer): Signer {
  let signer = signers.get(ca);
  if (signer === undefined) {
    const algorithm = der.signatureAlgorithm(ca.key);
    if (algorithm === null)
      throw new TlsError('ERR_CA_INVALID', `the key of ${ca.certificatePath} cannot sign`);
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
  return isIP(name) === 0
    ? der.tagged(SAN_DNS, Buffer.from(name, 'latin1'))
    : der.tagged(SAN_IP, addressBytes(name));
}

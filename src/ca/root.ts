// Makes Weir's own certificate authority: the key pair and the self-signed certificate. Where they are kept
// is files.ts; what an authority can do is authority.ts. RFC 5280 §4.2.1.

import { createHash, generateKeyPair, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

import * as der from './der.ts';
import type { CaPems } from './files.ts';
import type { PermittedNames } from './name-constraints.ts';
import { nameConstraints } from './name-constraints.ts';

export type CaKeyType = 'ec' | 'rsa';

export const DAY_MS = 86_400_000;
const LIFETIME_DAYS = 3_650;
const MAX_COMMON_NAME = 64; // characters, RFC 5280 appendix A (ub-common-name)

const generate = promisify(generateKeyPair);

export interface RootOptions {
  /**
   * Default `ec`, which is P-256; `rsa` has 2048 bits, for devices that know nothing else (takes 0.1 to
   * 0.5 s, off the event loop).
   */
  readonly keyType?: CaKeyType;
  /** What it may certify; null or absent: everything. */
  readonly permitted?: PermittedNames | null;
  /** Protects the key; null or absent: nothing does. */
  readonly passphrase?: string | null;
}

/**
 * Makes a key and a certificate that is its own issuer: ten years, backdated by a day for clients whose
 * clock is behind, and no CA below it (pathLen 0).
 */
export async function makeRoot(options: RootOptions = {}, now = new Date()): Promise<CaPems> {
  const { keyType = 'ec', permitted = null, passphrase = null } = options;
  const { publicKey, privateKey } =
    keyType === 'ec'
      ? await generate('ec', { namedCurve: 'P-256' })
      : await generate('rsa', { modulusLength: 2048 });
  const algorithm = der.signatureAlgorithm(privateKey);
  if (algorithm === null) throw new TypeError(`no signature algorithm for a key of type ${keyType}`);
  const start = now.getTime() - DAY_MS;
  const name = der.commonName(rootName(now));
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const extensions = der.sequence(
    der.extension('2.5.29.19', true, der.sequence(der.boolean(true), der.integer(Buffer.of(0)))),
    der.extension('2.5.29.15', true, der.bits(Buffer.of(0x06), 1)), // keyCertSign, cRLSign
    der.extension('2.5.29.14', false, der.octets(keyIdentifierOf(publicKey))),
    ...(permitted === null ? [] : [nameConstraints(permitted)]),
  );
  const tbs = der.sequence(
    der.explicit(0, der.integer(Buffer.of(2))),
    der.integer(randomSerial()),
    algorithm.identifier,
    name,
    der.sequence(der.time(new Date(start)), der.time(new Date(start + LIFETIME_DAYS * DAY_MS))),
    name,
    der.verbatim(spki),
    der.explicit(3, extensions),
  );
  return {
    certificatePem: der.pem('CERTIFICATE', der.signCertificate(tbs, algorithm, privateKey)),
    keyPem: keyText(privateKey, passphrase),
  };
}

/** A private key in PEM (PKCS#8), encrypted with AES-256 where there is a passphrase. */
export function keyText(key: KeyObject, passphrase: string | null): string {
  const protection = passphrase === null ? {} : { cipher: 'aes-256-cbc', passphrase };
  return key.export({ type: 'pkcs8', format: 'pem', ...protection }).toString();
}

/** 128 random bits, positive and without a leading zero octet: unique for as long as Weir lives. */
export function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}

/** SHA-1 of the public key's bits (RFC 5280 §4.2.1.2 method 1): a name for the key, not a protection. */
export function keyIdentifierOf(publicKey: KeyObject): Buffer {
  const [, publicKeyBits = Buffer.alloc(0)] = der.children(publicKey.export({ type: 'spki', format: 'der' }));
  return createHash('sha1').update(der.content(publicKeyBits).subarray(1)).digest();
}

/** Tells the CAs of several machines and days apart in a trust store. */
function rootName(now: Date): string {
  const date = now.toISOString().slice(0, 10);
  const room = MAX_COMMON_NAME - `Weir CA, , ${date}`.length;
  const machine =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, room) || 'unnamed';
  return `Weir CA, ${machine}, ${date}`;
}

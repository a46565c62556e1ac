// Examines a certificate and a key before anything is signed with them: is it a CA, may it sign server
// certificates, do the two belong together, does the chain above it hold. RFC 5280 §4.2.1, §6.1.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { messageOf, TlsError } from '../errors.ts';
import { pemBlocks } from './bundle.ts';
import * as der from './der.ts';
import { DerReader, dotted, TAG } from './der-reader.ts';
import { EXTENSION, extensionOf } from './extensions.ts';
import type { CaPems } from './files.ts';

const MAX_CHAIN = 8; // certificates in ca.pem
const MIN_RSA_BITS = 2048; // every current client refuses less
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_PURPOSE = '2.5.29.37.0';

export type CaChain = [X509Certificate, ...X509Certificate[]];

export interface ExamineOptions {
  /** What to call the certificate in messages. */
  readonly certificateName: string;
  readonly keyName: string;
  /** Of the key; null: none is known. */
  readonly passphrase: string | null;
}

/**
 * @returns the CA with the certificates above it, in order, and its key
 * @throws {TlsError} `ERR_CA_INVALID`: malformed, not a CA, not valid now, not for servers, wrong kind of
 *         key, key of another certificate, a chain whose certificates did not issue each other or allow no
 *         CA at that depth; `ERR_CA_PASSPHRASE`: the key has one that is missing or wrong
 */
export function examinePair(pems: CaPems, options: ExamineOptions): { chain: CaChain; key: KeyObject } {
  const { certificateName, keyName } = options;
  const chain = parseChain(pems.certificatePem, certificateName);
  const key = parseKey(pems.keyPem, keyName, options.passphrase);
  const [ca] = chain;
  if (!ca.ca) throw invalid(certificateName, 'is not a CA (basicConstraints CA:TRUE, keyUsage keyCertSign)');
  if (der.signatureAlgorithm(key) === null) {
    throw invalid(keyName, 'has the wrong type: RSA, EC P-256, P-384 and P-521 keys can sign');
  }
  const bits = key.asymmetricKeyDetails?.modulusLength;
  if (bits !== undefined && bits < MIN_RSA_BITS) {
    throw invalid(keyName, `has ${bits} bits: clients want ${MIN_RSA_BITS} or more`);
  }
  if (!ca.checkPrivateKey(key)) throw invalid(keyName, `is not the key of ${certificateName}`);
  for (const [index, certificate] of chain.entries()) checkLink(chain, index, certificate, certificateName);
  return { chain, key };
}

function checkLink(chain: CaChain, index: number, certificate: X509Certificate, name: string): void {
  const which = index === 0 ? '' : `holds certificate ${index + 1} of the chain, which `;
  const now = Date.now();
  if (!(now <= Date.parse(certificate.validTo)))
    throw invalid(name, `${which}expired at ${certificate.validTo}`);
  if (!(now >= Date.parse(certificate.validFrom)))
    throw invalid(name, `${which}is not valid before ${certificate.validFrom}`);
  const purposes = purposesOf(certificate);
  if (purposes !== null && !purposes.includes(SERVER_AUTH) && !purposes.includes(ANY_PURPOSE)) {
    throw invalid(name, `${which}may not vouch for servers (extendedKeyUsage without serverAuth)`);
  }
  const above = chain[index + 1];
  if (above === undefined) return;
  if (!(certificate.checkIssued(above) && certificate.verify(above.publicKey))) {
    throw invalid(name, `holds a chain whose certificate ${index + 2} did not issue the one before it`);
  }
  const pathLength = pathLengthOf(above);
  if (!above.ca || (pathLength !== null && pathLength < index + 1)) {
    const allows = above.ca ? `${pathLength} CAs below it` : 'no CA below it: it is none itself';
    throw invalid(name, `holds a chain whose certificate ${index + 2} allows ${allows}`);
  }
}

/** Extended key usages as dotted OIDs; null where any is allowed. */
function purposesOf(certificate: X509Certificate): string[] | null {
  const value = extensionOf(certificate, EXTENSION.extendedKeyUsage);
  if (value === null) return null;
  return new DerReader(value)
    .inside()
    .rest()
    .map(({ content }) => dotted(content));
}

/** How many CAs may come below this one; null: any number. */
function pathLengthOf(certificate: X509Certificate): number | null {
  const value = extensionOf(certificate, EXTENSION.basicConstraints);
  if (value === null) return null;
  const fields = new DerReader(value).inside();
  fields.optional(TAG.boolean);
  const length = fields.optional(TAG.integer)?.content;
  return length === undefined ? null : length.readUIntBE(0, Math.min(length.length, 6));
}

export function parseChain(text: string, name: string): CaChain {
  const blocks = pemBlocks(text);
  if (blocks.length > MAX_CHAIN)
    throw invalid(name, `holds ${blocks.length} certificates, at most ${MAX_CHAIN} are taken`);
  try {
    const [first, ...rest] = blocks.map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...rest];
  } catch (error) {
    throw invalid(name, `is not a certificate in PEM: ${messageOf(error)}`, error);
  }
  throw invalid(name, 'holds no "-----BEGIN CERTIFICATE-----" block');
}

/** Reads a private key in PEM. @throws {TlsError} `ERR_CA_INVALID`, `ERR_CA_PASSPHRASE` */
export function parseKey(text: string, name: string, passphrase: string | null): KeyObject {
  const locked = /ENCRYPTED/.test(text);
  if (locked && passphrase === null) {
    throw new TlsError('ERR_CA_PASSPHRASE', `${name} is protected by a passphrase`, { path: name });
  }
  try {
    return createPrivateKey(locked ? { key: text, passphrase: passphrase! } : text);
  } catch (error) {
    if (locked && /decrypt|bad pass|interrupted or cancelled/i.test(messageOf(error))) {
      const message = `the passphrase given does not open ${name}`;
      throw new TlsError('ERR_CA_PASSPHRASE', message, { path: name }, error);
    }
    throw invalid(name, `is not a private key in PEM: ${messageOf(error)}`, error);
  }
}

function invalid(name: string, problem: string, cause?: unknown): TlsError {
  return new TlsError('ERR_CA_INVALID', `${name} ${problem}`, { path: name }, cause);
}

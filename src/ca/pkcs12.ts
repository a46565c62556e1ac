// Reads a PKCS#12 file that an operator brings: certificates and one key, as PEM. forge opens the container,
// which node:crypto cannot; what is in it node:crypto reads, so that nothing of it is trusted by forge's
// word. Only ever for a file that is given on the command line. RFC 7292.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createRequire } from 'node:module';

import type forge from 'node-forge';

import { messageOf, TlsError } from '../errors.ts';
import type { CaPems } from './files.ts';

const MAX_CERTIFICATES = 16;

/** True for bytes that begin as DER does, and not as PEM. */
export function isPkcs12(bytes: Buffer): boolean {
  return bytes[0] === 0x30;
}

/**
 * @param passphrase  of the container and of the key; null: an empty one
 * @returns the certificate of the key first, then those above it, in order
 * @throws {TlsError} `ERR_CA_INVALID`: no such container, without key or certificates; `ERR_CA_PASSPHRASE`
 */
export function readPkcs12(bytes: Buffer, passphrase: string | null, name: string): CaPems {
  // All of forge, 68 ms: only here, and only when it is needed.
  const { asn1, pkcs12, pki } = createRequire(import.meta.url)('node-forge') as typeof forge;
  const opened = open();
  const certificates: X509Certificate[] = [];
  let key: KeyObject | null = null;
  for (const bag of opened.safeContents.flatMap(({ safeBags }) => safeBags)) {
    const node = bag.asn1 as forge.asn1.Asn1 | undefined;
    if (bag.cert != null) certificates.push(certificateOf(pki.certificateToAsn1(bag.cert)));
    else if (bag.type === pki.oids['certBag'] && node !== undefined) certificates.push(certificateOf(node));
    else if (bag.key != null) key ??= keyOf(pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key)));
    else if (isKeyBag(bag.type) && node !== undefined) key ??= keyOf(node);
  }
  if (key === null) throw invalid('holds no private key');
  const own = certificates.slice(0, MAX_CERTIFICATES).find((certificate) => certificate.checkPrivateKey(key));
  if (own === undefined) throw invalid('holds no certificate of its key');
  const keyPem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certificatePem: inOrder(own, certificates).map(String).join(''), keyPem };

  function open(): forge.pkcs12.Pkcs12Pfx {
    try {
      const outer = asn1.fromDer(bytes.toString('latin1'));
      return pkcs12.pkcs12FromAsn1(outer, false, passphrase ?? '');
    } catch (error) {
      const text = messageOf(error);
      if (/MAC could not be verified|Invalid password|Unable to decrypt/i.test(text)) {
        throw new TlsError(
          'ERR_CA_PASSPHRASE',
          `the passphrase given does not open ${name}`,
          { path: name },
          error,
        );
      }
      throw invalid(`is no PKCS#12 file: ${text.split('\n', 1)[0]!}`, error);
    }
  }

  function isKeyBag(type: string): boolean {
    return type === pki.oids['keyBag'] || type === pki.oids['pkcs8ShroudedKeyBag'];
  }

  function derOf(node: forge.asn1.Asn1): Buffer {
    return Buffer.from(asn1.toDer(node).getBytes(), 'latin1');
  }

  function certificateOf(node: forge.asn1.Asn1): X509Certificate {
    try {
      return new X509Certificate(derOf(node));
    } catch (error) {
      throw invalid(`holds a certificate that cannot be read: ${messageOf(error)}`, error);
    }
  }

  function keyOf(node: forge.asn1.Asn1): KeyObject {
    try {
      return createPrivateKey({ key: derOf(node), format: 'der', type: 'pkcs8' });
    } catch (error) {
      throw invalid(`holds a key that cannot be read: ${messageOf(error)}`, error);
    }
  }

  function invalid(problem: string, cause?: unknown): TlsError {
    return new TlsError('ERR_CA_INVALID', `${name} ${problem}`, { path: name }, cause);
  }
}

/** The certificate and those that have issued it, each followed by its own issuer. */
function inOrder(own: X509Certificate, all: readonly X509Certificate[]): X509Certificate[] {
  const chain = [own];
  for (;;) {
    const last = chain.at(-1)!;
    const above = all.find((other) => !chain.includes(other) && last.checkIssued(other));
    if (above === undefined) return chain;
    chain.push(above);
  }
}

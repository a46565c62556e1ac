// The certificate authority that signs leaf certificates: Weir's own or one that the operator imported.
// Loads, makes and stores one. Whether a certificate and a key may serve is examine.ts, the files are
// files.ts and bundle.ts, making one is root.ts, a change of CA rotation.ts, leafs are leaf.ts.

import type { KeyObject, X509Certificate } from 'node:crypto';

import { TlsError } from '../errors.ts';
import { joinBundle, splitBundle } from './bundle.ts';
import * as der from './der.ts';
import type { CaChain } from './examine.ts';
import { examinePair } from './examine.ts';
import { EXTENSION, certificateParts } from './extensions.ts';
import type { CaPems } from './files.ts';
import { certificatePathIn, createCaFiles, keyPathIn, readCaFiles, replaceCaFiles } from './files.ts';
import { NameBounds } from './name-constraints.ts';
import { keyIdentifierOf, keyText, makeRoot } from './root.ts';
import type { RootOptions } from './root.ts';
import { completeRotation } from './rotation.ts';

/** What a certificate signed by the authority repeats of it, DER. */
export interface IssuerParts {
  /** Name, byte for byte as in the CA certificate: clients compare the encodings. */
  readonly name: Buffer;
  /** Content of the subject key identifier, of whatever length the CA's maker chose. */
  readonly keyIdentifier: Buffer;
}

export interface KeyProtection {
  /** Passphrase of ca.key, for reading and for writing; null or absent: none. */
  readonly passphrase?: string | null;
}

export class CertificateAuthority {
  /** The signing certificate alone. */
  readonly certificatePem: string;
  /** What a server sends after the leaf: empty for a self-signed CA, else the CA and what is above it. */
  readonly chainPem: string;
  readonly certificatePath: string;
  readonly keyPath: string;
  readonly x509: X509Certificate;
  /** SHA-256 of the certificate, hex pairs with colons. */
  readonly fingerprint256: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly key: KeyObject;
  readonly issuer: IssuerParts;
  /** What clients are to trust: the root if it is known, and the CAs before and after this one. */
  readonly trustPem: string;
  /** The CAs from itself upwards. */
  readonly chain: readonly X509Certificate[];
  /** Names that it may certify, one entry a CA that limits them. */
  readonly bounds: readonly NameBounds[];

  private constructor(dir: string, chain: CaChain, besides: readonly string[], key: KeyObject) {
    const [x509] = chain;
    this.chain = chain;
    this.x509 = x509;
    this.key = key;
    this.certificatePem = der.pem('CERTIFICATE', x509.raw);
    this.chainPem = chain
      .filter((certificate) => !isSelfIssued(certificate)) // a client has the root, or does not trust it
      .map((certificate) => der.pem('CERTIFICATE', certificate.raw))
      .join('');
    this.certificatePath = certificatePathIn(dir);
    this.keyPath = keyPathIn(dir);
    this.fingerprint256 = x509.fingerprint256;
    this.notBefore = new Date(x509.validFrom);
    this.notAfter = new Date(x509.validTo);
    this.issuer = issuerParts(x509);
    this.trustPem = der.pem('CERTIFICATE', chain.at(-1)!.raw) + besides.join('');
    this.bounds = chain.map((ca) => NameBounds.of(ca)).filter((bounds) => bounds !== null);
  }

  /** @param name  lower-case DNS name, `*.` in front allowed, or an address */
  permits(name: string): boolean {
    return this.bounds.every((bounds) => bounds.permits(name));
  }

  /**
   * Loads the authority kept in a folder, after a change of CA that is due has been carried out.
   *
   * @throws {TlsError} `ERR_CA_UNREADABLE`: no files, or no access; `ERR_CA_INVALID`, `ERR_CA_PASSPHRASE`:
   *         see {@link examinePair}
   */
  static async load(dir: string, { passphrase = null }: KeyProtection = {}): Promise<CertificateAuthority> {
    let pems = await readCaFiles(dir);
    if (pems !== null && (await completeRotation(dir, Date.now()))) pems = await readCaFiles(dir);
    if (pems === null) {
      const path = certificatePathIn(dir);
      throw new TlsError(
        'ERR_CA_UNREADABLE',
        `cannot read ${path} (ENOENT): make a CA with \`weir ca init\``,
        {
          path,
          errno: 'ENOENT',
        },
      );
    }
    return CertificateAuthority.#from(dir, pems, passphrase);
  }

  /**
   * Loads the authority of a folder, or makes one. Several processes may do so at the same time: one makes
   * it, all get the same.
   *
   * @param options  how a new authority is made; an existing one keeps its own kind and bounds
   * @returns `created` is true in the one process that made it
   * @throws {TlsError} as {@link CertificateAuthority.load}
   */
  static async loadOrCreate(
    dir: string,
    options: RootOptions & KeyProtection = {},
  ): Promise<{ ca: CertificateAuthority; created: boolean }> {
    const { passphrase = null } = options;
    if ((await readCaFiles(dir)) !== null)
      return { ca: await CertificateAuthority.load(dir, options), created: false };
    const made = await makeRoot(options);
    if (await createCaFiles(dir, made))
      return { ca: CertificateAuthority.#from(dir, made, passphrase), created: true };
    return { ca: await CertificateAuthority.load(dir, options), created: false };
  }

  /**
   * Takes over an operator's CA, root or intermediate, and writes it to the folder.
   *
   * @param pems  the CA certificate, the certificates above it may follow in order; its private key: RSA of
   *              2048 bits or more, or EC P-256, P-384, P-521
   * @param options  `replace`: give up a different CA that is in the folder; clients go on trusting it by
   *                 ca.pem. `inputPassphrase`: of the key given; `passphrase`: of the key stored
   * @throws {TlsError} `ERR_CA_INVALID`, also when another CA is there; `ERR_CA_PASSPHRASE`; `ERR_CA_UNREADABLE`
   */
  static async import(
    dir: string,
    pems: CaPems,
    options: KeyProtection & { replace?: boolean; inputPassphrase?: string | null } = {},
  ): Promise<CertificateAuthority> {
    const { passphrase = null } = options;
    const { chain, key } = examinePair(pems, {
      certificateName: 'the certificate',
      keyName: 'the key',
      passphrase: options.inputPassphrase ?? null,
    });
    const stored = {
      certificatePem: chain.map((certificate) => der.pem('CERTIFICATE', certificate.raw)).join(''),
      keyPem: keyText(key, passphrase),
    };
    if (!(await createCaFiles(dir, stored))) {
      const present = await CertificateAuthority.load(dir, options);
      if (present.fingerprint256 !== chain[0].fingerprint256) {
        if (options.replace !== true) {
          const message = `${present.certificatePath} is another CA ("${subjectOf(present.x509)}"): move it away, or replace it explicitly`;
          throw new TlsError('ERR_CA_INVALID', message, { path: present.certificatePath });
        }
        const besides = [der.pem('CERTIFICATE', present.chain.at(-1)!.raw)];
        const certificatePem = joinBundle({ chain: stored.certificatePem, besides });
        await replaceCaFiles(dir, { ...stored, certificatePem });
      }
    }
    return CertificateAuthority.load(dir, options);
  }

  static #from(dir: string, pems: CaPems, passphrase: string | null): CertificateAuthority {
    const { chain: certificatePem, besides } = splitBundle(pems.certificatePem);
    const { chain, key } = examinePair(
      { certificatePem, keyPem: pems.keyPem },
      { certificateName: certificatePathIn(dir), keyName: keyPathIn(dir), passphrase },
    );
    return new CertificateAuthority(dir, chain, besides, key);
  }
}

/** Subject on one line for people, most general part first and not escaped: `O=Example, CN=Example CA`. */
export function subjectOf(x509: X509Certificate): string {
  return x509.subject.replaceAll('\n', ', ').replace(/\\([,+"\\<>;#= ])/g, '$1');
}

function issuerParts(x509: X509Certificate): IssuerParts {
  const { subject, extensions } = certificateParts(x509);
  const keyIdentifier = extensions.get(EXTENSION.subjectKeyIdentifier);
  // Copied, never computed, if it is there: an AKI that differs from it breaks strict verifiers.
  return {
    name: subject,
    keyIdentifier: keyIdentifier === undefined ? keyIdentifierOf(x509.publicKey) : der.content(keyIdentifier),
  };
}

function isSelfIssued(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

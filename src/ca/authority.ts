// The certificate authority that signs leaf certificates: Weir's own or one that the operator imported.
// Decides whether a certificate and a key may serve as one. Files are files.ts, making one is root.ts,
// leafs are leaf.ts.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { messageOf, TlsError } from '../errors.ts';
import * as der from './der.ts';
import type { CaPems } from './files.ts';
import { certificatePathIn, createCaFiles, keyPathIn, readCaFiles, replaceCaFiles } from './files.ts';
import { keyIdentifierOf, makeRoot } from './root.ts';
import type { CaKeyType } from './root.ts';

const MAX_CHAIN = 8; // certificates in ca.pem
const MIN_RSA_BITS = 2048; // every current client refuses less

/** What a certificate signed by the authority repeats of it, DER. */
export interface IssuerParts {
  /** Name, byte for byte as in the CA certificate: clients compare the encodings. */
  readonly name: Buffer;
  /** Content of the subject key identifier, of whatever length the CA's maker chose. */
  readonly keyIdentifier: Buffer;
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

  private constructor(dir: string, chain: [X509Certificate, ...X509Certificate[]], key: KeyObject) {
    const [x509] = chain;
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
  }

  /**
   * Loads the authority kept in a folder.
   *
   * @throws {TlsError} `ERR_CA_UNREADABLE`: no files, or no access; `ERR_CA_INVALID`: see {@link checkedPair}
   */
  static async load(dir: string): Promise<CertificateAuthority> {
    const pems = await readCaFiles(dir);
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
    return CertificateAuthority.#from(dir, pems);
  }

  /**
   * Loads the authority of a folder, or makes one. Several processes may do so at the same time: one makes
   * it, all get the same.
   *
   * @param options  `keyType` of a new authority, default `ec`; an existing one keeps its own
   * @returns `created` is true in the one process that made it
   * @throws {TlsError} as {@link CertificateAuthority.load}
   */
  static async loadOrCreate(
    dir: string,
    options: { keyType?: CaKeyType } = {},
  ): Promise<{ ca: CertificateAuthority; created: boolean }> {
    const found = await readCaFiles(dir);
    if (found !== null) return { ca: CertificateAuthority.#from(dir, found), created: false };
    const made = await makeRoot(options.keyType ?? 'ec');
    if (await createCaFiles(dir, made)) return { ca: CertificateAuthority.#from(dir, made), created: true };
    return { ca: await CertificateAuthority.load(dir), created: false };
  }

  /**
   * Takes over an operator's CA, root or intermediate, and writes it to the folder.
   *
   * @param certificatePem  the CA certificate; the certificates above it may follow, in order
   * @param keyPem  its private key without a password: RSA of 2048 bits or more, or EC P-256, P-384, P-521
   * @param options  `replace`: give up a different CA that is in the folder; default false
   * @throws {TlsError} `ERR_CA_INVALID`, also when another CA is there; `ERR_CA_UNREADABLE`
   */
  static async import(
    dir: string,
    certificatePem: string,
    keyPem: string,
    options: { replace?: boolean } = {},
  ): Promise<CertificateAuthority> {
    const { chain, key } = checkedPair({ certificatePem, keyPem }, 'the certificate', 'the key');
    const pems = {
      certificatePem: chain.map((certificate) => der.pem('CERTIFICATE', certificate.raw)).join(''),
      keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
    if (options.replace === true) await replaceCaFiles(dir, pems);
    else if (!(await createCaFiles(dir, pems))) {
      const present = await CertificateAuthority.load(dir);
      if (present.fingerprint256 !== chain[0].fingerprint256) {
        const message = `${present.certificatePath} is another CA ("${subjectOf(present.x509)}"): move it away, or replace it explicitly`;
        throw new TlsError('ERR_CA_INVALID', message, { path: present.certificatePath });
      }
    }
    return CertificateAuthority.load(dir);
  }

  static #from(dir: string, pems: CaPems): CertificateAuthority {
    const { chain, key } = checkedPair(pems, certificatePathIn(dir), keyPathIn(dir));
    return new CertificateAuthority(dir, chain, key);
  }
}

/** Subject on one line for people, most general part first and not escaped: `O=Example, CN=Example CA`. */
export function subjectOf(x509: X509Certificate): string {
  return x509.subject.replaceAll('\n', ', ').replace(/\\([,+"\\<>;#= ])/g, '$1');
}

/**
 * Examines a pair before anything is signed with it.
 *
 * @param certificateName  what to call the certificate in messages; likewise `keyName`
 * @throws {TlsError} `ERR_CA_INVALID`: malformed, not a CA, expired, wrong kind of key, key of another
 *         certificate, a chain whose certificates did not issue each other
 */
function checkedPair(
  pems: CaPems,
  certificateName: string,
  keyName: string,
): { chain: [X509Certificate, ...X509Certificate[]]; key: KeyObject } {
  const chain = parseChain(pems.certificatePem, certificateName);
  const key = parseKey(pems.keyPem, keyName);
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
  const now = Date.now();
  if (!(now <= Date.parse(ca.validTo))) throw invalid(certificateName, `expired at ${ca.validTo}`);
  if (!(now >= Date.parse(ca.validFrom)))
    throw invalid(certificateName, `is not valid before ${ca.validFrom}`);
  chain.forEach((certificate, index) => {
    const above = chain[index + 1];
    if (above !== undefined && !(certificate.checkIssued(above) && certificate.verify(above.publicKey))) {
      throw invalid(
        certificateName,
        `holds a chain whose certificate ${index + 2} did not issue the one before it`,
      );
    }
  });
  return { chain, key };
}

function parseChain(text: string, name: string): [X509Certificate, ...X509Certificate[]] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
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

function parseKey(text: string, name: string): KeyObject {
  if (/ENCRYPTED/.test(text))
    throw invalid(name, 'is protected by a password: remove it with `openssl pkey`');
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw invalid(name, `is not a private key in PEM: ${messageOf(error)}`, error);
  }
}

function issuerParts(x509: X509Certificate): IssuerParts {
  const [tbs = Buffer.alloc(0)] = der.children(x509.raw);
  const fields = der.children(tbs); // a CA has extensions, so it is v3 and has the version field
  const extensions = fields.find((field) => field[0] === 0xa3);
  const list = extensions === undefined ? [] : der.children(der.content(extensions));
  let keyIdentifier: Buffer | null = null;
  for (const [id, ...rest] of list.map(der.children)) {
    const value = rest.at(-1);
    if (id !== undefined && value !== undefined && id.equals(SUBJECT_KEY_IDENTIFIER)) {
      keyIdentifier = der.content(der.content(value));
    }
  }
  // Copied, never computed, if it is there: an AKI that differs from it breaks strict verifiers.
  return {
    name: fields[5] ?? Buffer.alloc(0),
    keyIdentifier: keyIdentifier ?? keyIdentifierOf(x509.publicKey),
  };
}

const SUBJECT_KEY_IDENTIFIER = der.encode(der.oid('2.5.29.14'));

function isSelfIssued(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

function invalid(name: string, problem: string, cause?: unknown): TlsError {
  return new TlsError('ERR_CA_INVALID', `${name} ${problem}`, { path: name }, cause);
}

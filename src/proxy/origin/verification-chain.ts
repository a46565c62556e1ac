// Finds what is missing between an origin's certificate and a trusted root: from the roots themselves, and
// from where the certificates say that their issuers are to be had (AIA caIssuers). It only collects; that
// the chain holds OpenSSL decides in a handshake that knows the whole of it. RFC 5280 §4.2.2.1.

import { X509Certificate } from 'node:crypto';
import { pemBlocks } from '../../ca/bundle.ts';
import type { ConnectPlain } from './verification-fetch.ts';
import { CertificateFetcher } from './verification-fetch.ts';
import { isSelfSigned } from './verification-report.ts';

const MAX_DEPTH = 4; // certificates that are fetched for one chain
const MAX_CERTIFICATE = 64 * 1024; // bytes
const LIFE_MS = 24 * 3_600_000;
const SLICE = 16; // roots read at a time; one takes 50 µs

/** The trusted roots, found by name. */
export class TrustedRoots {
  readonly #pems: readonly string[];
  #bySubject: Promise<Map<string, X509Certificate[]>> | null = null;

  constructor(pems: readonly string[]) {
    this.#pems = pems;
  }

  /** The root that has issued a certificate, or that is this very one; null: none is known. */
  async above(certificate: X509Certificate): Promise<X509Certificate | null> {
    this.#bySubject ??= this.#read();
    const candidates = (await this.#bySubject).get(certificate.issuer) ?? [];
    const isAbove = (root: X509Certificate): boolean =>
      certificate.checkIssued(root) && certificate.verify(root.publicKey);
    return candidates.find(isAbove) ?? null;
  }

  async #read(): Promise<Map<string, X509Certificate[]>> {
    const roots = new Map<string, X509Certificate[]>();
    let count = 0;
    for (const block of this.#pems.flatMap(pemBlocks)) {
      if (++count % SLICE === 0) await new Promise((resolve) => setImmediate(resolve));
      try {
        const root = new X509Certificate(block);
        roots.set(root.subject, [...(roots.get(root.subject) ?? []), root]);
      } catch {
        // OpenSSL has not taken it either.
      }
    }
    return roots;
  }
}

export class ChainCompleter {
  readonly #roots: TrustedRoots;
  readonly #fetcher: CertificateFetcher<X509Certificate>;

  constructor(roots: TrustedRoots, connect: ConnectPlain) {
    this.#roots = roots;
    this.#fetcher = new CertificateFetcher(connect, MAX_CERTIFICATE, readCertificate, {
      lifeMs: () => LIFE_MS,
    });
  }

  /**
   * @param chain  as the origin sent it
   * @returns PEM of a trusted root and of the certificates between it and the chain, at least one of these;
   *          null where no such can be found. Never rejects
   */
  async complete(chain: readonly X509Certificate[]): Promise<string[] | null> {
    let top = topOf(chain);
    const fetched: X509Certificate[] = [];
    for (let depth = 0; top !== null && depth <= MAX_DEPTH; depth++) {
      const root = await this.#roots.above(top);
      if (root !== null) {
        return fetched.length === 0 ? null : [root, ...fetched].map((certificate) => certificate.toString());
      }
      if (isSelfSigned(top) || depth === MAX_DEPTH) return null;
      top = await this.#issuerOf(top);
      if (top !== null) fetched.push(top);
    }
    return null;
  }

  async #issuerOf(certificate: X509Certificate): Promise<X509Certificate | null> {
    for (const url of issuerUrls(certificate)) {
      const issuer = await this.#fetcher.get(url);
      if (issuer?.ca === true && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey))
        return issuer;
    }
    return null;
  }
}

/** The end of the chain that begins at the origin's own certificate, in whatever order the others came. */
function topOf([leaf, ...others]: readonly X509Certificate[]): X509Certificate | null {
  let top = leaf ?? null;
  for (let i = 0; top !== null && i < others.length; i++) {
    const issuer = others.find((other) => top!.checkIssued(other) && !isSelfSigned(top!));
    if (issuer === undefined) break;
    top = issuer;
  }
  return top;
}

const MAX_URLS = 2;

/** `CA Issuers - URI:http://…`, a line an access method. */
function issuerUrls(certificate: X509Certificate): string[] {
  const access = certificate.infoAccess ?? '';
  return [...access.matchAll(/^CA Issuers - URI:(http:\/\/\S+)$/gim)]
    .map((match) => match[1]!)
    .slice(0, MAX_URLS);
}

/** DER or PEM. */
function readCertificate(bytes: Buffer): Promise<X509Certificate | null> {
  try {
    return Promise.resolve(new X509Certificate(bytes));
  } catch {
    return Promise.resolve(null);
  }
}

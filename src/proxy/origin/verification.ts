// Decides whether an origin is who it says: what OpenSSL found in the handshake, revocation on top of it,
// and chains that the origin sent incomplete. What is done about an origin that fails is not decided here,
// only told: `ERR_ORIGIN_UNTRUSTED` with a report. An origin of which nothing can be learnt as to revocation
// passes (soft fail), as with browsers.

import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { rootCertificates } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { certificateParts } from '../../ca/extensions.ts';
import type { OriginTarget } from './engine.ts';
import { TlsSessions } from './tls-sessions.ts';
import { ChainCompleter, TrustedRoots } from './verification-chain.ts';
import { distributionPoints, MAX_CRL, RevocationList } from './verification-crl.ts';
import type { ConnectPlain } from './verification-fetch.ts';
import { CertificateFetcher } from './verification-fetch.ts';
import { stapledStatus } from './verification-ocsp.ts';
import { isSelfSigned, OriginUntrustedError, reportOn } from './verification-report.ts';

export interface VerificationOptions {
  /** Fetch what is missing of a chain. */
  readonly completeChains: boolean;
  readonly revocation: 'off' | 'stapled' | 'crl';
  /** Contents of files with revocation lists, PEM or DER. */
  readonly crls: readonly Buffer[];
  /** Told of lists that cannot be used. */
  onProblem?(message: string): void;
}

export const NO_EXTRAS: VerificationOptions = { completeChains: false, revocation: 'off', crls: [] };

const MAX_CHAIN = 10; // certificates of an origin that are looked at
const MAX_COMPLETIONS = 500; // origins
const COMPLETION_MS = 24 * 3_600_000;
const MAX_LISTS = 20; // fetched lists that are kept
const MIN_LIST_LIFE_MS = 600_000;
const MAX_LIST_LIFE_MS = 24 * 3_600_000;

/** What was seen of a handshake besides what the socket keeps. */
interface Seen {
  ocsp: Buffer | null;
  session: Buffer | null;
  /** The origin's own, once it was asked for. */
  certificate: X509Certificate | undefined;
}

export class OriginVerification {
  readonly #options: VerificationOptions;
  readonly #verify: boolean;
  readonly #roots: TrustedRoots;
  readonly #completer: ChainCompleter;
  readonly #completions = new LRUCache<string, readonly string[]>({
    max: MAX_COMPLETIONS,
    ttl: COMPLETION_MS,
  });
  readonly #sessions = new TlsSessions();
  readonly #seen = new WeakMap<TLSSocket, Seen>();
  readonly #lists: CertificateFetcher<RevocationList>;
  #fileLists: Promise<Map<string, RevocationList[]>> | null = null;

  /**
   * @param verify  false: every origin passes
   * @param roots  PEM; null: Node's own
   * @param connect  for what has to be fetched
   */
  constructor(
    options: VerificationOptions,
    verify: boolean,
    roots: readonly string[] | null,
    connect: ConnectPlain,
  ) {
    this.#options = options;
    this.#verify = verify;
    this.#roots = new TrustedRoots(roots ?? rootCertificates);
    this.#completer = new ChainCompleter(this.#roots, connect);
    this.#lists = new CertificateFetcher(connect, MAX_CRL, (bytes) => RevocationList.read(bytes), {
      lifeMs: ({ nextUpdate }) =>
        Math.min(MAX_LIST_LIFE_MS, Math.max(MIN_LIST_LIFE_MS, nextUpdate - Date.now())),
      maxEntries: MAX_LISTS,
    });
  }

  /** Whether origins are asked for an OCSP response. */
  get wantsStapled(): boolean {
    return this.#verify && this.#options.revocation !== 'off';
  }

  /** A session to resume, if there is one. */
  sessionFor(target: OriginTarget): Buffer | undefined {
    return target.acceptedCertificate === undefined ? this.#sessions.of(target) : undefined;
  }

  /** PEM of the certificates that vouch for an origin whose chain had to be completed; else null. */
  anchorsFor(target: OriginTarget): readonly string[] | null {
    return this.#completions.get(keyOf(target)) ?? null;
  }

  /** To be called when a handshake begins. */
  watch(socket: TLSSocket): void {
    const seen: Seen = { ocsp: null, session: null, certificate: undefined };
    this.#seen.set(socket, seen);
    socket.once('session', (session) => (seen.session = session));
    if (this.wantsStapled) socket.once('OCSPResponse', (response) => (seen.ocsp = response as Buffer | null));
  }

  /**
   * The certificate of the origin. Node takes it off the chain that OpenSSL keeps, so that asking the socket
   * a second time yields the next one: nobody else may ask.
   */
  certificateOf(socket: TLSSocket): X509Certificate | undefined {
    const seen = this.#seen.get(socket);
    if (seen === undefined) return undefined;
    return (seen.certificate ??= socket.getPeerX509Certificate());
  }

  #chainOf(socket: TLSSocket): X509Certificate[] {
    return chainFrom(this.certificateOf(socket));
  }

  /**
   * Judges the origin when the handshake is done, before anything is sent to it.
   *
   * @returns null at once where nothing has to be waited for
   * @throws {OriginUntrustedError} `ERR_ORIGIN_UNTRUSTED`, also by rejection
   */
  judge(socket: TLSSocket, target: OriginTarget): Promise<void> | null {
    const isTrusted = !this.#verify || socket.authorized;
    if (!isTrusted) return this.#distrust(socket, target);
    if (socket.isSessionReused() || !this.#hasToAsk(socket)) return this.#accept(socket, target);
    return this.#checkRevocation(socket, target);
  }

  #accept(socket: TLSSocket, target: OriginTarget): null {
    if (target.acceptedCertificate !== undefined) return null;
    this.#sessions.keepFrom(socket, target, this.#seen.get(socket)?.session ?? null);
    return null;
  }

  #hasToAsk(socket: TLSSocket): boolean {
    const { revocation, crls } = this.#options;
    if (!this.#verify || revocation === 'off') return false;
    return revocation === 'crl' || crls.length > 0 || (this.#seen.get(socket)?.ocsp ?? null) !== null;
  }

  async #distrust(socket: TLSSocket, target: OriginTarget): Promise<void> {
    const code = String(socket.authorizationError);
    const chain = this.#chainOf(socket);
    const report = reportOn(target, chain, code);
    const accepted = target.acceptedCertificate;
    if (accepted !== undefined && accepted === report.fingerprint256) return;
    this.#sessions.forget(target);
    const isCompleted = this.#completions.delete(keyOf(target));
    if (
      !this.#options.completeChains ||
      isCompleted ||
      !report.faults.some((fault) => fault.code === 'incomplete')
    ) {
      throw new OriginUntrustedError(report, code);
    }
    const anchors = await this.#completer.complete(chain);
    if (anchors !== null) this.#completions.set(keyOf(target), anchors);
    throw new OriginUntrustedError(report, code, anchors !== null);
  }

  // --- revocation ---

  async #checkRevocation(socket: TLSSocket, target: OriginTarget): Promise<void> {
    const chain = this.#chainOf(socket);
    const [leaf] = chain;
    if (leaf === undefined) return;
    const ocsp = this.#seen.get(socket)?.ocsp ?? null;
    for (const certificate of chain) {
      if (isSelfSigned(certificate)) continue;
      const issuer = await this.#issuerOf(certificate, chain, target);
      if (issuer === null) continue;
      const stapled = certificate === leaf && ocsp !== null ? await stapledStatus(ocsp, leaf, issuer) : null;
      if (stapled === 'good') continue;
      const isRevoked = stapled === 'revoked' || (await this.#isListed(certificate, issuer));
      if (!isRevoked) continue;
      if (target.acceptedCertificate === leaf.fingerprint256) return;
      throw new OriginUntrustedError(reportOn(target, chain, 'CERT_REVOKED'), 'CERT_REVOKED');
    }
    this.#accept(socket, target);
  }

  async #issuerOf(
    certificate: X509Certificate,
    chain: readonly X509Certificate[],
    target: OriginTarget,
  ): Promise<X509Certificate | null> {
    const fetched = (this.anchorsFor(target) ?? []).map((pem) => new X509Certificate(pem));
    const isIssuer = (other: X509Certificate): boolean =>
      certificate.checkIssued(other) && certificate.verify(other.publicKey);
    return [...chain, ...fetched].find(isIssuer) ?? (await this.#roots.above(certificate));
  }

  async #isListed(certificate: X509Certificate, issuer: X509Certificate): Promise<boolean> {
    const name = certificateParts(certificate).issuer.toString('latin1');
    const lists = [...((await this.#listsOfFiles()).get(name) ?? [])];
    if (this.#options.revocation === 'crl') {
      for (const url of distributionPoints(certificate)) {
        const list = await this.#lists.get(url);
        if (list === null) continue;
        lists.push(list);
        break; // the others are copies
      }
    }
    for (const list of lists) if ((await list.revokes(certificate, issuer)) === true) return true;
    return false;
  }

  #listsOfFiles(): Promise<Map<string, RevocationList[]>> {
    return (this.#fileLists ??= this.#readFiles());
  }

  async #readFiles(): Promise<Map<string, RevocationList[]>> {
    const byIssuer = new Map<string, RevocationList[]>();
    for (const [index, bytes] of this.#options.crls.entries()) {
      const list = await RevocationList.read(bytes);
      const which = `proxy.upstream.crls[${index}]`;
      if (list === null) this.#options.onProblem?.(`${which} is not used: no complete revocation list`);
      else {
        byIssuer.set(list.issuer, [...(byIssuer.get(list.issuer) ?? []), list]);
        if (list.nextUpdate < Date.now())
          this.#options.onProblem?.(
            `${which} is not used: it was to be replaced at ${new Date(list.nextUpdate).toISOString()}`,
          );
      }
    }
    return byIssuer;
  }
}

/** The chain that hangs on a certificate, itself first; without repetition. */
function chainFrom(certificate: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = certificate;
  while (next !== undefined && chain.length < MAX_CHAIN) {
    const { fingerprint256 } = next;
    if (chain.some((one) => one.fingerprint256 === fingerprint256)) break;
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function keyOf({ host, port, serverName }: OriginTarget): string {
  return `${host} ${port} ${serverName}`;
}

// What proxy.upstream.onCertError says of a host whose certificate cannot be verified, and the leaf that a
// client's handshake is answered with: at once and from our own CA, unless the host is one to be mirrored.
// The page and the passing of it are certificate-warning.ts, mirroring is certificate-mirror.ts.

import type { LeafTls } from '../ca/leaf-cache.ts';
import type { WeirError } from '../errors.ts';
import type { Answer } from '../http/server-connection.ts';
import type { RequestHead } from '../icap/codec/http-head.ts';
import type { ClientHello } from '../tls/client-hello.ts';
import { leafKindFor } from '../tls/leaf-kind.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { certificateAnswer } from './certificate-answer.ts';
import { CertificateMirror } from './certificate-mirror.ts';
import { CertificateWarnings } from './certificate-warning.ts';
import { hostMatcher } from './host-match.ts';
import type { OriginConnector } from './origin/connector.ts';
import type { OriginTarget } from './origin/engine.ts';
import { reportOf } from './origin/verification-report.ts';
import type { Session } from './session.ts';
import { isOwnHost } from './weir-local.ts';

export type CertificateErrorAction = 'block' | 'warn' | 'mirror';

export interface CertificateErrorRule {
  /** Host patterns. */
  readonly hosts: readonly string[];
  readonly action: CertificateErrorAction;
}

export interface CertificatePolicyOptions {
  /** The first whose hosts fit decides; none: block. */
  readonly onCertError: readonly CertificateErrorRule[];
  /** How long the decision to go on holds. */
  readonly certErrorPassMs: number;
}

/** Leafs of our own CA (src/ca). */
export interface LeafSource {
  leafFor(name: string): LeafTls;
  rsaLeafFor(name: string): LeafTls | Promise<LeafTls>;
}

/** What a handshake with a client is answered with. */
export interface LeafChoice {
  readonly context: LeafTls;
  /** Where the leaf mirrors one that cannot be verified: its fingerprint. */
  readonly acceptedCertificate: string | null;
}

export class CertificatePolicy {
  /** What `warn` needs; null where no rule says it. */
  readonly warnings: CertificateWarnings | null;
  readonly #rules: readonly { fits: (host: string) => true | undefined; action: CertificateErrorAction }[];
  readonly #leafs: LeafSource;
  readonly #mirror: CertificateMirror | null;

  constructor(
    { onCertError, certErrorPassMs }: CertificatePolicyOptions,
    leafs: LeafSource,
    connector: OriginConnector,
    telemetry: Telemetry,
  ) {
    this.#leafs = leafs;
    this.#rules = onCertError.map(({ hosts, action }) => ({
      fits: hostMatcher(Object.fromEntries(hosts.map((host) => [host, true as const]))),
      action,
    }));
    const has = (wanted: CertificateErrorAction): boolean =>
      onCertError.some(({ action }) => action === wanted);
    this.warnings = has('warn')
      ? new CertificateWarnings((host) => this.actionFor(host) === 'warn', certErrorPassMs, telemetry)
      : null;
    this.#mirror = has('mirror') ? new CertificateMirror(connector, telemetry) : null;
  }

  actionFor(host: string): CertificateErrorAction {
    return this.#rules.find(({ fits }) => fits(host) === true)?.action ?? 'block';
  }

  /**
   * The leaf for a client. A promise only where an origin has to be looked at first, or the first RSA key is
   * still being made.
   *
   * @param asked  name for the leaf
   * @param target  where the tunnel leads; `serverName` is what the origin is verified by
   * @throws {TlsError} `ERR_TLS_NAME`, `ERR_CA_INVALID`, also by rejection
   */
  leafFor(asked: string, hello: ClientHello, target: OriginTarget): LeafChoice | Promise<LeafChoice> {
    if (this.#mirror !== null && !isOwnHost(target.host) && this.actionFor(target.serverName) === 'mirror') {
      const mirrored = this.#mirror.leafFor(asked, target);
      if (mirrored instanceof Promise)
        return mirrored.then((choice) => choice ?? this.#trusted(asked, hello));
      if (mirrored !== null) return mirrored;
    }
    return this.#trusted(asked, hello);
  }

  /**
   * The page for an origin that could not be verified.
   * @param request  as it came, in origin form
   * @returns null for an error of another kind
   */
  answerFor(
    error: WeirError,
    incident: string,
    url: string,
    session: Session,
    request: RequestHead,
  ): Answer | null {
    const report = reportOf(error);
    if (report === null) return null;
    this.#mirror?.forget(report); // it was good when it was looked at
    return certificateAnswer(
      error,
      report,
      { incident, url, request },
      this.warnings?.wayOn(session, report, request) ?? null,
    );
  }

  #trusted(asked: string, hello: ClientHello): LeafChoice | Promise<LeafChoice> {
    if (leafKindFor(hello) === 'ec') return trusted(this.#leafs.leafFor(asked));
    const context = this.#leafs.rsaLeafFor(asked);
    return context instanceof Promise ? context.then(trusted) : trusted(context);
  }
}

function trusted(context: LeafTls): LeafChoice {
  return { context, acceptedCertificate: null };
}

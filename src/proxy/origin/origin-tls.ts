// TLS with origins: what vouches for them, by which name they are verified, and the certificate that we show
// where one is configured for the host. The TCP connection or tunnel beneath is the connector's.

import type { X509Certificate } from 'node:crypto';
import type { OnReadOpts, Socket } from 'node:net';
import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { DetailedPeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { hostMatcher } from '../host-match.ts';
import type { OriginTarget } from './engine.ts';
import type { ConnectPlain } from './verification-fetch.ts';
import type { VerificationOptions } from './verification.ts';
import { NO_EXTRAS, OriginVerification } from './verification.ts';

/** A certificate for origins to know us by. */
export interface ClientCertificate {
  /** Host patterns of the origins that it is shown to. */
  readonly hosts: readonly string[];
  /** PEM, with its chain. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
  readonly passphrase: string | null;
}

export interface OriginTlsOptions {
  /** Certificates (PEM) that vouch for origins; null: Node's own roots. */
  readonly ca: readonly string[] | null;
  readonly verify: boolean;
  /** Default: none. The most specific host pattern wins. */
  readonly clientCertificates?: readonly ClientCertificate[];
  /** Default: OpenSSL's judgement alone. */
  readonly verification?: VerificationOptions;
}

/** A new connection, or one that is there already. */
export type Beneath =
  | {
      readonly host: string;
      readonly port: number;
      readonly localAddress?: string;
      readonly noDelay: boolean;
      readonly onread?: OnReadOpts;
    }
  | { readonly socket: Socket };

/** Node takes it here too; its types know it of TLSSocket only. */
const STAPLED: object = { requestOCSP: true };

const HTTP_1: readonly string[] = ['http/1.1'];

export class OriginTls {
  readonly #options: OriginTlsOptions;
  readonly #context: SecureContext;
  readonly #certificateFor: (host: string) => ClientContext | undefined;
  readonly #verification: OriginVerification;
  /** Contexts of origins whose chains had to be completed. */
  readonly #completed = new WeakMap<readonly string[], SecureContext>();

  /** @param connect  for what verification has to fetch */
  constructor(options: OriginTlsOptions, connect: ConnectPlain) {
    const { verification = NO_EXTRAS, verify, ca } = options;
    this.#verification = new OriginVerification(verification, verify, ca, connect);
    this.#options = options;
    this.#context = trusting(options.ca);
    const table: Record<string, ClientContext> = {};
    for (const certificate of options.clientCertificates ?? []) {
      const context = showing(certificate);
      for (const pattern of certificate.hosts) table[pattern] ??= context;
    }
    this.#certificateFor = hostMatcher(table);
  }

  /**
   * Begins a handshake; the socket emits `secureConnect` when it is done. Who has answered is to be judged
   * then, by {@link judge}.
   *
   * @param protocols  for ALPN. Default: http/1.1
   */
  start(beneath: Beneath, target: OriginTarget, protocols: readonly string[] = HTTP_1): TLSSocket {
    const name = target.serverName;
    const session = this.#verification.sessionFor(target);
    const socket: TLSSocket = connect({
      ...beneath,
      secureContext: this.#contextFor(target),
      rejectUnauthorized: false, // judged below
      ...(this.#verification.wantsStapled ? STAPLED : {}),
      ...(session === undefined ? {} : { session }),
      ALPNProtocols: [...protocols],
      // An address is verified against the certificate's IP names and never sent as SNI (RFC 6066 §3).
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: () => nameMismatch(name, this.#verification.certificateOf(socket)),
    });
    // Node builds a detailed object of the whole chain for checkServerIdentity, which takes a quarter of a
    // millisecond and which nameMismatch does not need.
    socket.getPeerCertificate = () => ({}) as DetailedPeerCertificate;
    this.#verification.watch(socket);
    return socket;
  }

  /**
   * Judges who has answered the handshake, before anything is sent to it.
   * @returns null at once where nothing has to be waited for
   * @throws {OriginUntrustedError} by rejection; with `mayRetry` another connection may succeed
   */
  judge(socket: TLSSocket, target: OriginTarget): Promise<void> | null {
    return this.#verification.judge(socket, target);
  }

  #contextFor(target: OriginTarget): SecureContext {
    const shown = this.#certificateFor(target.serverName);
    const anchors = this.#verification.anchorsFor(target);
    if (anchors === null) return shown?.(this.#options.ca) ?? this.#context;
    return (
      shown?.(anchors) ?? madeOnce(this.#completed, anchors, () => createSecureContext({ ca: [...anchors] }))
    );
  }
}

let lastTrust: { readonly ca: readonly string[]; readonly context: SecureContext } | null = null;

/** One context for all connections, and for the next connector too: making one with roots takes 20 ms. */
export function trusting(ca: readonly string[] | null): SecureContext {
  if (ca === null) return createSecureContext({});
  const same = lastTrust?.ca.length === ca.length && lastTrust.ca.every((pem, index) => pem === ca[index]);
  if (lastTrust === null || !same) lastTrust = { ca, context: createSecureContext({ ca: [...ca] }) };
  return lastTrust.context;
}

/** A context that shows our certificate and trusts these authorities; null: Node's own. */
type ClientContext = (ca: readonly string[] | null) => SecureContext;

/** Contexts are made at the first connection that needs them. */
function showing({ cert, key, passphrase }: ClientCertificate): ClientContext {
  const contexts = new WeakMap<object, SecureContext>();
  const own = {};
  return (ca) =>
    madeOnce(contexts, ca ?? own, () =>
      createSecureContext({
        cert,
        key,
        ...(passphrase === null ? {} : { passphrase }),
        ...(ca === null ? {} : { ca: [...ca] }),
      }),
    );
}

function madeOnce<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}

/** Node's own check refuses IPv6 addresses on some versions, and needs the certificate as a slow object. */
export function nameMismatch(name: string, certificate: X509Certificate | undefined): Error | undefined {
  if (certificate === undefined) return new Error('the origin sent no certificate');
  const valid = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
  if (valid !== undefined) return undefined;
  const error = new Error(
    `it is not valid for ${name}, only for ${certificate.subjectAltName ?? certificate.subject}`,
  );
  return Object.assign(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

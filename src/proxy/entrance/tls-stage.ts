// TLS to the proxy itself on one listener: handshake, client certificate, and certificates that change while
// it runs. Where they come from (files, or our own authority) is a TlsSource; whether the client may go on
// is the access rules' matter.

import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { createServer } from 'node:tls';
import { HttpError, messageOf, printable, reasonOf } from '../../errors.ts';
import type { TlsMaterial } from '../../icap/server/tls-files.ts';
import type { Arriving } from './arriving.ts';

/** What a listener presents, and asks for. */
export interface ListenerTls {
  /** PEM files; null: a certificate of our own authority. */
  readonly files: { readonly cert: string; readonly key: string } | null;
  /** Names in that one, besides those of this machine. */
  readonly names: readonly string[];
  /** PEM file with the CAs of client certificates; null: none is asked for. */
  readonly clientCa: string | null;
}

/** Certificate and key of a listener. */
export interface TlsSource {
  /** @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`; {TlsError} of our own authority */
  read(): TlsMaterial;
  /** Time after which it is to be read again; null: at a reload only. */
  readonly renewAfterMs: number | null;
}

/** What the handshake has shown of the client. */
export interface ShownCertificate {
  /** The listener asks for certificates. */
  readonly asked: boolean;
  readonly certificate: X509Certificate | null;
  /** It is valid and comes from the listener's clientCa. */
  readonly trusted: boolean;
}

type Then = (stream: TLSSocket, shown: ShownCertificate) => void;

interface Shaking {
  readonly arriving: Arriving;
  readonly then: Then;
}

export class TlsStage {
  readonly #onWarning: (message: string) => void;
  /** In the handshake, by address and port of the other end. */
  readonly #shaking = new Map<string, Shaking>();
  #server: Server | null = null;
  #asks = false;
  #source: TlsSource | null = null;
  #renewAt = Infinity;

  /** @param onWarning  told of what is worth knowing about the certificates */
  constructor(onWarning: (message: string) => void) {
    this.#onWarning = onWarning;
  }

  /** Whether clients are asked for a certificate. */
  get asksForCertificate(): boolean {
    return this.#asks;
  }

  /**
   * Reads certificate and key.
   * @returns puts them in force: for new connections, the others stay; cannot fail
   * @throws as {@link TlsSource.read}
   */
  prepare(source: TlsSource): () => void {
    const material = source.read();
    return () => this.#use(source, material);
  }

  /** Does the handshake. @param then  called unless it fails, which is told to `arriving` */
  secure(arriving: Arriving, then: Then): void {
    if (performance.now() >= this.#renewAt) this.#renew();
    const { socket } = arriving;
    const key = keyOf(socket);
    this.#shaking.set(key, { arriving, then });
    socket.once('close', () => {
      if (this.#shaking.get(key)?.arriving !== arriving) return;
      this.#shaking.delete(key);
      if (socket.bytesRead > 0) arriving.fail(failure('the client closed the connection'));
    });
    socket.allowHalfOpen = false; // who closes in the handshake is gone
    this.#server!.emit('connection', socket);
  }

  #use(source: TlsSource, { context, asksForCertificate, warnings }: TlsMaterial): void {
    for (const warning of warnings) this.#onWarning(warning);
    this.#source = source;
    this.#renewAt = source.renewAfterMs === null ? Infinity : performance.now() + source.renewAfterMs;
    this.#asks = asksForCertificate;
    if (this.#server !== null) return void this.#server.setSecureContext(context);
    // Without a valid certificate a client is let in as far as a page that says so.
    const asked = { requestCert: asksForCertificate, rejectUnauthorized: false };
    this.#server = createServer({ ...context, ...asked, ALPNProtocols: ['http/1.1'] });
    this.#server.on('secureConnection', (stream) => this.#onSecure(stream));
    this.#server.on('tlsClientError', (error, stream) => {
      this.#take(stream)?.arriving.fail(failure(printable(reasonOf(error)), error));
      stream.destroy();
    });
  }

  /** Ours are short-lived. Should it fail, the former ones are still good for a while. */
  #renew(): void {
    const source = this.#source!;
    try {
      this.#use(source, source.read());
    } catch (error) {
      this.#renewAt = performance.now() + source.renewAfterMs!;
      this.#onWarning(`the certificate of a listener could not be renewed: ${messageOf(error)}`);
    }
  }

  #onSecure(stream: TLSSocket): void {
    const shaking = this.#take(stream);
    if (shaking === undefined) return void stream.destroy();
    stream.allowHalfOpen = true;
    const certificate = this.#asks ? (stream.getPeerX509Certificate() ?? null) : null;
    shaking.then(stream, { asked: this.#asks, certificate, trusted: stream.authorized });
  }

  #take(stream: TLSSocket): Shaking | undefined {
    const key = keyOf(stream);
    const shaking = this.#shaking.get(key);
    this.#shaking.delete(key);
    return shaking;
  }
}

/** Of two live connections to one listener no two have the same. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function failure(what: string, cause?: unknown): HttpError {
  return new HttpError('ERR_PROXY_TLS', `TLS handshake with the proxy failed: ${what}`, {}, cause);
}

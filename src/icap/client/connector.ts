// Opens sockets to one ICAP server: TCP, a Unix socket, or TLS with its own trust, name and certificate.
// The TLS context is made once, and a session is resumed where the server offers it. When to open one, and
// how many, is pool.ts.

import { connect, isIP } from 'node:net';
import type { OnReadOpts, Socket } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { IcapError, messageOf, reasonOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';

export interface IcapTlsOptions {
  /** PEM text of certificates that vouch for the server, in place of the system's. */
  readonly ca?: readonly string[];
  /** PEM text of a certificate for ourselves, and its key. */
  readonly cert?: string | null;
  readonly key?: string | null;
  /** Default true. False: the server may be anybody. */
  readonly verify?: boolean;
  /** Name that is asked for and that the certificate must bear. Null: the host of the URL. */
  readonly serverName?: string | null;
}

export interface IcapEndpoint {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Path of a Unix socket, in place of host and port. */
  readonly socketPath?: string | null;
  readonly tls?: IcapTlsOptions;
}

export class IcapConnector {
  /** Emitted by a socket that is ready for the first ICAP byte. */
  readonly readyEvent: 'connect' | 'secureConnect';
  readonly #endpoint: IcapEndpoint;
  readonly #context: SecureContext | null;
  #session: Buffer | undefined;

  /** @throws {IcapError} `ERR_ADAPT_TLS`: certificate, key or CA cannot be used */
  constructor(endpoint: IcapEndpoint) {
    this.#endpoint = endpoint;
    this.readyEvent = endpoint.secure ? 'secureConnect' : 'connect';
    this.#context = endpoint.secure ? contextOf(endpoint.tls ?? {}) : null;
  }

  /** Starts to connect. */
  open(onread: OnReadOpts): Socket {
    const { host, port, socketPath, tls = {} } = this.#endpoint;
    if (socketPath != null) return connect({ path: socketPath, onread });
    if (this.#context === null) return connect({ host, port, onread });
    const socket = connectTls({
      ...{ host, port, onread, secureContext: this.#context },
      // An address is no server name (RFC 6066 §3).
      servername: tls.serverName ?? (isIP(host) === 0 ? host : ''),
      rejectUnauthorized: tls.verify ?? true,
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    socket.on('session', (session) => (this.#session = session));
    return socket;
  }

  /** Why a socket of `open` did not become ready. */
  failure(error: Error | undefined): WeirError {
    const { host, port, socketPath } = this.#endpoint;
    const where = socketPath ?? `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const fields = socketPath == null ? { host, port } : { path: socketPath };
    if (error !== undefined && isTlsError(error)) {
      this.#session = undefined;
      const text = `no TLS connection with ${where}: ${reasonOf(error)}`;
      return new IcapError('ERR_ADAPT_TLS', text, fields, error);
    }
    const text = `cannot connect to ${where}: ${messageOf(error ?? 'closed')}`;
    return new IcapError('ERR_ADAPT_UNAVAILABLE', text, fields, error);
  }
}

/** Errors of the handshake and of the certificates in it; they may also come after it (RFC 8446 §4.6.2). */
export function isTlsError(error: Error): boolean {
  const { code = '' } = error as { code?: string };
  return /^ERR_(?:SSL|TLS)|CERT|SELF_SIGNED|UNABLE_TO_|CRL_|^EPROTO$/.test(code);
}

function contextOf({ ca = [], cert, key }: IcapTlsOptions): SecureContext {
  try {
    return createSecureContext({
      ...(ca.length === 0 ? {} : { ca: [...ca] }),
      ...(cert == null ? {} : { cert }),
      ...(key == null ? {} : { key }),
    });
  } catch (error) {
    throw new IcapError(
      'ERR_ADAPT_TLS',
      `certificate, key or CA cannot be used: ${reasonOf(error)}`,
      {},
      error,
    );
  }
}

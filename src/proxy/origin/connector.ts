// Opens connections to origins: address overrides, TLS with verification, time limits, and the guard
// that no connection reaches Weir's own ports. Failures become errors with a code a user can act on.

import type { X509Certificate } from 'node:crypto';
import { lookup as dnsLookup } from 'node:dns';
import type { LookupFunction, OnReadOpts, Socket } from 'node:net';
import { connect, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { DetailedPeerCertificate, SecureContext, TLSSocket } from 'node:tls';
import { HttpError, reasonOf } from '../../errors.ts';
import type { SlabReader } from '../../util/slab-reader.ts';
import { hostMatcher } from '../host-match.ts';
import type { OriginTarget } from './engine.ts';

export interface ConnectorOptions {
  /** Certificates (PEM) that vouch for origins; null: Node's own roots. */
  readonly ca: readonly string[] | null;
  readonly verify: boolean;
  /** Host name or `*.suffix` to the address to connect to instead. */
  readonly hosts: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
  /** True for a port that Weir itself listens on. */
  isOwnPort(port: number): boolean;
  /** True for an address that clients may not reach (`proxy.targets.deny`). */
  isDeniedAddress(address: string): boolean;
}

export class OriginConnector {
  readonly #options: ConnectorOptions;
  readonly #context: SecureContext;
  readonly #override: (host: string) => string | undefined;
  readonly #lookup: LookupFunction;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#context = trusting(options.ca);
    this.#override = hostMatcher(options.hosts);
    this.#lookup = (host, lookupOptions, callback) => {
      dnsLookup(this.#override(host) ?? host, lookupOptions, callback);
    };
  }

  /**
   * Connects, and for `https` completes and verifies the handshake.
   *
   * @param reader  reads the connection; null for a socket that emits `data`
   * @throws {HttpError} `ERR_ORIGIN_DNS`, `…_UNREACHABLE`, `…_TIMEOUT`, `…_TLS`, `…_UNTRUSTED`, `ERR_PROXY_SELF`
   */
  connect(target: OriginTarget, reader: SlabReader | null = null): Promise<Socket> {
    const { host, port, secure } = target;
    return new Promise((resolve, reject) => {
      const address = this.#override(host) ?? host;
      if (isIP(address) !== 0 && this.#isSelf(address, port)) return reject(selfError(target));
      const onread = reader === null ? {} : { onread: reader.onread };
      const options = { host: address, port, noDelay: true, lookup: this.#lookup, ...onread };
      const socket = secure ? this.#secureSocket(options, target.serverName) : connect(options);
      const timer = setTimeout(() => {
        fail(
          new HttpError(
            'ERR_ORIGIN_TIMEOUT',
            `no connection to ${host}:${port} within ${this.#options.connectTimeoutMs} ms`,
            { host, port },
          ),
        );
      }, this.#options.connectTimeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on('error', () => {});
        socket.destroy();
        reject(error);
      };
      socket.once('error', (error) => fail(asOriginError(error, target)));
      socket.once('close', () =>
        fail(new HttpError('ERR_ORIGIN_CLOSED', `${host}:${port} closed the connection`, { host, port })),
      );
      socket.once('connect', () => {
        // A name may resolve to ourselves: look at what was really connected to.
        const reached = socket.remoteAddress ?? '';
        if (this.#isSelf(reached, socket.remotePort ?? 0)) fail(selfError(target));
        else if (this.#options.isDeniedAddress(reached)) fail(deniedError(host, reached));
      });
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        if (socket.destroyed) return;
        clearTimeout(timer);
        socket.removeAllListeners('error');
        socket.removeAllListeners('close');
        resolve(socket);
      });
    });
  }

  #secureSocket(
    options: { host: string; port: number; noDelay: boolean; lookup: LookupFunction; onread?: OnReadOpts },
    name: string,
  ): TLSSocket {
    const socket: TLSSocket = connectTls({
      ...options,
      secureContext: this.#context,
      rejectUnauthorized: this.#options.verify,
      ALPNProtocols: ['http/1.1'],
      // An address is verified against the certificate's IP names and never sent as SNI (RFC 6066 §3).
      servername: isIP(name) === 0 ? name : '',
      checkServerIdentity: () => nameMismatch(name, socket.getPeerX509Certificate()),
    });
    // Node builds a detailed object of the whole chain for checkServerIdentity, which takes a quarter of a
    // millisecond and which nameMismatch does not need.
    socket.getPeerCertificate = () => ({}) as DetailedPeerCertificate;
    return socket;
  }

  #isSelf(address: string, port: number): boolean {
    return this.#options.isOwnPort(port) && isOwnAddress(address);
  }
}

let lastTrust: { readonly ca: readonly string[]; readonly context: SecureContext } | null = null;

/** One context for all connections, and for the next connector too: making one with roots takes 20 ms. */
function trusting(ca: readonly string[] | null): SecureContext {
  if (ca === null) return createSecureContext({});
  const same = lastTrust?.ca.length === ca.length && lastTrust.ca.every((pem, index) => pem === ca[index]);
  if (lastTrust === null || !same) lastTrust = { ca, context: createSecureContext({ ca: [...ca] }) };
  return lastTrust.context;
}

/** Node's own check refuses IPv6 addresses on some versions, and needs the certificate as a slow object. */
function nameMismatch(name: string, certificate: X509Certificate | undefined): Error | undefined {
  if (certificate === undefined) return new Error('the origin sent no certificate');
  const valid = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
  if (valid !== undefined) return undefined;
  const error = new Error(
    `it is not valid for ${name}, only for ${certificate.subjectAltName ?? certificate.subject}`,
  );
  return Object.assign(error, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
}

/** True for loopback, the unspecified address and the addresses of this machine's interfaces. */
export function isOwnAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, '');
  if (/^127\.|^0\.0\.0\.0$|^::1?$/.test(plain)) return true;
  for (const addresses of Object.values(networkInterfaces())) {
    if (addresses?.some((own) => own.address === plain)) return true;
  }
  return false;
}

function selfError(target: OriginTarget): HttpError {
  const { host, port } = target;
  return new HttpError('ERR_PROXY_SELF', `${host}:${port} is one of Weir's own ports`, { host, port });
}

function deniedError(host: string, address: string): HttpError {
  return new HttpError('ERR_PROXY_DENIED', `${host} is at ${address}, which proxy.targets.deny excludes`, {
    host,
    address,
  });
}

const DNS_CODES = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EAI_NODATA',
  'EAI_NONAME',
  'ESERVFAIL',
  'ETIMEOUT',
]);
const TIMEOUT_CODES = new Set(['ETIMEDOUT', 'ERR_SOCKET_CONNECTION_TIMEOUT']);
const CERTIFICATE =
  /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|CRL|INVALID_CA|PATH_LENGTH|INVALID_PURPOSE|HOSTNAME_MISMATCH/;

/** A socket's error as an error that says what failed and what to do. */
export function asOriginError(error: NodeJS.ErrnoException, target: OriginTarget): HttpError {
  const { host, port } = target;
  const code = error.code ?? '';
  const fields = { host, port, cause: code };
  // Node joins the failures of several addresses; the first one tells enough.
  const text = reasonOf((error as { errors?: Error[] }).errors?.[0] ?? error);
  if (DNS_CODES.has(code))
    return new HttpError('ERR_ORIGIN_DNS', `the name ${host} cannot be resolved (${code})`, fields, error);
  if (TIMEOUT_CODES.has(code))
    return new HttpError('ERR_ORIGIN_TIMEOUT', `${host}:${port} does not answer`, fields, error);
  if (CERTIFICATE.test(code) && !code.startsWith('ERR_SSL')) {
    return new HttpError(
      'ERR_ORIGIN_UNTRUSTED',
      `the certificate of ${host} is not trusted: ${text}`,
      fields,
      error,
    );
  }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code.startsWith('ERR_TLS')) {
    return new HttpError('ERR_ORIGIN_TLS', `TLS with ${host}:${port} failed: ${text}`, fields, error);
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new HttpError('ERR_ORIGIN_CLOSED', `${host}:${port} closed the connection`, fields, error);
  }
  return new HttpError('ERR_ORIGIN_UNREACHABLE', `cannot connect to ${host}:${port}: ${text}`, fields, error);
}

/** The connection ended before the response did: it must never pass for a complete one (C-39). */
export function closedEarly(target: OriginTarget): HttpError {
  const { host, port } = target;
  return new HttpError(
    'ERR_ORIGIN_CLOSED',
    `${host}:${port} closed the connection before the response was complete`,
    { host, port },
  );
}

// What stands between a connection and its first ICAP byte on one listener: the balancer's PROXY header,
// then TLS with or without a client certificate. Ends with the stream to serve and with who is at its other
// end. Accepting is server.ts; who may come in is access.ts.

import type { BlockList, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';
import { IcapError, messageOf, printable, reasonOf } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { ProxyHeader } from '../../http/proxy-protocol.ts';
import { ProxyHeaderReader } from '../../http/proxy-protocol.ts';
import type { Deadlines, HasDeadline } from '../../util/deadlines.ts';
import { isAllowed, networks, plainAddress } from '../../util/networks.ts';
import { acceptedConnection } from '../own-connections.ts';
import type { IcapPeer, IcapServerLimits } from './context.ts';
import type { TlsFiles, TlsMaterial } from './tls-files.ts';
import { readTlsFiles } from './tls-files.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Null: plain icap. */
  readonly tls: TlsFiles | null;
  /** Networks of the balancers that send a PROXY header first; null: none is expected. */
  readonly proxyProtocol: readonly string[] | null;
}

/** A connection that is ready for its first request. */
export interface Arrival {
  readonly peer: IcapPeer;
  /** Why it is not served all the same; null: nothing speaks against it. */
  readonly refusal: WeirError | null;
}

/** What an entrance asks of the server. */
export interface EntranceHost {
  readonly limits: IcapServerLimits;
  readonly deadlines: Deadlines;
  /** Connections on their way through the entrances. */
  readonly entering: Set<HasDeadline & { destroy(): void }>;
  /** Why an address may not connect; null when it may. */
  refusal(address: string): WeirError | null;
  refused(peer: string, error: WeirError): void;
}

type Then = (stream: Socket, arrival: Arrival) => void;

export class Entrance {
  readonly options: ListenerOptions;
  readonly warnings: string[] = [];
  readonly #host: EntranceHost;
  readonly #balancers: BlockList | null;
  #tls: Server | null = null;
  #asksForCertificate = false;
  /** In the handshake, by address and port of the other end. */
  readonly #shaking = new Map<string, Entering>();

  /** @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network */
  constructor(options: ListenerOptions, host: EntranceHost) {
    this.options = options;
    this.#host = host;
    this.#balancers = options.proxyProtocol === null ? null : networks(options.proxyProtocol);
  }

  /** Whether one of these has the same address and the same files. */
  isAmong(listeners: readonly ListenerOptions[]): boolean {
    const { host, port, tls } = this.options;
    return listeners.some(
      (it) => it.host === host && it.port === port && JSON.stringify(it.tls) === JSON.stringify(tls),
    );
  }

  /**
   * Reads the TLS files, also once more.
   * @returns puts them in force: for new connections, the others stay; cannot fail
   * @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`
   */
  prepare(): () => void {
    const { tls, host, port } = this.options;
    if (tls === null) return () => {};
    const material = readTlsFiles(tls, `${host}:${port}`);
    return () => this.#secure(material);
  }

  #secure({ context, asksForCertificate, warnings }: TlsMaterial): void {
    this.warnings.splice(0, Infinity, ...warnings);
    this.#asksForCertificate = asksForCertificate;
    if (this.#tls !== null) return this.#tls.setSecureContext(context);
    // Without a valid certificate a client is let in as far as a 403 that says so.
    const asked = { requestCert: asksForCertificate, rejectUnauthorized: false };
    this.#tls = createServer({ ...context, ...asked });
    this.#tls.on('secureConnection', (stream) => this.#onSecure(stream));
    this.#tls.on('tlsClientError', (error, stream) => this.#onHandshakeError(error, stream));
  }

  /**
   * Brings a connection in.
   * @param socket  nothing of it was read yet
   * @param then  called at most once; never for a connection that is closed here
   */
  enter(socket: Socket, then: Then): void {
    if (socket.remoteAddress === undefined) return void socket.destroy(); // has gone already
    const address = plainAddress(socket.remoteAddress);
    if (this.#balancers === null && this.options.tls === null) {
      const peer = { address, certificate: null, connection: acceptedConnection(socket) };
      return then(socket, { peer, refusal: this.#host.refusal(address) });
    }
    const entering = new Entering(socket, address, this.#host, then);
    if (this.#host.entering.size > this.#host.limits.connections) {
      return entering.fail(new IcapError('ERR_ICAP_OVERLOADED', 'too many connections'));
    }
    if (this.#balancers === null) return this.#afterHeader(entering);
    if (!isAllowed(this.#balancers, address)) {
      const what = `${address} is none of the balancers in proxyProtocol`;
      return entering.fail(new IcapError('ERR_ICAP_PROXY_HEADER', what));
    }
    entering.readHeader((header) => {
      // What the balancer says for itself, such as a health check, comes from a network that was named.
      if (header.kind === 'local') entering.own = true;
      if (header.address !== null) entering.address = header.address;
      this.#afterHeader(entering);
    });
  }

  #afterHeader(entering: Entering): void {
    const refusal = entering.own ? null : this.#host.refusal(entering.address);
    if (this.#tls === null) {
      entering.done(entering.socket, null, refusal);
      return void entering.socket.resume();
    }
    // No handshake with strangers: they get no answer, the log has the reason.
    if (refusal !== null) return entering.fail(refusal);
    entering.restart();
    const key = keyOf(entering.socket);
    this.#shaking.set(key, entering);
    entering.socket.once('close', () => {
      if (this.#shaking.get(key) === entering) this.#shaking.delete(key);
      entering.lost();
    });
    entering.socket.allowHalfOpen = false; // who closes in the handshake is gone
    this.#tls.emit('connection', entering.socket);
  }

  #onSecure(stream: TLSSocket): void {
    const entering = this.#take(stream);
    if (entering === undefined) return void stream.destroy();
    stream.allowHalfOpen = true;
    let refusal: WeirError | null = null;
    let certificate: string | null = null;
    if (this.#asksForCertificate) {
      const shown = stream.getPeerX509Certificate();
      if (shown === undefined) {
        refusal = new IcapError('ERR_ICAP_FORBIDDEN', 'a client certificate is required');
      } else {
        certificate = printable(shown.subject.replaceAll('\n', ', '));
        if (!stream.authorized) {
          const why = String(stream.authorizationError);
          refusal = new IcapError('ERR_ICAP_FORBIDDEN', `the client certificate is not accepted (${why})`);
        }
      }
    }
    entering.done(stream, certificate, refusal);
  }

  #onHandshakeError(error: Error, stream: TLSSocket): void {
    const entering = this.#take(stream);
    const failure = new IcapError('ERR_ICAP_TLS', `TLS handshake failed: ${printable(reasonOf(error))}`);
    if (entering !== undefined) entering.fail(failure);
    stream.destroy();
  }

  #take(stream: TLSSocket): Entering | undefined {
    const key = keyOf(stream);
    const entering = this.#shaking.get(key);
    this.#shaking.delete(key);
    return entering;
  }
}

/** Of two live connections to one listener no two have the same. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** A connection on its way in; its time is limited. */
class Entering implements HasDeadline {
  deadlineAt = Infinity;
  readonly socket: Socket;
  address: string;
  readonly connection: string;
  /** The balancer's own connection. */
  own = false;
  readonly #host: EntranceHost;
  readonly #then: Then;
  #over = false;
  #waitsFor = 'PROXY header';

  constructor(socket: Socket, address: string, host: EntranceHost, then: Then) {
    this.socket = socket;
    this.address = address;
    this.connection = acceptedConnection(socket);
    this.#host = host;
    this.#then = then;
    this.deadlineAt = performance.now() + host.limits.handshakeTimeoutMs;
    host.entering.add(this);
    host.deadlines.add(this);
    socket.on('error', this.#onError);
    socket.on('close', this.#leave);
  }

  readonly #onError = (): void => void this.socket.destroy();
  readonly #leave = (): void => {
    this.#host.entering.delete(this);
    this.#host.deadlines.delete(this);
  };

  readHeader(onHeader: (header: ProxyHeader) => void): void {
    const reader = new ProxyHeaderReader();
    const stop = (): void => {
      this.socket.off('data', onData);
      this.socket.off('end', onEnd);
    };
    const onData = (bytes: Buffer): void => {
      let found: ReturnType<ProxyHeaderReader['execute']>;
      try {
        found = reader.execute(bytes);
      } catch (error) {
        stop();
        return this.fail(new IcapError('ERR_ICAP_PROXY_HEADER', messageOf(error)));
      }
      if (found === null) return;
      stop();
      this.socket.pause();
      if (found.end < bytes.length) this.socket.unshift(bytes.subarray(found.end));
      onHeader(found.header);
    };
    const onEnd = (): void => {
      stop();
      if (reader.length === 0) return void this.socket.destroy(); // somebody looked whether the port is open
      this.fail(new IcapError('ERR_ICAP_PROXY_HEADER', 'no valid PROXY header: the connection ended in it'));
    };
    this.socket.on('data', onData);
    this.socket.on('end', onEnd);
  }

  /** The header is read, the handshake begins: with a time of its own. */
  restart(): void {
    this.#waitsFor = 'TLS handshake';
    this.deadlineAt = performance.now() + this.#host.limits.handshakeTimeoutMs;
  }

  onDeadline(): void {
    const code = this.#waitsFor === 'PROXY header' ? 'ERR_ICAP_PROXY_HEADER' : 'ERR_ICAP_TLS';
    this.fail(new IcapError(code, `no complete ${this.#waitsFor} in time`));
  }

  /** The other side has closed. */
  lost(): void {
    if (this.#over || this.socket.bytesRead === 0) return;
    this.#over = true;
    this.#host.refused(this.address, new IcapError('ERR_ICAP_TLS', 'the client closed in the TLS handshake'));
  }

  fail(error: WeirError): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.refused(this.address, error);
    this.socket.destroy();
  }

  done(stream: Socket, certificate: string | null, refusal: WeirError | null): void {
    this.#over = true;
    this.#leave();
    this.socket.off('close', this.#leave);
    if (stream === this.socket) this.socket.off('error', this.#onError);
    const { address, connection } = this;
    this.#then(stream, { peer: { address, certificate, connection }, refusal });
  }

  /** The server stops. */
  destroy(): void {
    this.#over = true;
    this.socket.destroy();
  }
}

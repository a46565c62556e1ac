// What stands between an accepted connection and the first request on one listener: a balancer's PROXY
// header, the question who it is, TLS, and which protocol its first byte begins. Ends in one of three ways:
// HTTP, SOCKS, or a redirected connection. Accepting is proxy-server.ts; who may come in is access/.

import type { BlockList, Socket } from 'node:net';
import { HttpError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import { parseProxyHeader } from '../../http/proxy-protocol.ts';
import { isAllowed, networks, plainAddress } from '../../util/networks.ts';
import { isOwnConnection, watchOwnConnections } from '../../util/own-connections.ts';
import type { Access } from '../access/access.ts';
import type { ArrivingHost } from './arriving.ts';
import { Arriving } from './arriving.ts';
import type { SocksAsk } from './socks-dialogue.ts';
import { socksDialogue } from './socks-dialogue.ts';
import type { ListenerTls, TlsSource } from './tls-stage.ts';
import { TlsStage } from './tls-stage.ts';
import { lookAtFirstBytes } from './transparent.ts';
import { turnAway } from './turn-away.ts';

export interface EntranceOptions {
  readonly host: string;
  readonly port: number;
  /** Which protocol is spoken; `auto`: HTTP or SOCKS, as the first byte says. */
  readonly mode: 'auto' | 'http' | 'socks5' | 'transparent';
  /** Null: no TLS to the proxy itself. */
  readonly tls: ListenerTls | null;
  /** Networks of the balancers that send a PROXY header first; null: none is expected. */
  readonly proxyProtocol: readonly string[] | null;
  /** Clients log in here, where the proxy asks for it at all. */
  readonly auth: boolean;
}

/** Somebody who has come in. */
export interface Arrival {
  readonly client: string;
  /** Named by a client certificate. */
  readonly user: string | null;
  readonly groups: readonly string[];
  /** Where the client had connected to, as a balancer says. */
  readonly destination: Arriving['destination'];
  /** Why the first request is answered with an error and nothing else. */
  readonly refusal: WeirError | null;
}

export interface EntranceHost extends ArrivingHost {
  readonly limits: { readonly handshakeTimeoutMs: number; readonly idleTimeoutMs: number };
  readonly access: Access;
  /** Counts a client in; why it may not, or null. */
  admit(socket: Socket, client: string): WeirError | null;
  onWarning(message: string): void;
  /** HTTP begins on `stream`, which is paused. */
  onHttp(stream: Socket, entrance: Entrance, arrival: Arrival): void;
  /** A tunnel is asked for by SOCKS. */
  onSocks(stream: Socket, entrance: Entrance, arrival: Arrival, ask: SocksAsk, arriving: Arriving): void;
  /** TLS to somewhere begins on a redirected connection. */
  onRedirected(
    stream: Socket,
    entrance: Entrance,
    arrival: Arrival,
    target: { host: string; port: number },
    arriving: Arriving,
  ): void;
}

const SOCKS4 = 0x04;
const SOCKS5 = 0x05;
const TLS_RECORD = 0x16;

export class Entrance {
  readonly options: EntranceOptions;
  /** Connections are still accepted. */
  open = true;
  readonly #host: EntranceHost;
  readonly #balancers: BlockList | null;
  /** Null: no TLS to the proxy. */
  readonly #tls: TlsStage | null;

  /**
   * With TLS, what `prepare` returns is called before anybody comes.
   * @throws {ConfigError} `ERR_CONFIG_VALUE` for what is no network
   */
  constructor(options: EntranceOptions, host: EntranceHost) {
    this.options = options;
    this.#host = host;
    this.#balancers = options.proxyProtocol === null ? null : networks(options.proxyProtocol);
    this.#tls = options.tls !== null ? new TlsStage((message) => host.onWarning(message)) : null;
    if (options.mode === 'transparent') watchOwnConnections();
  }

  /** See {@link TlsStage.prepare}. */
  prepare(source: TlsSource | null): () => void {
    return this.#tls === null || source === null ? () => {} : this.#tls.prepare(source);
  }

  /** Whether clients of this listener must log in. */
  get asks(): boolean {
    return this.options.auth && this.#host.access.asks;
  }

  /** Brings a connection in. @param socket  nothing of it was read yet */
  enter(socket: Socket): void {
    if (socket.remoteAddress === undefined) return void socket.destroy(); // has gone already
    const address = plainAddress(socket.remoteAddress);
    if (this.#balancers !== null) return this.#readHeader(socket, address, this.#balancers);
    const refusal = this.#host.admit(socket, address);
    if (refusal !== null) return this.#turnAway(socket, address, refusal);
    if (this.options.mode === 'http' && this.#tls === null) {
      return this.#host.onHttp(socket, this, { ...NOBODY, client: address });
    }
    this.#protocol(new Arriving(socket, address, this, this.#host));
  }

  // --- the balancer ---

  #readHeader(socket: Socket, address: string, balancers: BlockList): void {
    const arriving = new Arriving(socket, address, this, this.#host);
    const wrong = (what: string): WeirError => new HttpError('ERR_PROXY_HEADER', what);
    if (!isAllowed(balancers, address)) {
      return arriving.fail(wrong(`${address} is none of the balancers in proxyProtocol`));
    }
    arriving.within(this.#host.limits.handshakeTimeoutMs, () => wrong('no complete PROXY header in time'));
    arriving.read(
      socket,
      (seen) => {
        const found = parseProxyHeader(seen);
        if (found === null) return null;
        const { header, length } = found;
        return {
          used: length,
          then: () => {
            if (header.address !== null) arriving.client = header.address;
            arriving.destination = header.target;
            // What the balancer says for itself, such as a health check, comes from a network that was named.
            if (header.kind === 'local') this.#protocol(arriving);
            else this.#named(arriving);
          },
        };
      },
      () => wrong('no valid PROXY header: the connection ended in it'),
    );
  }

  #named(arriving: Arriving): void {
    const { socket, client } = arriving;
    const refusal = this.#host.admit(socket, client);
    if (refusal === null) return this.#protocol(arriving);
    if (arriving.done(socket)) this.#turnAway(socket, client, refusal);
  }

  // --- the protocol ---

  #protocol(arriving: Arriving): void {
    const { mode } = this.options;
    const { idleTimeoutMs } = this.#host.limits;
    if (mode === 'transparent') return this.#redirected(arriving);
    // Whoever must show a certificate cannot do so in the clear.
    const onlyTls = this.#tls !== null && (mode !== 'auto' || this.#tls.asksForCertificate);
    if (onlyTls) return this.#handshake(arriving, this.#tls);
    if (mode === 'http') return this.#http(arriving, arriving.socket, NOBODY);
    if (mode === 'socks5') return this.#socks(arriving, arriving.socket, NOBODY);
    arriving.within(idleTimeoutMs, null);
    arriving.read(
      arriving.socket,
      ([first]) => {
        const tls = this.#tls;
        if (first === TLS_RECORD && tls !== null) return next(() => this.#handshake(arriving, tls));
        const isSocks = first === SOCKS5 || first === SOCKS4;
        if (isSocks) return next(() => this.#socks(arriving, arriving.socket, NOBODY));
        return next(() => this.#http(arriving, arriving.socket, NOBODY));
      },
      null,
    );
  }

  #handshake(arriving: Arriving, tls: TlsStage): void {
    const late = (): WeirError =>
      new HttpError('ERR_PROXY_TLS', 'the TLS handshake was not completed in time');
    arriving.within(this.#host.limits.handshakeTimeoutMs, late);
    tls.secure(arriving, (stream, { certificate, trusted, asked }) => {
      const found = this.#host.access.certificate(certificate, trusted, asked, this.options.auth);
      if (this.options.mode !== 'socks5') return this.#http(arriving, stream, found);
      if (found.refusal === null) this.#socks(arriving, stream, found);
      else arriving.fail(found.refusal);
    });
  }

  #http(arriving: Arriving, stream: Socket, who: Who): void {
    if (!arriving.done(stream)) return;
    const { client, destination } = arriving;
    this.#host.onHttp(stream, this, { ...who, client, destination });
    stream.resume();
  }

  #socks(arriving: Arriving, stream: Socket, who: Who): void {
    const late = (): WeirError => new HttpError('ERR_PROXY_SOCKS', 'the SOCKS dialogue took too long');
    arriving.within(this.#host.limits.handshakeTimeoutMs, late);
    const { user, groups } = who;
    const terms = { access: this.#host.access, asks: this.asks, user, groups };
    socksDialogue(arriving, stream, terms, (ask) => {
      arriving.within(Infinity, null); // it is our turn
      const { client, destination } = arriving;
      const arrival = { client, destination, user: ask.user, groups: ask.groups, refusal: null };
      this.#host.onSocks(stream, this, arrival, ask, arriving);
    });
  }

  #redirected(arriving: Arriving): void {
    arriving.within(this.#host.limits.idleTimeoutMs, null);
    const isOwn = (): boolean => isOwnConnection(arriving.socket);
    lookAtFirstBytes(arriving, isOwn, {
      onHttp: () => this.#http(arriving, arriving.socket, NOBODY),
      onTls: (target) => {
        const { client, destination, socket } = arriving;
        arriving.within(Infinity, null);
        this.#host.onRedirected(socket, this, { ...NOBODY, client, destination }, target, arriving);
      },
    });
  }

  /** A page can be read by clients that speak HTTP in the clear; others would not understand it. */
  #turnAway(socket: Socket, client: string, refusal: WeirError): void {
    this.#host.refused(client, refusal);
    const { mode } = this.options;
    turnAway(socket, refusal, this.#tls === null && (mode === 'auto' || mode === 'http'));
  }
}

type Who = Pick<Arrival, 'user' | 'groups' | 'refusal'>;

const NOBODY = { user: null, groups: [], destination: null, refusal: null };

const next = (then: () => void) => ({ used: 0, then });

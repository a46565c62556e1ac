// Opens connections to origins: straight to an address of the name, or through a parent proxy; TLS on top.
// Which addresses may be connected to is origin-addresses.ts; each step has a file of its own beside this one.

import type { OnReadOpts, Socket } from 'node:net';
import { connect, isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { HttpError } from '../../errors.ts';
import type { SlabReader } from '../../util/slab-reader.ts';
import { AddressOrder } from './address-order.ts';
import type { BindAddresses } from './bind.ts';
import { ANY_ADDRESS, localAddressFor } from './bind.ts';
import { dial } from './dial.ts';
import type { OriginTarget } from './engine.ts';
import type { AddressOptions } from './origin-addresses.ts';
import { OriginAddresses } from './origin-addresses.ts';
import { asHandshakeError, asOriginError, closedEarly } from './origin-errors.ts';
import type { OriginTlsOptions } from './origin-tls.ts';
import { OriginTls } from './origin-tls.ts';
import { connectToParent, openTunnelThrough, secureConnected } from './parent-connection.ts';
import { isParentDown, mayGoElsewhere, parentTimeout } from './parent-errors.ts';
import type { OnParentHealth, Parent, ParentOptions } from './parents.ts';
import { ParentList } from './parents.ts';
import { TimeLimit } from './time-limit.ts';
import type { OriginUntrustedError } from './verification-report.ts';

export interface ConnectorOptions extends OriginTlsOptions, AddressOptions {
  /** For one connection with everything that leads to it, all parents together. */
  readonly connectTimeoutMs: number;
  /** Default: none. */
  readonly parents?: readonly ParentOptions[];
  readonly onParentHealth?: OnParentHealth;
  /** Name of this proxy in Via, told to parents. Default: not told. */
  readonly viaName?: string;
}

/** What reads a connection in place of its `data`: SlabReader, PassThroughReader. */
export interface ConnectionReader {
  /** For the options of `net.connect`. */
  readonly onread: OnReadOpts;
  /** The connection could not take `onread`. */
  readFrom(socket: Socket): void;
  /** Forgets what was read: that connection is given up for another. */
  discard(): void;
}

export interface OpenOptions {
  /** Reads the connection; default null: a socket that emits `data`. */
  readonly reader?: ConnectionReader | null;
  /** For ALPN; default: http/1.1. */
  readonly protocols?: readonly string[];
  /** Only whole HTTP requests will be written: an HTTP parent needs no tunnel for them. Default false. */
  readonly forwardable?: boolean;
}

/** A connection to an origin. */
export interface OriginLink {
  readonly socket: Socket;
  /** The parent that it goes through; null: it goes straight to the origin. */
  readonly parent: Parent | null;
  /** Requests must be written as `headForParent` makes them: the parent sends them on. */
  readonly forwards: boolean;
}

export class OriginConnector {
  readonly #options: ConnectorOptions;
  readonly #tls: OriginTls;
  readonly #addresses: OriginAddresses;
  readonly #order = new AddressOrder();
  readonly #bind: BindAddresses;
  readonly #parents: ParentList | null;

  constructor(options: ConnectorOptions) {
    this.#options = options;
    this.#tls = new OriginTls(options, (target) => this.connect(target));
    this.#addresses = new OriginAddresses(options);
    this.#bind = options.bind ?? ANY_ADDRESS;
    const { parents = [], onParentHealth = () => {} } = options;
    this.#parents = parents.length === 0 ? null : new ParentList(parents, onParentHealth);
  }

  /** As {@link open}, for a stream of bytes. @param reader  null for a socket that emits `data` */
  async connect(target: OriginTarget, reader: SlabReader | null = null): Promise<Socket> {
    return (await this.open(target, { reader })).socket;
  }

  /**
   * Connects, and for `https` completes and verifies the handshake.
   *
   * @throws {HttpError} `ERR_ORIGIN_DNS`, `…_UNREACHABLE`, `…_TIMEOUT`, `…_TLS`, `…_UNTRUSTED`, `…_CLOSED`,
   *         `ERR_PROXY_SELF`, `ERR_PROXY_DENIED`, `ERR_PARENT_…`
   */
  async open(target: OriginTarget, options: OpenOptions = {}): Promise<OriginLink> {
    try {
      return await this.#open(target, options);
    } catch (error) {
      if ((error as Partial<OriginUntrustedError>).mayRetry !== true) throw error;
      options.reader?.discard();
      return await this.#open(target, options);
    }
  }

  async #open(target: OriginTarget, options: OpenOptions): Promise<OriginLink> {
    const ways = this.#parents?.waysTo(target.host) ?? [];
    const endsAt = performance.now() + this.#options.connectTimeoutMs;
    if (ways.length === 0)
      return this.#within(endsAt, target, (limit) => this.#direct(target, options, limit));
    for (let i = 0; ; i++) {
      const parent = ways[i]!;
      const now = performance.now();
      const shareEndsAt = now + (endsAt - now) / (ways.length - i);
      try {
        const link = await this.#within(shareEndsAt, target, (limit) =>
          parent.isDirect
            ? this.#direct(target, options, limit)
            : this.#through(parent, target, options, limit),
        );
        this.#parents!.worked(parent);
        return link;
      } catch (error) {
        if (isParentDown(error)) this.#parents!.failed(parent, error as HttpError);
        const isLast = i === ways.length - 1;
        if (isLast || !(parent.isDirect ? isUnreachable(error) : mayGoElsewhere(error))) throw error;
      }
    }
  }

  async #within<T>(
    endsAt: number,
    { host, port }: OriginTarget,
    steps: (limit: TimeLimit) => Promise<T>,
  ): Promise<T> {
    const limit = new TimeLimit(Math.max(1, endsAt - performance.now()), () => {
      const text = `no connection to ${host}:${port} within ${this.#options.connectTimeoutMs} ms`;
      return new HttpError('ERR_ORIGIN_TIMEOUT', text, { host, port });
    });
    try {
      return await steps(limit);
    } finally {
      limit.clear();
    }
  }

  // --- straight to the origin ---

  async #direct(target: OriginTarget, options: OpenOptions, limit: TimeLimit): Promise<OriginLink> {
    const { port, secure } = target;
    const found = this.#addresses.of(target, limit);
    const admitted = found instanceof Promise ? await found : found;
    const addresses = this.#order.arrange(this.#addresses.reachable(target, admitted));
    const onread = options.reader?.onread;
    const open = (address: string): Socket => {
      const place = { host: address, port, noDelay: true, ...localAddressFor(this.#bind, address) };
      const beneath = onread === undefined ? place : { ...place, onread };
      return secure ? this.#tls.start(beneath, target, options.protocols) : connect(beneath);
    };
    const socket = await limit.run<Socket>((settle) => {
      const fail = (error: NodeJS.ErrnoException): void => settle.reject(asOriginError(error, target));
      let stop = dial(addresses, open, {
        onConnected: (connected, address) => {
          this.#order.worked(address);
          connected.on('error', () => {}); // whoever waits for something listens besides
          if (!secure) return settle.resolve(connected);
          stop = secureConnected(connected, {
            resolve: () => settle.resolve(connected),
            reject: (error) => settle.reject(asHandshakeError(error, target, connected as TLSSocket)),
          });
        },
        onAddressFailed: (address) => this.#order.failed(address),
        onFailed: fail,
      });
      return () => stop();
    });
    if (secure) await this.#judge(socket as TLSSocket, target, options.reader ?? null);
    return { socket, parent: null, forwards: false };
  }

  /** @throws {HttpError} `ERR_ORIGIN_UNTRUSTED`, `ERR_ORIGIN_CLOSED`; the connection is closed then */
  async #judge(socket: TLSSocket, target: OriginTarget, reader: ConnectionReader | null): Promise<void> {
    const judging = this.#tls.judge(socket, target);
    if (judging === null) return;
    if (reader !== null) socket.pause(); // nobody takes what it reads meanwhile
    try {
      await judging;
    } catch (error) {
      socket.destroy();
      throw error;
    }
    if (socket.destroyed) throw closedEarly(target);
    if (reader !== null) socket.resume();
  }

  // --- through a parent ---

  async #through(
    parent: Parent,
    target: OriginTarget,
    { reader = null, protocols, forwardable = false }: OpenOptions,
    limit: TimeLimit,
  ): Promise<OriginLink> {
    const { scheme } = parent.options;
    const inTime = limit.reason;
    limit.reason = () => parentTimeout(parent, target);
    const forwards = forwardable && !target.secure && scheme.startsWith('http');
    const onread = forwards ? (reader?.onread ?? null) : null;
    if (isIP(target.host) !== 0) this.#addresses.admit(target, [target.host]);
    // Only SOCKS without names has us look the target up; its addresses are judged then.
    const hosts = scheme === 'socks5' ? await this.#addresses.of(target, limit) : [target.host];
    const socket = await this.#tunnel(parent, target, hosts, limit, forwards, onread);
    if (!target.secure) {
      if (!forwards) reader?.readFrom(socket);
      return { socket, parent, forwards };
    }
    limit.reason = inTime;
    const secure = this.#tls.start({ socket }, target, protocols);
    secure.on('error', () => {});
    try {
      await limit.run<void>((settle) =>
        secureConnected(secure, {
          resolve: () => settle.resolve(),
          reject: (error) => settle.reject(asHandshakeError(error, target, secure)),
        }),
      );
      await this.#judge(secure, target, null);
    } catch (error) {
      secure.destroy();
      socket.destroy();
      throw error;
    }
    reader?.readFrom(secure);
    return { socket: secure, parent, forwards };
  }

  /** A connection on which the target's bytes come next. @param hosts  what the parent is asked for, in turn */
  async #tunnel(
    parent: Parent,
    target: OriginTarget,
    hosts: readonly string[],
    limit: TimeLimit,
    forwards: boolean,
    onread: OnReadOpts | null,
  ): Promise<Socket> {
    const viaName = this.#options.viaName ?? null;
    const ground = { bind: this.#bind, order: this.#order, viaName };
    const addresses = this.#order.arrange(await this.#addresses.ofParent(parent, target, limit));
    for (let i = 0; ; i++) {
      const socket = await connectToParent(parent, target, addresses, ground, limit, onread);
      if (forwards) return socket;
      try {
        await openTunnelThrough(socket, parent, target, hosts[i]!, viaName, limit);
        return socket;
      } catch (error) {
        const isElsewhere = (error as HttpError).code === 'ERR_PARENT_STATUS';
        if (!isElsewhere || i + 1 >= Math.min(hosts.length, MAX_HOSTS)) throw error;
      }
    }
  }
}

const MAX_HOSTS = 4; // addresses of one target that a SOCKS parent is asked for

/** After these a parent that comes behind `direct` is tried. */
function isUnreachable(error: unknown): boolean {
  return ['ERR_ORIGIN_DNS', 'ERR_ORIGIN_UNREACHABLE', 'ERR_ORIGIN_TIMEOUT'].includes(
    (error as HttpError).code,
  );
}

// The ICAP listener: accepts connections from allowed networks, counts them, and stops gracefully.
// The dialogue on a connection is connection.ts. S-12, S-17, G-01, G-03.

import type { AddressInfo, Server, Socket } from 'node:net';
import { BlockList, createServer, isIPv6 } from 'node:net';
import { ConfigError, IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { DEFAULT_SPOOL } from '../../http/spool.ts';
import { Deadlines } from '../../util/deadlines.ts';
import { ByteCollector, findHeadEnd } from '../codec/byte-collector.ts';
import { MAX_ICAP_HEAD } from '../codec/head.ts';
import { servicePath } from '../codec/uri.ts';
import type { IcapOutcome, IcapService, IcapServiceHost, IcapTransaction } from '../service.ts';
import { IcapServerConnection } from './connection.ts';
import type { IcapServerContext, IcapServerLimits, ServedConnection } from './context.ts';
import { DEFAULT_SERVER_LIMITS } from './context.ts';
import { errorAnswer } from './responses.ts';

const TURN_AWAY_MS = 2000; // a refused connection is closed at the latest

export interface IcapServerOptions {
  readonly services: IcapServiceHost;
  /** Refuses what deployed clients are known to get wrong. Default false. */
  readonly strict?: boolean;
  /** Text of the Via that is added to relayed messages, e.g. `ICAP/1.0 gw (Weir)`; null: none. */
  readonly via?: string | null;
  readonly limits?: Partial<IcapServerLimits>;
  readonly spool?: SpoolOptions;
  /** Networks (CIDR or address) that may connect. Default: everybody who can reach the port. */
  readonly allow?: readonly string[] | null;
  readonly now?: () => Date;
  /** Told of refused connections and broken requests. */
  readonly onRefused?: (peer: string, error: WeirError) => void;
}

export class IcapServer implements IcapServerContext {
  readonly host: IcapServiceHost;
  readonly strict: boolean;
  readonly limits: IcapServerLimits;
  readonly spool: SpoolOptions;
  readonly now: () => Date;
  readonly #via: string | null;
  readonly #allowed: BlockList | null;
  readonly #onRefused: (peer: string, error: WeirError) => void;
  readonly #connections = new Set<ServedConnection>();
  readonly #deadlines = new Deadlines();
  readonly #busy = new Map<IcapService, number>();
  readonly #listeners: Server[] = [];
  readonly #turnedAway = new Set<Socket>();

  constructor(options: IcapServerOptions) {
    this.host = options.services;
    this.strict = options.strict ?? false;
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.spool = options.spool ?? DEFAULT_SPOOL;
    this.now = options.now ?? (() => new Date());
    this.#via = options.via ?? null;
    this.#allowed = options.allow == null ? null : networks(options.allow);
    this.#onRefused = options.onRefused ?? (() => {});
  }

  /**
   * Listens on one more address.
   * @throws {ConfigError} `ERR_LISTEN` when the address cannot be used
   */
  listen(port: number, host: string): Promise<AddressInfo> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const fields = { host, port, errno: error.code };
        reject(
          new ConfigError(
            'ERR_LISTEN',
            `gateway cannot listen on ${host}:${port}: ${error.message}`,
            fields,
            error,
          ),
        );
      });
      server.listen(port, host, () => {
        server.removeAllListeners('error');
        server.on('error', () => {});
        this.#listeners.push(server);
        resolve(server.address() as AddressInfo);
      });
    });
  }

  /** Open connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Requests being served now, of all services. */
  get busy(): number {
    let sum = 0;
    for (const count of this.#busy.values()) sum += count;
    return sum;
  }

  /** Stops accepting, lets running exchanges finish for up to `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    const closed = this.#listeners.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#connections) connection.drain();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
      for (const socket of this.#turnedAway) socket.destroy();
    }, graceMs);
    await Promise.all(closed);
    clearTimeout(cut);
  }

  // --- for connections ---

  withVia(section: string): string {
    return this.#via === null ? section : `${section.slice(0, -2)}Via: ${this.#via}\r\n\r\n`;
  }

  enter(service: IcapService): boolean {
    const busy = this.#busy.get(service) ?? 0;
    const limit = service.describe().maxConnections;
    if (limit !== null && busy >= limit) return false;
    this.#busy.set(service, busy + 1);
    return true;
  }

  leave(service: IcapService): void {
    this.#busy.set(service, (this.#busy.get(service) ?? 1) - 1);
  }

  tagFor(uri: string | undefined): string {
    if (uri === undefined) return this.host.istag;
    return this.host.find(servicePath(uri))?.describe().istag ?? this.host.istag;
  }

  report(
    exchange: {
      readonly head: { readonly uri: string };
      readonly transaction: IcapTransaction;
      readonly service: IcapService | undefined;
      readonly startedAt: number;
    },
    icapStatus: number,
    outcome: IcapOutcome | null,
    error: WeirError | null,
  ): void {
    if (this.host.report === undefined) return;
    this.host.report({
      service: exchange.service?.path ?? servicePath(exchange.head.uri),
      transaction: exchange.transaction,
      icapStatus,
      outcome,
      error,
      ms: performance.now() - exchange.startedAt,
    });
  }

  refused(peer: string, error: WeirError): void {
    this.#onRefused(peer, error);
  }

  closed(connection: ServedConnection): void {
    this.#connections.delete(connection);
    this.#deadlines.delete(connection);
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    if (this.#allowed !== null && !isAllowed(this.#allowed, address)) {
      return this.#turnAway(
        socket,
        address,
        new IcapError('ERR_ICAP_FORBIDDEN', `${address} is not in gateway.allow`),
      );
    }
    if (this.#connections.size >= this.limits.connections) {
      return this.#turnAway(socket, address, new IcapError('ERR_ICAP_OVERLOADED', 'too many connections'));
    }
    const connection = new IcapServerConnection(this, socket);
    this.#connections.add(connection);
    this.#deadlines.add(connection);
  }

  /** Answers only when a request has arrived: an earlier answer could be paired with a later one (S-17). */
  #turnAway(socket: Socket, address: string, error: WeirError): void {
    this.#onRefused(address, error);
    this.#turnedAway.add(socket);
    const head = new ByteCollector();
    const timer = setTimeout(() => socket.destroy(), TURN_AWAY_MS);
    socket.on('data', (chunk: Buffer) => {
      if (socket.writableEnded) return; // answered: read and forget
      const { end, bareLf } = findHeadEnd(head, chunk, 0);
      head.append(chunk, 0, chunk.length);
      if (end < 0 && !bareLf && head.length <= MAX_ICAP_HEAD) return;
      head.take();
      socket.end(errorAnswer(error.icapStatus, this.host.istag, true), 'latin1');
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      this.#turnedAway.delete(socket);
    });
  }
}

/**
 * Parses networks into a list that addresses can be checked against.
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for anything that is no address or CIDR
 */
export function networks(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const [address, prefix] = entry.split('/');
    const family = isIPv6(address!) ? 'ipv6' : 'ipv4';
    try {
      if (prefix === undefined) list.addAddress(address!, family);
      else list.addSubnet(address!, Number(prefix), family);
    } catch (error) {
      throw new ConfigError('ERR_CONFIG_VALUE', `not an address or network: "${entry}"`, {}, error);
    }
  }
  return list;
}

/** True when `address` (v4, v6 or v4 mapped into v6) is in the list. */
export function isAllowed(list: BlockList, address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return list.check(mapped[1]!, 'ipv4');
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

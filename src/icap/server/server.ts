// The ICAP server: listens, counts connections, and stops gracefully. What stands before the first byte of
// ICAP is entrance.ts, who may come in access.ts, the dialogue on a connection connection.ts.
// S-12, S-17, G-01, G-03.

import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { ConfigError, IcapError } from '../../errors.ts';
import type { WeirError } from '../../errors.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { DEFAULT_SPOOL } from '../../http/spool.ts';
import { Deadlines } from '../../util/deadlines.ts';
import { servicePath } from '../codec/uri.ts';
import type { IcapOutcome, IcapService, IcapServiceHost } from '../service.ts';
import type { AccessOptions } from './access.ts';
import { Access, OPEN_ACCESS } from './access.ts';
import { IcapServerConnection } from './connection.ts';
import type {
  IcapPeer,
  IcapServerContext,
  IcapServerLimits,
  ReportedExchange,
  ServedConnection,
  ServerPeers,
} from './context.ts';
import { DEFAULT_SERVER_LIMITS } from './context.ts';
import type { EntranceHost, ListenerOptions } from './entrance.ts';
import { Entrance } from './entrance.ts';
import { turnAway } from './turn-away.ts';

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
  /** Services that clients log in for. Default: none. */
  readonly passwords?: AccessOptions['passwords'];
  /** Listeners of another process, for connections that are adopted. */
  readonly listeners?: readonly ListenerOptions[];
  readonly now?: () => Date;
  /** Processes that share the load; default null: none. */
  readonly peers?: ServerPeers | null;
  /** Told of refused connections and broken requests. */
  readonly onRefused?: (peer: string, error: WeirError) => void;
}

/** Options that may change while the server runs. */
export type ChangeableOptions = Pick<
  IcapServerOptions,
  'strict' | 'limits' | 'spool' | 'via' | 'allow' | 'passwords' | 'listeners'
>;

const NO_SECURITY = { tls: null, proxyProtocol: null };

export class IcapServer implements IcapServerContext {
  readonly host: IcapServiceHost;
  strict = false;
  limits = DEFAULT_SERVER_LIMITS;
  spool = DEFAULT_SPOOL;
  readonly now: () => Date;
  admit: IcapServerContext['admit'] = null;
  #via: string | null = null;
  #access = new Access(OPEN_ACCESS);
  /** For connections that are adopted. */
  #entrances: readonly Entrance[] = [];
  /** Whether files were read: not before they are needed, which in-process is never. */
  #isOpen = false;
  readonly #onRefused: (peer: string, error: WeirError) => void;
  readonly #connections = new Set<ServedConnection>();
  /** How a connection came in: the address of its client, and the listener unless it was adopted. */
  readonly #entries = new WeakMap<ServedConnection, { peer: string; server: Server | null }>();
  readonly #deadlines = new Deadlines();
  readonly #entranceHost: EntranceHost;
  readonly #plain: Entrance;
  readonly #busy = new Map<IcapService, number>();
  readonly #listeners: Server[] = [];
  readonly #entranceOf = new Map<Server, Entrance>();
  readonly #turnedAway = new Set<Socket>();
  readonly #peers: ServerPeers | null;
  #whenEmpty: (() => void)[] = [];

  constructor(options: IcapServerOptions) {
    this.host = options.services;
    this.now = options.now ?? (() => new Date());
    this.#entranceHost = this.#hostOfEntrances();
    this.#plain = new Entrance({ ...NO_SECURITY, host: '', port: 0 }, this.#entranceHost);
    this.prepare(options)();
    this.#onRefused = options.onRefused ?? (() => {});
    this.#peers = options.peers ?? null;
  }

  /**
   * Listens on one more address.
   * @throws {ConfigError} `ERR_LISTEN` when the address cannot be used, `ERR_CONFIG_…` for TLS and password files
   */
  async listen(
    port: number,
    host: string,
    security: Pick<ListenerOptions, 'tls' | 'proxyProtocol'> = NO_SECURITY,
  ): Promise<AddressInfo> {
    this.open();
    const entrance = new Entrance({ ...security, host, port }, this.#entranceHost);
    entrance.prepare()();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#enter(socket, entrance, server);
    });
    this.#entranceOf.set(server, entrance);
    server.once('close', () => this.#entranceOf.delete(server));
    return await new Promise((resolve, reject) => {
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

  /**
   * Serves a connection that another process has accepted.
   * @param socket  nothing of it was read yet
   * @param overloaded  true: it gets 503 and is closed, because there are too many (S-17)
   * @param listener  position in `listeners` of the one that it came in by
   */
  adopt(socket: Socket, overloaded: boolean, listener = 0): void {
    this.open();
    socket.allowHalfOpen = true;
    this.#enter(socket, this.#entrances[listener] ?? this.#plain, null, overloaded);
  }

  /**
   * Reads what access and listeners need of files, before the first connection; `listen` does it by itself.
   * @throws {ConfigError} `ERR_CONFIG_…`
   */
  open(): void {
    if (this.#isOpen) return;
    this.#load(this.#access, this.#entrances)();
    this.#isOpen = true;
  }

  /**
   * Takes over options while it runs, and what has changed in files. A connection keeps `strict`; what a request under way has begun with
   * stays; a client that may not connect any more is let go after it.
   * @returns puts them in force; cannot fail
   * @throws {ConfigError} `ERR_CONFIG_…`
   */
  prepare(options: ChangeableOptions): () => void {
    const { allow = null, passwords = OPEN_ACCESS.passwords, listeners = [] } = options;
    const access = new Access({ allow, passwords });
    const entrances = listeners.map((listener) => new Entrance(listener, this.#entranceHost));
    const staying = [...this.#entranceOf.values()].filter((entrance) => entrance.isAmong(listeners));
    const loaded = this.#isOpen ? this.#load(access, [...entrances, ...staying]) : null;
    return () => {
      loaded?.();
      this.#apply(options, access, entrances);
    };
  }

  /** Both steps at once. @throws {ConfigError} `ERR_CONFIG_…`; everything stays as it was then */
  reconfigure(options: ChangeableOptions): void {
    this.prepare(options)();
  }

  #load(access: Access, entrances: readonly Entrance[]): () => void {
    access.load();
    const applied = entrances.map((entrance) => entrance.prepare());
    return () => applied.forEach((apply) => apply());
  }

  #apply(options: ChangeableOptions, access: Access, entrances: readonly Entrance[]): void {
    this.strict = options.strict ?? false;
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.spool = options.spool ?? DEFAULT_SPOOL;
    this.#via = options.via ?? null;
    this.#entrances = entrances;
    this.#access = access;
    this.admit = access.admit;
    for (const connection of this.#connections) {
      const peer = this.#entries.get(connection)?.peer;
      if (peer !== undefined && access.refusal(peer) !== null) connection.drain();
    }
  }

  /**
   * Reads certificates and keys once more. Connections that are open stay.
   * @throws {ConfigError} `ERR_CONFIG_…`; all of those of before stay in force then
   */
  reloadTls(): void {
    if (!this.#isOpen) return;
    const prepared = this.#allEntrances.map((entrance) => entrance.prepare());
    for (const apply of prepared) apply();
  }

  /** Worth telling the operator about the files of listeners and access. */
  get warnings(): string[] {
    return [...new Set([this.#access, ...this.#allEntrances].flatMap(({ warnings }) => warnings))];
  }

  get #allEntrances(): Entrance[] {
    return [...this.#entrances, ...this.#entranceOf.values()];
  }

  /** Stops listening there. Connections that came that way end after the request under way. */
  unlisten({ address, port }: AddressInfo): void {
    const at = this.#listeners.findIndex((server) => {
      const own = server.address() as AddressInfo | null;
      return own?.address === address && own.port === port;
    });
    const [server] = at < 0 ? [] : this.#listeners.splice(at, 1);
    server?.close();
    for (const connection of this.#connections) {
      if (server !== undefined && this.#entries.get(connection)?.server === server) connection.drain();
    }
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

  /** The same by path of the service. */
  get busyByService(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const [{ path }, count] of this.#busy) sums[path] = (sums[path] ?? 0) + count;
    return sums;
  }

  /** Sees to it that up to so many connections end behind the answers that are being made on them. */
  shed(connections: number): void {
    let left = connections;
    for (const connection of this.#connections) {
      if (left <= 0) return;
      if (connection.retire()) left--;
    }
  }

  /** Stops accepting, lets running exchanges finish for up to `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    const closed = this.#listeners.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    const emptied = new Promise<void>((resolve) => {
      this.#whenEmpty.push(resolve); // connections that were adopted belong to no listener
    });
    for (const entering of this.#entranceHost.entering) entering.destroy();
    for (const connection of this.#connections) connection.drain();
    const cut = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
      for (const socket of this.#turnedAway) socket.destroy();
    }, graceMs);
    this.#settle();
    await Promise.all([emptied, ...closed]);
    clearTimeout(cut);
  }

  #settle(): void {
    if (this.#connections.size > 0 || this.#turnedAway.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  // --- for connections ---

  withVia(section: string): string {
    return this.#via === null ? section : `${section.slice(0, -2)}Via: ${this.#via}\r\n\r\n`;
  }

  enter(service: IcapService): boolean {
    const busy = this.#busy.get(service) ?? 0;
    const limit = service.describe().maxConnections;
    if (this.#peers === null) {
      if (limit !== null && busy >= limit) return false;
    } else if (!this.#peers.admits(service, limit, busy, this.busy)) return false;
    this.#busy.set(service, busy + 1);
    this.#peers?.changed();
    return true;
  }

  leave(service: IcapService): void {
    const left = (this.#busy.get(service) ?? 1) - 1;
    if (left > 0) this.#busy.set(service, left);
    else this.#busy.delete(service); // it may be a service that was replaced
    this.#peers?.changed();
  }

  tagFor(uri: string | undefined, icapClient: string): string {
    if (uri === undefined) return this.host.istag;
    return this.host.find(servicePath(uri))?.describe(icapClient).istag ?? this.host.istag;
  }

  report(
    exchange: ReportedExchange,
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
    this.#peers?.changed();
    this.#settle();
  }

  #enter(socket: Socket, entrance: Entrance, server: Server | null, overloaded = false): void {
    entrance.enter(socket, (stream, { peer, refusal }) => {
      if (refusal !== null) return this.#turnAway(stream, peer, refusal);
      if (overloaded || this.#connections.size >= this.limits.connections) {
        const error = new IcapError('ERR_ICAP_OVERLOADED', 'too many connections');
        return this.#turnAway(stream, peer, error);
      }
      const connection = new IcapServerConnection(this, stream, peer);
      this.#connections.add(connection);
      this.#entries.set(connection, { peer: peer.address, server });
      this.#deadlines.add(connection);
      this.#peers?.changed();
    });
  }

  #turnAway(socket: Socket, { address }: IcapPeer, error: WeirError): void {
    this.#onRefused(address, error);
    if (this.#turnedAway.size >= this.limits.connections) return void socket.destroy();
    this.#turnedAway.add(socket);
    turnAway(socket, error, this.host.istag, this.limits.head.headerBytes, () => {
      this.#turnedAway.delete(socket);
      this.#settle();
    });
  }

  #hostOfEntrances(): EntranceHost {
    const server = this; // eslint-disable-line @typescript-eslint/no-this-alias -- for the getter
    return {
      get limits() {
        return server.limits;
      },
      deadlines: this.#deadlines,
      entering: new Set(),
      refusal: (address) => this.#access.refusal(address),
      refused: (peer, error) => this.#onRefused(peer, error),
    };
  }
}

// The proxy's listeners and the connections that they accept: counting, limits, reload and a graceful stop.
// What stands before the first request is entrance/, requests are client-connections.ts, tunnels connect.ts.

import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { randomBytes } from 'node:crypto';
import { ConfigError, HttpError } from '../errors.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { TraceSink } from '../trace/notes.ts';
import { Deadlines } from '../util/deadlines.ts';
import { formatAuthority } from '../util/authority.ts';
import { ClientUsage } from './access/client-usage.ts';
import type { ProxyArrangementOptions, ProxyGround } from './arrangement.ts';
import { ProxyArrangement } from './arrangement.ts';
import type { CaptureSink } from '../capture/capture.ts';
import { ClientConnections } from './client-connections.ts';
import { TunnelOpener } from './connect.ts';
import { ConnectionRecords } from './connection-records.ts';
import type { EntranceOptions } from './entrance/entrance.ts';
import { Entrance } from './entrance/entrance.ts';
import type { OriginCounts } from './origin/engine.ts';
import { WaitingRoom } from './patience/waiting-room.ts';
import { Reception } from './reception.ts';
import { connectClient } from './tunnel-request.ts';
import type { WebSocketRelay } from './websocket/relay.ts';

export interface ProxyServerOptions extends ProxyArrangementOptions {
  readonly telemetry: Telemetry;
  /** Default null: nothing is traced. */
  readonly traces?: TraceSink | null;
  /** Default null: no copies are made. */
  readonly captures?: CaptureSink | null;
}

const OVERLOAD_LOG_MS = 1000; // at most one line a second about refused connections

interface Listener {
  readonly server: Server;
  readonly entrance: Entrance;
}

/** What {@link ProxyServer.apply} takes over. */
export interface NextArrangement {
  readonly arrangement: ProxyArrangement;
  /** Puts certificates of listeners in force. */
  readonly certificates: readonly (() => void)[];
}

export class ProxyServer implements ProxyGround {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  /** Who wants copies of transactions; for those that begin from now on. */
  captures: CaptureSink | null;
  readonly deadlines = new Deadlines();
  readonly waitingRoom = new WaitingRoom(this.deadlines);
  readonly relays = new Set<WebSocketRelay>();
  readonly viaName = `weir-${randomBytes(5).toString('hex')}`;
  readonly records: ConnectionRecords;
  readonly #listeners: Listener[] = [];
  readonly #ownPorts = new Set<number>();
  readonly #sockets = new Set<Socket>();
  readonly #reception: Reception;
  readonly #connections: ClientConnections;
  readonly #tunnels: TunnelOpener;
  #arrangement: ProxyArrangement;
  /** The last one that was made, for listeners that are opened before it is in force. */
  #latest: ProxyArrangement;
  #stopping = false;
  #overloadLoggedAt = -Infinity;
  #refusedSince = 0;

  constructor(options: ProxyServerOptions) {
    this.telemetry = options.telemetry;
    this.traces = options.traces ?? null;
    this.captures = options.captures ?? null;
    this.records = new ConnectionRecords(this.telemetry, this.traces);
    this.#arrangement = this.#latest = new ProxyArrangement(this, options, null);
    this.#tunnels = new TunnelOpener(this);
    const { deadlines, records, telemetry } = this;
    const shared = { deadlines, usage: new ClientUsage(), arrangement: () => this.#arrangement };
    this.#connections = new ClientConnections({
      ...shared,
      records,
      stopping: () => this.#stopping,
      refused: (client, error) => this.#reception.refused(client, error),
      onConnect: (exchange, entrance, session) =>
        this.#tunnels.open(this.#arrangement, { client: connectClient(exchange), entrance, session }),
    });
    this.#reception = new Reception({
      ...shared,
      telemetry,
      connections: this.#connections,
      tunnels: this.#tunnels,
    });
  }

  /**
   * Makes what {@link apply} takes over; nothing changes yet.
   * @throws whatever TLS says of `upstream.ca`; {ConfigError} for certificates of listeners that cannot be read
   */
  arrange(options: ProxyArrangementOptions): NextArrangement {
    const arrangement = new ProxyArrangement(this, options, this.#arrangement);
    const certificates = this.#listeners.map(({ entrance }) =>
      entrance.prepare(arrangement.tlsSource(entrance.options)),
    );
    this.#latest = arrangement;
    return { arrangement, certificates };
  }

  /**
   * Takes over another arrangement while it runs. Transactions and tunnels under way finish as they
   * began, the next request on a connection meets the new one; limits of heads and idle times hold for new
   * connections. A tunnel whose target or client is refused now, or whose client would have to log in anew,
   * ends after the transaction under way.
   */
  apply({ arrangement, certificates }: NextArrangement): void {
    const before = this.#arrangement;
    this.#arrangement = arrangement;
    // Connections that are in use now are closed as soon as they are idle.
    if (before.engine !== arrangement.engine) before.engine.close();
    before.ranges.forget(); // services may judge otherwise now
    for (const use of certificates) use();
    this.#connections.closeUnadmitted();
  }

  /** HTTP begins inside a tunnel. */
  serveTunnel(...tunnel: Parameters<ClientConnections['serveTunnel']>): void {
    this.#connections.serveTunnel(...tunnel);
  }

  /** Names a port of this program that must not be reached through the proxy. */
  protectPort(port: number): void {
    this.#ownPorts.add(port);
  }

  /** Takes that back, for a port that is not listened on any more. */
  unprotectPort(port: number): void {
    this.#ownPorts.delete(port);
  }

  inForce(): ProxyArrangement {
    return this.#arrangement;
  }

  isOwnPort(port: number): boolean {
    return this.#ownPorts.has(port);
  }

  /**
   * Listens on one more address.
   * @throws {ConfigError} `ERR_LISTEN`; `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE` for its certificate
   */
  async listen(options: EntranceOptions): Promise<AddressInfo> {
    const { host, port } = options;
    const entrance = new Entrance(options, this.#reception);
    entrance.prepare(this.#latest.tlsSource(options))();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket, entrance);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `proxy cannot listen on ${formatAuthority(host, port)}: ${error.message}`;
        reject(new ConfigError('ERR_LISTEN', text, { host, port, errno: error.code }, error));
      });
      server.listen({ port, host, backlog: 4096 }, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', () => {});
    this.#listeners.push({ server, entrance });
    const address = server.address() as AddressInfo;
    this.protectPort(address.port);
    return address;
  }

  /** Stops listening there. Connections that came that way end after the transaction under way. */
  unlisten({ address, port }: AddressInfo): void {
    const at = this.#listeners.findIndex(({ server }) => {
      const own = server.address() as AddressInfo | null;
      return own?.address === address && own.port === port;
    });
    const [listener] = at < 0 ? [] : this.#listeners.splice(at, 1);
    if (listener === undefined) return;
    listener.entrance.open = false;
    listener.server.close();
    const isListened = ({ server }: Listener): boolean =>
      (server.address() as AddressInfo | null)?.port === port;
    if (!this.#listeners.some(isListened)) this.unprotectPort(port);
    this.#reception.close(listener.entrance);
    this.#connections.drain(listener.entrance);
  }

  /** Open client connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Tunnels that are open, by what is done with them. */
  get tunnels(): Readonly<Record<'bump' | 'splice' | 'plain', number>> {
    return { ...this.#connections.tunnels, splice: this.#tunnels.spliced };
  }

  /** Connections to origins, of the engine in force. */
  get origins(): OriginCounts | null {
    return this.#arrangement.engine.counts?.() ?? null;
  }

  /** Client connections that may be open. */
  get connectionLimit(): number {
    return this.#arrangement.limits.connections;
  }

  /** Stops accepting, lets running transactions finish for up to `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#stopping = true;
    const closed = this.#listeners.map(
      ({ server }) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#reception.close();
    this.#connections.drain();
    for (const relay of [...this.relays]) relay.leave();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await Promise.all([...closed, this.waitingRoom.close(graceMs)]);
    clearTimeout(cut);
    this.#arrangement.engine.close();
    this.#arrangement.ranges.forget();
  }

  // --- connections ---

  #accept(socket: Socket, entrance: Entrance): void {
    if (this.#sockets.size >= this.#arrangement.limits.connections) return this.#turnAway(socket);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    entrance.enter(socket);
  }

  /** Cheaper than anything that would look at the connection: there are too many already. */
  #turnAway(socket: Socket): void {
    this.#refusedSince++;
    this.telemetry.meters?.connectionRefused();
    const now = performance.now();
    const error = new HttpError(
      'ERR_PROXY_OVERLOADED',
      `more than ${this.#arrangement.limits.connections} client connections`,
    );
    if (now - this.#overloadLoggedAt > OVERLOAD_LOG_MS) {
      this.#overloadLoggedAt = now;
      const fields = {
        code: error.code,
        refused: this.#refusedSince,
        limit: this.#arrangement.limits.connections,
      };
      this.telemetry.event('warn', `${error.message}: ${error.remedy}`, fields);
      this.#refusedSince = 0;
    }
    socket.on('error', () => socket.destroy());
    socket.end(
      'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n',
    );
    socket.destroySoon();
  }
}

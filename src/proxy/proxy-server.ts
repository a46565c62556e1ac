// The proxy's listeners and the life of client connections: counting, HTTP on them, CONNECT, and a
// graceful stop. One transaction is forward.ts, a tunnel's first bytes are tunnel.ts.

import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { randomBytes } from 'node:crypto';
import { ConfigError, HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { ServerExchange } from '../http/server-connection.ts';
import { HttpServerConnection } from '../http/server-connection.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import type { Telemetry } from '../telemetry/records.ts';
import type { TraceSink } from '../trace/notes.ts';
import { Deadlines } from '../util/deadlines.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import { Transaction } from './forward.ts';
import { adaptConnect } from './adapted-connect.ts';
import type { ConnectTarget } from './adapted-connect.ts';
import type { ProxyArrangementOptions, ProxyGround } from './arrangement.ts';
import { ProxyArrangement } from './arrangement.ts';
import { ConnectionRecords } from './connection-records.ts';
import type { OriginTarget } from './origin/engine.ts';
import { parseConnectTarget } from './request-target.ts';
import type { Session, TunnelTls } from './session.ts';
import { openTunnel } from './tunnel.ts';

export interface ProxyServerOptions extends ProxyArrangementOptions {
  readonly telemetry: Telemetry;
  /** Default null: nothing is traced. */
  readonly traces?: TraceSink | null;
}

const OVERLOAD_LOG_MS = 1000; // at most one line a second about refused connections

/** A connection that carries HTTP: of whom, and by which listener it came. */
interface Served {
  readonly session: Session;
  readonly listener: Server;
}

export class ProxyServer implements ProxyGround {
  readonly telemetry: Telemetry;
  readonly traces: TraceSink | null;
  readonly deadlines = new Deadlines();
  readonly viaName = `weir-${randomBytes(5).toString('hex')}`;
  readonly #listeners: Server[] = [];
  readonly #records: ConnectionRecords;
  readonly #ownPorts = new Set<number>();
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Map<HttpServerConnection, Served>();
  #arrangement: ProxyArrangement;
  #stopping = false;
  #overloadLoggedAt = -Infinity;
  #refusedSince = 0;

  constructor(options: ProxyServerOptions) {
    this.telemetry = options.telemetry;
    this.traces = options.traces ?? null;
    this.#records = new ConnectionRecords(this.telemetry, this.traces);
    this.#arrangement = new ProxyArrangement(this, options, null);
  }

  /**
   * Makes what {@link apply} takes over; nothing changes yet.
   * @throws whatever TLS says of `upstream.ca`
   */
  arrange(options: ProxyArrangementOptions): ProxyArrangement {
    return new ProxyArrangement(this, options, this.#arrangement);
  }

  /**
   * Takes over another arrangement while it runs. Transactions and tunnels under way finish as they
   * began, the next request on a connection meets the new one; limits of heads and idle times hold for new
   * connections. A tunnel whose target is refused now ends after the transaction under way.
   */
  apply(next: ProxyArrangement): void {
    const before = this.#arrangement;
    this.#arrangement = next;
    // Connections that are in use now are closed as soon as they are idle.
    if (before.engine !== next.engine) before.engine.close();
    for (const [connection, { session }] of this.#connections) {
      if (!next.admits(session)) connection.drain();
    }
  }

  /** Names a port of this program that must not be reached through the proxy. */
  protectPort(port: number): void {
    this.#ownPorts.add(port);
  }

  /** Takes that back, for a port that is not listened on any more. */
  unprotectPort(port: number): void {
    this.#ownPorts.delete(port);
  }

  isOwnPort(port: number): boolean {
    return this.#ownPorts.has(port);
  }

  /**
   * Listens on one more address.
   * @throws {ConfigError} `ERR_LISTEN`
   */
  listen(port: number, host: string): Promise<AddressInfo> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket, server);
    });
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const fields = { host, port, errno: error.code };
        reject(
          new ConfigError(
            'ERR_LISTEN',
            `proxy cannot listen on ${formatAuthority(host, port)}: ${error.message}`,
            fields,
            error,
          ),
        );
      });
      server.listen({ port, host, backlog: 4096 }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {});
        this.#listeners.push(server);
        const address = server.address() as AddressInfo;
        this.protectPort(address.port);
        resolve(address);
      });
    });
  }

  /** Stops listening there. Connections that came that way end after the transaction under way. */
  unlisten({ address, port }: AddressInfo): void {
    const at = this.#listeners.findIndex((server) => {
      const own = server.address() as AddressInfo | null;
      return own?.address === address && own.port === port;
    });
    const [listener] = at < 0 ? [] : this.#listeners.splice(at, 1);
    if (listener === undefined) return;
    listener.close();
    if (!this.#listeners.some((other) => (other.address() as AddressInfo | null)?.port === port)) {
      this.unprotectPort(port);
    }
    for (const [connection, served] of this.#connections) {
      if (served.listener === listener) connection.drain();
    }
  }

  /** Open client connections. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Stops accepting, lets running transactions finish for up to `graceMs`, then cuts what is left. */
  async close(graceMs: number): Promise<void> {
    this.#stopping = true;
    const closed = this.#listeners.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    for (const connection of this.#connections.keys()) connection.drain();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await Promise.all(closed);
    clearTimeout(cut);
    this.#arrangement.engine.close();
  }

  // --- connections ---

  #accept(socket: Socket, listener: Server): void {
    if (this.#sockets.size >= this.#arrangement.limits.connections) return this.#turnAway(socket);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const client = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.#serve(socket, listener, { client, user: null, tls: null, tunnel: null });
  }

  #turnAway(socket: Socket): void {
    this.#refusedSince++;
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

  #serve(socket: Socket, listener: Server, session: Session): void {
    const { limits } = this.#arrangement;
    const connection = new HttpServerConnection(socket, {
      limits,
      headTimeoutMs: limits.headTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
      deadlines: this.deadlines,
      onRequest: (exchange) => {
        if (exchange.head.method === 'CONNECT') this.#connect(exchange, listener, session);
        else void new Transaction(this.#arrangement, session, exchange).run();
      },
      onBadRequest: (error) => this.#badRequest(error, session),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.set(connection, { session, listener });
    // The target of a tunnel may have been refused by a reload while the handshake went on.
    const admitted = listener.listening && this.#arrangement.admits(session);
    if (this.#stopping || !admitted) connection.drain();
  }

  #badRequest(error: WeirError, session: Session): { head: ResponseHead; body: Body } {
    const id = newIncidentId();
    const answer = errorAnswer(error, id, '', null);
    this.#records.failure(error, id, session, '', '', answer.status);
    const { status, reason, headers } = answer;
    return { head: { version: '1.1', status, reason, headers }, body: answer.body ?? Body.of() };
  }

  // --- CONNECT ---

  #connect(exchange: ServerExchange, listener: Server, session: Session): void {
    const arrangement = this.#arrangement;
    let target: ConnectTarget;
    try {
      target = this.#judgeConnect(arrangement, exchange, session);
    } catch (thrown) {
      return this.#refuseConnect(exchange, session, asWeirError(thrown));
    }
    if (!arrangement.pipeline.adaptsConnect)
      return this.#tunnel(arrangement, exchange, listener, session, target);
    void this.#adaptConnect(arrangement, exchange, listener, session, target);
  }

  /** Asks services first whether a tunnel may be opened, and where to (K-52). Never rejects. */
  async #adaptConnect(
    arrangement: ProxyArrangement,
    exchange: ServerExchange,
    listener: Server,
    asked: Session,
    before: ConnectTarget,
  ): Promise<void> {
    const connectNotes = this.#records.connectNotes(exchange);
    const adapted = await adaptConnect(arrangement.pipeline, exchange, asked, before, connectNotes);
    const session = { ...asked, connectSteps: adapted.trace, connectNotes };
    const { target, renamed, answer, output, error } = adapted;
    if (answer !== null) {
      exchange.respond(answer).catch(() => {});
      const { status } = answer;
      return this.#records.connect(
        exchange,
        session,
        formatAuthority(before.host, before.port),
        status,
        output,
      );
    }
    try {
      if (error !== null) throw error;
      if (renamed) this.#judgeTarget(arrangement, target!);
    } catch (thrown) {
      return this.#refuseConnect(exchange, session, asWeirError(thrown));
    }
    this.#tunnel(arrangement, exchange, listener, session, target!);
  }

  #tunnel(
    arrangement: ProxyArrangement,
    exchange: ServerExchange,
    listener: Server,
    session: Session,
    target: ConnectTarget,
  ): void {
    const { host, port } = target;
    const { socket, rest } = exchange.takeOver();
    // No framing fields on a 2xx to CONNECT (RFC 9110 §9.3.6).
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1');
    const authority = formatAuthority(host, port, 443);
    const url = formatAuthority(host, port);
    openTunnel(arrangement, socket, rest, target, {
      onHttp: (inner, origin, tls) => {
        const opening = this.#records.opening(arrangement, exchange, url, host, tls);
        this.#onTunnelHttp(inner, listener, { ...session, opening }, origin, authority, tls);
        if (session.connectSteps !== undefined) this.#records.connect(exchange, session, url, 200, null);
      },
      onSpliced: (tls, origin) => {
        const opening = this.#records.opening(arrangement, exchange, url, host, tls);
        this.#records.tunnel(exchange, { ...session, opening }, url, tls, origin);
      },
      onFailed: (error, tls) => {
        const opening = this.#records.opening(arrangement, exchange, url, host, tls);
        this.#records.failure(
          error,
          newIncidentId(),
          { ...session, tls, opening },
          'CONNECT',
          url,
          200,
          exchange.startedAt,
        );
      },
    });
  }

  #judgeConnect(arrangement: ProxyArrangement, exchange: ServerExchange, session: Session): ConnectTarget {
    const target = parseConnectTarget(exchange.head.target);
    if (session.tunnel !== null)
      throw new HttpError('ERR_HTTP_TARGET', 'CONNECT inside a tunnel is not supported');
    if (exchange.body !== null) throw new HttpError('ERR_HTTP_FRAMING', 'CONNECT has no body');
    if (exchange.facts.via?.includes(this.viaName)) {
      throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this proxy before (Via)');
    }
    this.#judgeTarget(arrangement, target);
    return target;
  }

  #judgeTarget(arrangement: ProxyArrangement, { host, port }: ConnectTarget): void {
    arrangement.checkTarget(host, port);
    if (arrangement.decide(host) !== 'terminate') return;
    throw new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${host}`, { host });
  }

  #refuseConnect(exchange: ServerExchange, session: Session, error: WeirError): void {
    const id = newIncidentId();
    const answer = errorAnswer(error, id, exchange.head.target, exchange.head);
    exchange.body?.cancel();
    exchange.respond(answer).catch(() => {});
    const host = String(error.fields['host'] ?? '');
    const opening = this.#records.opening(this.#arrangement, exchange, exchange.head.target, host, null);
    this.#records.failure(
      error,
      id,
      { ...session, opening },
      'CONNECT',
      exchange.head.target,
      answer.status,
      exchange.startedAt,
    );
  }

  #onTunnelHttp(
    socket: Socket,
    listener: Server,
    session: Session,
    target: OriginTarget,
    authority: string,
    tls: TunnelTls | null,
  ): void {
    if (tls !== null && tls.sni !== null && tls.sni !== target.host) {
      const fields = { client: session.client, sni: tls.sni, host: target.host };
      this.telemetry.event('info', 'SNI differs from the CONNECT host', fields);
    }
    this.#serve(socket, listener, {
      client: session.client,
      user: session.user,
      tls,
      tunnel: { target, authority },
      opening: session.opening ?? null,
    });
  }
}

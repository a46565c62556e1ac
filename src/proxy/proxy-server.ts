// The proxy's listeners and the life of client connections: counting, HTTP on them, CONNECT, and a
// graceful stop. One transaction is forward.ts, a tunnel's first bytes are tunnel.ts.

import type { AddressInfo, BlockList, Server, Socket } from 'node:net';
import { createServer, isIP } from 'node:net';
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import { ConfigError, HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { Body } from '../http/body.ts';
import type { HeadLimits } from '../http/message-reader.ts';
import type { ServerExchange } from '../http/server-connection.ts';
import { HttpServerConnection } from '../http/server-connection.ts';
import type { ResponseHead } from '../icap/codec/http-head.ts';
import { isAllowed } from '../icap/server/server.ts';
import type { ProxyRecord, Telemetry } from '../telemetry/records.ts';
import { Deadlines } from '../util/deadlines.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import type { AdaptationPipeline } from './adaptation/pipeline.ts';
import { asWeirError, errorAnswer } from './answers.ts';
import { Transaction } from './forward.ts';
import { hostMatcher } from './host-match.ts';
import { OriginConnector, isOwnAddress } from './origin/connector.ts';
import type { OriginEngine, OriginTarget } from './origin/engine.ts';
import { parseConnectTarget } from './request-target.ts';
import type { ProxyContext, Session, TunnelTls } from './session.ts';
import type { TlsRule } from './tls-rules.ts';
import { tlsDecider } from './tls-rules.ts';
import { openTunnel } from './tunnel.ts';
import type { TunnelContext } from './tunnel.ts';

export interface ProxyLimits extends HeadLimits {
  /** Client connections; further ones are answered 503 and closed. */
  readonly connections: number;
  readonly headTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export interface ProxyServerOptions {
  readonly pipeline: AdaptationPipeline;
  readonly tlsRules: readonly TlsRule[];
  readonly limits: ProxyLimits;
  readonly telemetry: Telemetry;
  /** Leaf certificate and key for a name (src/ca). */
  contextFor(name: string): SecureContext;
  readonly upstream: {
    /** Certificates (PEM) that vouch for origins; null: Node's own roots. */
    readonly ca: readonly string[] | null;
    readonly verify: boolean;
    readonly hosts: Readonly<Record<string, string>>;
    readonly connectTimeoutMs: number;
  };
  /** Makes the origin engine on the proxy's connector. */
  engine(connector: OriginConnector): OriginEngine;
  readonly deny: { readonly networks: BlockList; readonly hosts: readonly string[] };
}

const OVERLOAD_LOG_MS = 1000; // at most one line a second about refused connections

export class ProxyServer implements ProxyContext, TunnelContext {
  readonly pipeline: AdaptationPipeline;
  readonly telemetry: Telemetry;
  readonly engine: OriginEngine;
  readonly connector: OriginConnector;
  readonly deadlines = new Deadlines();
  readonly viaName = `weir-${randomBytes(5).toString('hex')}`;
  readonly handshakeTimeoutMs: number;
  readonly decide: TunnelContext['decide'];
  readonly #options: ProxyServerOptions;
  readonly #deniedHost: (host: string) => true | undefined;
  readonly #listeners: Server[] = [];
  readonly #ownPorts = new Set<number>();
  readonly #sockets = new Set<Socket>();
  readonly #connections = new Set<HttpServerConnection>();
  #stopping = false;
  #overloadLoggedAt = -Infinity;
  #refusedSince = 0;

  constructor(options: ProxyServerOptions) {
    this.#options = options;
    this.pipeline = options.pipeline;
    this.telemetry = options.telemetry;
    this.handshakeTimeoutMs = options.limits.handshakeTimeoutMs;
    this.decide = tlsDecider(options.tlsRules);
    this.#deniedHost = hostMatcher(
      Object.fromEntries(options.deny.hosts.map((host) => [host, true as const])),
    );
    this.connector = new OriginConnector({
      ...options.upstream,
      isOwnPort: (port) => this.#ownPorts.has(port),
      isDeniedAddress: (address) => isAllowed(options.deny.networks, address),
    });
    this.engine = options.engine(this.connector);
  }

  /** Names a port of this program that must not be reached through the proxy. */
  protectPort(port: number): void {
    this.#ownPorts.add(port);
  }

  /**
   * Listens on one more address.
   * @throws {ConfigError} `ERR_LISTEN`
   */
  listen(port: number, host: string): Promise<AddressInfo> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
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
    for (const connection of this.#connections) connection.drain();
    const cut = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await Promise.all(closed);
    clearTimeout(cut);
    this.engine.close();
  }

  // --- for transactions and tunnels ---

  contextFor(name: string): SecureContext {
    return this.#options.contextFor(name);
  }

  checkTarget(host: string, port: number): void {
    const isAddress = isIP(host) !== 0;
    if (this.#ownPorts.has(port) && (isAddress ? isOwnAddress(host) : /^(.+\.)?localhost$/.test(host))) {
      throw new HttpError('ERR_PROXY_SELF', `${host}:${port} is one of Weir's own ports`, { host, port });
    }
    const denied =
      this.#deniedHost(host) === true || (isAddress && isAllowed(this.#options.deny.networks, host));
    if (denied) throw new HttpError('ERR_PROXY_DENIED', `${host} is on proxy.targets.deny`, { host });
  }

  // --- connections ---

  #accept(socket: Socket): void {
    if (this.#sockets.size >= this.#options.limits.connections) return this.#turnAway(socket);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const client = (socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
    this.#serve(socket, { client, user: null, tls: null, tunnel: null });
  }

  #turnAway(socket: Socket): void {
    this.#refusedSince++;
    const now = performance.now();
    const error = new HttpError(
      'ERR_PROXY_OVERLOADED',
      `more than ${this.#options.limits.connections} client connections`,
    );
    if (now - this.#overloadLoggedAt > OVERLOAD_LOG_MS) {
      this.#overloadLoggedAt = now;
      const fields = {
        code: error.code,
        refused: this.#refusedSince,
        limit: this.#options.limits.connections,
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

  #serve(socket: Socket, session: Session): void {
    const { limits } = this.#options;
    const connection = new HttpServerConnection(socket, {
      limits,
      headTimeoutMs: limits.headTimeoutMs,
      idleTimeoutMs: limits.idleTimeoutMs,
      deadlines: this.deadlines,
      onRequest: (exchange) => {
        if (exchange.head.method === 'CONNECT') this.#connect(exchange, session);
        else void new Transaction(this, session, exchange).run();
      },
      onBadRequest: (error) => this.#badRequest(error, session),
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    if (this.#stopping) connection.drain();
  }

  #badRequest(error: WeirError, session: Session): { head: ResponseHead; body: Body } {
    const id = newIncidentId();
    const answer = errorAnswer(error, id, '', null);
    this.#recordFailure(error, id, session, '', '', answer.status);
    const { status, reason, headers } = answer;
    return { head: { version: '1.1', status, reason, headers }, body: answer.body ?? Body.of() };
  }

  // --- CONNECT ---

  #connect(exchange: ServerExchange, session: Session): void {
    let target: { host: string; port: number };
    try {
      target = this.#judgeConnect(exchange, session);
    } catch (thrown) {
      return this.#refuseConnect(exchange, session, asWeirError(thrown));
    }
    const { host, port } = target;
    const { socket, rest } = exchange.takeOver();
    // No framing fields on a 2xx to CONNECT (RFC 9110 §9.3.6).
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n', 'latin1');
    const authority = formatAuthority(host, port, 443);
    const url = formatAuthority(host, port);
    openTunnel(this, socket, rest, target, {
      onHttp: (inner, origin, tls) => this.#onTunnelHttp(inner, session, origin, authority, tls),
      onSpliced: (tls) => this.#recordTunnel(exchange, session, url, tls),
      onFailed: (error, tls) => {
        this.#recordFailure(
          error,
          newIncidentId(),
          { ...session, tls },
          'CONNECT',
          url,
          200,
          exchange.startedAt,
        );
      },
    });
  }

  #judgeConnect(exchange: ServerExchange, session: Session): { host: string; port: number } {
    const target = parseConnectTarget(exchange.head.target);
    if (session.tunnel !== null)
      throw new HttpError('ERR_HTTP_TARGET', 'CONNECT inside a tunnel is not supported');
    if (exchange.body !== null) throw new HttpError('ERR_HTTP_FRAMING', 'CONNECT has no body');
    if (exchange.facts.via?.includes(this.viaName)) {
      throw new HttpError('ERR_PROXY_LOOP', 'the request has passed through this proxy before (Via)');
    }
    this.checkTarget(target.host, target.port);
    if (this.decide(target.host) === 'terminate') {
      throw new HttpError('ERR_PROXY_DENIED', `proxy.tls.rules terminate ${target.host}`, {
        host: target.host,
      });
    }
    return target;
  }

  #refuseConnect(exchange: ServerExchange, session: Session, error: WeirError): void {
    const id = newIncidentId();
    const answer = errorAnswer(error, id, exchange.head.target, exchange.head);
    exchange.body?.cancel();
    exchange.respond(answer).catch(() => {});
    this.#recordFailure(
      error,
      id,
      session,
      'CONNECT',
      exchange.head.target,
      answer.status,
      exchange.startedAt,
    );
  }

  #onTunnelHttp(
    socket: Socket,
    session: Session,
    target: OriginTarget,
    authority: string,
    tls: TunnelTls | null,
  ): void {
    if (tls !== null && tls.sni !== null && tls.sni !== target.host) {
      const fields = { client: session.client, sni: tls.sni, host: target.host };
      this.telemetry.event('info', 'SNI differs from the CONNECT host', fields);
    }
    this.#serve(socket, { client: session.client, user: session.user, tls, tunnel: { target, authority } });
  }

  // --- records ---

  #recordTunnel(exchange: ServerExchange, session: Session, url: string, tls: TunnelTls): void {
    if (!this.telemetry.records) return;
    this.telemetry.proxy({
      ...this.#emptyRecord(newIncidentId(), { ...session, tls }, 'CONNECT', url, 200),
      verdict: 'bypassed',
      ms: performance.now() - exchange.startedAt,
    });
  }

  #recordFailure(
    error: WeirError,
    id: string,
    session: Session,
    method: string,
    url: string,
    status: number,
    startedAt = performance.now(),
  ): void {
    if (!this.telemetry.records) return;
    this.telemetry.proxy({
      ...this.#emptyRecord(id, session, method, url, status),
      verdict: 'error',
      ms: performance.now() - startedAt,
      incident: status >= 400 ? id : null, // a tunnel that fails shows no page
      error: { code: error.code, message: error.message },
    });
  }

  #emptyRecord(id: string, session: Session, method: string, url: string, status: number): ProxyRecord {
    const { client, user, tls } = session;
    return {
      id,
      client,
      user,
      method,
      url,
      status,
      bytesIn: 0,
      bytesOut: 0,
      tls,
      adaptation: [],
      verdict: 'allowed',
      threat: null,
      incident: null,
      ms: 0,
    };
  }
}

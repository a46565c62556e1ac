// One address of proxy.reverse: a web server of ours, an http-proxy that leads to the application, and
// adaptation attached to it as to anybody's. What clients may send, and what the application learns of
// them, is decided here; adaptation itself is src/embed.

import type { ClientRequest, IncomingMessage, Server } from 'node:http';
import { createServer, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, BlockList, Socket } from 'node:net';
import type { ProxyServer } from 'http-proxy-3';
import httpProxy from 'http-proxy-3';
import type { ProxyLimits, ReverseListener } from '../config/types.ts';
import { AdaptedExchange } from '../embed/exchange.ts';
import { attachPolicy } from '../embed/attach.ts';
import type { AdaptationPolicy } from '../embed/policy.ts';
import { hasBody } from '../embed/request-body.ts';
import { ConfigError, HttpError, isWeirError } from '../errors.ts';
import { encodeSmallMessage } from '../http/body-writer.ts';
import type { SpoolOptions } from '../http/spool.ts';
import { formatFields } from '../icap/codec/fields.ts';
import { readTlsFiles } from '../icap/server/tls-files.ts';
import { errorAnswer } from '../proxy/answers.ts';
import type { OriginConnector } from '../proxy/origin/connector.ts';
import type { OriginTarget } from '../proxy/origin/engine.ts';
import { asOriginError } from '../proxy/origin/origin-errors.ts';
import type { Telemetry } from '../telemetry/records.ts';
import { formatAuthority } from '../util/authority.ts';
import { newIncidentId } from '../util/incident-id.ts';
import { networks, plainAddress } from '../util/networks.ts';
import { ApplicationAgent, isRepeatable } from './reverse-application.ts';
import { clientBehind, prepareForApplication } from './reverse-request.ts';

/** What a listener shares with everything else, as of now. */
export interface ReverseGround {
  readonly policy: AdaptationPolicy;
  readonly limits: ProxyLimits;
  readonly connector: OriginConnector;
  readonly responseTimeoutMs: number;
  readonly spool: SpoolOptions;
  readonly telemetry: Telemetry;
  /** Name of this instance in Via. */
  readonly viaName: string;
}

export class ReverseServer {
  readonly #listener: ReverseListener;
  readonly #ground: () => ReverseGround;
  readonly #target: OriginTarget;
  readonly #trusted: BlockList;
  readonly #server: Server;
  readonly #proxy: ProxyServer;
  readonly #agent: ApplicationAgent;
  readonly #sockets = new Map<Socket, IncomingMessage | null>();
  readonly #answering = new Set<ServerResponse>();
  #stopping = false;

  /** @throws {ConfigError} `ERR_CONFIG_UNREADABLE`, `ERR_CONFIG_VALUE`: its certificate or key */
  constructor(listener: ReverseListener, ground: () => ReverseGround) {
    this.#listener = listener;
    this.#ground = ground;
    this.#target = originOf(listener.target);
    this.#trusted = networks(listener.trustForwarded.map(({ address, prefix }) => `${address}/${prefix}`));
    this.#agent = new ApplicationAgent({
      target: this.#target,
      connector: () => ground().connector,
      telemetry: () => ground().telemetry,
      keepAliveMs: listener.keepAliveMs,
    });
    this.#proxy = this.#makeProxy();
    const { limits } = ground();
    const options = {
      maxHeaderSize: limits.headerBytes,
      requestTimeout: 0,
      connectionsCheckingInterval: 1000,
    };
    if (listener.tls === null) this.#server = createServer(options);
    else {
      const where = formatAuthority(listener.host, listener.port);
      const { context, warnings } = readTlsFiles(
        { ...listener.tls, clientCa: null },
        where,
        'reverse listener',
      );
      for (const warning of warnings) ground().telemetry.event('warn', warning, {});
      const handshakeTimeout = limits.handshakeTimeoutMs;
      this.#server = createTlsServer({ ...options, ...context, handshakeTimeout });
    }
    this.update();
    this.#serve(this.#server);
  }

  /** Takes over limits that a reload has changed; `headerBytes` holds for new listeners only. */
  update(): void {
    const { connections, headTimeoutMs, idleTimeoutMs } = this.#ground().limits;
    const server = this.#server;
    server.maxConnections = connections;
    server.maxHeadersCount = 0; // node would leave the rest out in silence; see prepareForApplication
    server.headersTimeout = headTimeoutMs;
    server.keepAliveTimeout = idleTimeoutMs;
    server.timeout = idleTimeoutMs;
    this.#agent.closeIdle(); // trust, addresses and the like may be others now
  }

  /** @throws {ConfigError} `ERR_LISTEN` */
  listen(): Promise<AddressInfo> {
    const { host, port } = this.#listener;
    const server = this.#server;
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `proxy.reverse cannot listen on ${formatAuthority(host, port)}: ${error.message}`;
        reject(new ConfigError('ERR_LISTEN', text, { host, port, errno: error.code }, error));
      });
      server.listen({ host, port, backlog: 4096 }, () => {
        server.removeAllListeners('error');
        server.on('error', () => {});
        resolve(server.address() as AddressInfo);
      });
    });
  }

  /** Stops listening; resolves when the last connection is gone. */
  close(): Promise<void> {
    this.#stopping = true;
    for (const res of this.#answering) res.shouldKeepAlive = false;
    return new Promise((resolve) => {
      this.#server.close(() => {
        this.#agent.destroy();
        resolve();
      });
      this.#server.closeIdleConnections();
    });
  }

  /** Cuts what is left. */
  destroy(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  // --- the application's side ---

  #makeProxy(): ProxyServer {
    const target = this.#target;
    const proxy = httpProxy.createProxyServer({
      target: this.#listener.target,
      agent: this.#agent,
      changeOrigin: !this.#listener.passHost,
      autoRewrite: true,
      protocolRewrite: this.#listener.tls === null ? 'http' : 'https',
    });
    const send = proxy.web.bind(proxy);
    /** What waits for its answer. */
    const sent = new WeakMap<IncomingMessage, ClientRequest>();
    const repeated = new WeakSet<IncomingMessage>();
    proxy.on('error', (error, req, res) => {
      const attempt = sent.get(req);
      sent.delete(req);
      const mayRepeat = attempt?.reusedSocket === true && isRepeatable(attempt) && !repeated.has(req);
      if (mayRepeat && !req.socket.destroyed) {
        repeated.add(req);
        this.#agent.closeIdle(); // the application has closed this one, and the others are as old
        return send(req, res as ServerResponse);
      }
      const failure = isWeirError(error) ? error : asOriginError(error, target);
      AdaptedExchange.of(req)?.fail(failure);
    });
    proxy.on('proxyReq', (proxyReq, req) => {
      sent.set(req, proxyReq);
      proxyReq.setTimeout(this.#ground().responseTimeoutMs, () => {
        const { host, port } = target;
        const text = `${host}:${port} did not answer in time`;
        sent.delete(req);
        AdaptedExchange.of(req)?.fail(new HttpError('ERR_ORIGIN_TIMEOUT', text, { host, port }));
        proxyReq.destroy();
      });
    });
    // Fields of the connection to the application; http-proxy sets those of the client's.
    proxy.on('proxyRes', ({ headers, socket }, req) => {
      sent.delete(req);
      this.#agent.noteKeepAlive(socket, headers['keep-alive'] as string | undefined);
      for (const name of ['connection', 'keep-alive', 'proxy-connection', 'te']) delete headers[name];
    });
    const ground = this.#ground;
    const policy: AdaptationPolicy = {
      get pipeline() {
        return ground().policy.pipeline;
      },
      get streams() {
        return ground().policy.streams;
      },
      get parts() {
        return ground().policy.parts;
      },
      get onRecord() {
        return ground().policy.onRecord;
      },
      get patience() {
        return ground().policy.patience ?? null;
      },
      get traces() {
        return ground().policy.traces ?? null;
      },
      get meters() {
        return ground().policy.meters ?? null;
      },
      skip: () => false,
      user: () => null,
    };
    attachPolicy(proxy, policy, {
      spool: ground().spool,
      client: (req) => clientBehind(req, this.#trusted, this.#listener.forwarded),
      prepare: (req) => {
        const { limits, viaName } = ground();
        const { forwarded } = this.#listener;
        prepareForApplication(req, { limits, viaName, trusted: this.#trusted, forwarded });
      },
    });
    return proxy;
  }

  // --- the clients' side ---

  #serve(server: Server): void {
    server.on('connection', (socket: Socket) => {
      this.#sockets.set(socket, null);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (req, res) => {
      this.#sockets.set(req.socket, req);
      this.#answering.add(res);
      res.shouldKeepAlive &&= !this.#stopping;
      res.once('close', () => {
        this.#answering.delete(res);
        if (this.#stopping) this.#server.closeIdleConnections();
      });
      this.#proxy.web(req, res);
    });
    server.on('upgrade', (req: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade(req, socket, head),
    );
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket as Socket));
    server.on('timeout', (socket: Socket) => this.#silent(socket));
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.setTimeout(0);
    const isWebSocket = req.method === 'GET' && /^websocket$/i.test(req.headers.upgrade ?? '');
    if (isWebSocket && !hasBody(req)) return this.#proxy.ws(req, socket, head);
    // Any other protocol is declined: the request is answered as if it had not asked (RFC 9110 §7.8).
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.once('finish', () => {
      res.detachSocket(socket);
      socket.end();
      res.emit('close');
    });
    req.headers.connection = 'close';
    delete req.headers.upgrade;
    req.rawHeaders = req.rawHeaders.filter((_, index, all) => !/^upgrade$/i.test(all[index - (index % 2)]!));
    if (!hasBody(req)) return void this.#proxy.web(req, res);
    const { policy } = this.#ground();
    const exchange = new AdaptedExchange(req, res, {
      policy,
      client: clientBehind(req, this.#trusted, this.#listener.forwarded),
    });
    exchange.fail(
      new HttpError('ERR_HTTP_FRAMING', 'a request that asks for another protocol cannot have a body'),
    );
  }

  /** Bytes that are no request: a page, unless an answer is on its way already. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const under = (socket as { _httpMessage?: ServerResponse })._httpMessage;
    if (error.code === 'ECONNRESET' || !socket.writable || under?.headersSent === true) {
      return void socket.destroy();
    }
    const failure = asRequestError(error);
    const id = newIncidentId();
    const { status, reason, headers, body } = errorAnswer(failure, id, '', null);
    const text = `HTTP/1.1 ${status} ${reason}\r\n${formatFields(headers)}Connection: close\r\n\r\n`;
    socket.end(encodeSmallMessage(text, body!, { kind: 'close' })!);
    const { telemetry } = this.#ground();
    telemetry.meters?.connection({ verdict: 'error', error: failure });
    if (!telemetry.records) return;
    telemetry.proxy({
      id,
      client: plainAddress(socket.remoteAddress ?? 'unknown'),
      user: null,
      method: '',
      url: '',
      status,
      bytesIn: 0,
      bytesOut: 0,
      tls: null,
      adaptation: [],
      verdict: 'error',
      threat: null,
      incident: id,
      ms: 0,
      error: { code: failure.code, message: failure.message },
    });
  }

  /** Nothing came or went for a while. It may be our turn: then a verdict or the application is waited for. */
  #silent(socket: Socket): void {
    const req = this.#sockets.get(socket) ?? null;
    if (req === null || !req.complete || socket.writableLength > 0) socket.destroy();
  }
}

function originOf(target: string): OriginTarget {
  const { protocol, hostname, port } = new URL(target);
  const secure = protocol === 'https:';
  const host = hostname.replace(/^\[|\]$/g, '');
  return { secure, host, port: port === '' ? (secure ? 443 : 80) : Number(port), serverName: host };
}

function asRequestError(error: NodeJS.ErrnoException): HttpError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new HttpError('ERR_HTTP_HEAD_TOO_LARGE', 'the request head is too large', {}, error);
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpError('ERR_HTTP_TIMEOUT', 'the request head did not arrive in time', {}, error);
    default:
      return new HttpError('ERR_HTTP_REQUEST_LINE', `not an HTTP request: ${error.message}`, {}, error);
  }
}

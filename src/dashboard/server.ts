// The small HTTP server of the dashboard: listens, checks who asks, and answers with JSON. What it answers
// is api.ts; it speaks to operators and balancers, never to clients of the proxy.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError, messageOf } from '../errors.ts';
import { formatAuthority } from '../util/authority.ts';
import { carriesToken, isKnownHost } from './access.ts';
import { type ApiReply, FOREIGN_HOST, NO_TOKEN, NOT_ALLOWED, NOT_FOUND, ROUTES } from './api.ts';
import { metricsReply, ONLY_METRICS } from './metrics.ts';
import type { MetricsRoute } from './metrics.ts';
import { siteReply } from './site.ts';
import type { SiteRoute } from './site.ts';
import type { StatusSource } from './status.ts';

const MAX_CONNECTIONS = 100;
const HEAD_BYTES = 16 * 1024;
const REQUEST_MS = 10_000;

export interface DashboardOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly token: string;
  /** Null: a listener for /metrics alone. */
  readonly source: StatusSource | null;
  /** What /metrics serves; default: nothing. */
  readonly metrics?: MetricsRoute | null;
  /** What everybody may see who sets a device up; default: nothing. */
  readonly site?: SiteRoute | null;
}

export class DashboardServer {
  readonly #options: DashboardOptions;
  readonly #server: Server;

  constructor(options: DashboardOptions) {
    this.#options = options;
    this.#server = createServer(
      { maxHeaderSize: HEAD_BYTES, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @throws {ConfigError} `ERR_LISTEN` */
  listen(): Promise<AddressInfo> {
    const { host, port, source } = this.#options;
    const what = source === null ? 'metrics' : 'dashboard';
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `${what} cannot listen on ${formatAuthority(host, port)}: ${error.message}`;
        reject(new ConfigError('ERR_LISTEN', text, { host, port, errno: error.code }, error));
      });
      this.#server.listen(port, host, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', () => {});
        resolve(this.#server.address() as AddressInfo);
      });
    });
  }

  /** Ends at once: nothing here has to be finished. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: ApiReply;
    try {
      reply = await this.#reply(request);
    } catch (error) {
      reply = { status: 500, body: { error: messageOf(error) } };
    }
    const body = reply.bytes ?? Buffer.from(reply.text ?? `${JSON.stringify(reply.body, null, 2)}\n`);
    response.writeHead(reply.status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      ...reply.headers,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #reply({ method, url = '', headers, socket }: IncomingMessage): ApiReply | Promise<ApiReply> {
    const { host, token, source, metrics = null, site = null } = this.#options;
    const path = url.split('?', 1)[0]!;
    const isRead = method === 'GET' || method === 'HEAD';
    if (path === '/metrics' && metrics !== null) {
      return isRead ? metricsReply(metrics, { url, headers, peer: socket.remoteAddress }, host) : NOT_ALLOWED;
    }
    if (source === null) return ONLY_METRICS;
    const route = ROUTES.get(path);
    if (route === undefined) return siteReply(site, { method: method!, url, headers }) ?? NOT_FOUND;
    if (!isRead) return NOT_ALLOWED;
    if (route.guarded && !isKnownHost(headers.host, host)) return FOREIGN_HOST;
    if (route.guarded && !carriesToken(headers.authorization, token)) return NO_TOKEN;
    return route.answer(source);
  }
}

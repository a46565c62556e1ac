// The HTTP server of the dashboard: listens, decides which part a request is for, and writes the answer. Who
// may is guard.ts, the API api/, the pages static-files.ts; it speaks to operators, browsers and balancers,
// never to clients of the proxy.

import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '../errors.ts';
import { formatAuthority } from '../util/authority.ts';
import { Api } from './api/api.ts';
import type { DashboardSources } from './api/sources.ts';
import { Guard } from './guard.ts';
import type { Activity } from './live/activity.ts';
import { LiveFeed } from './live/feed.ts';
import { byAddress, byForm, logOut } from './log-in.ts';
import { metricsReply, ONLY_METRICS } from './metrics.ts';
import type { MetricsRoute } from './metrics.ts';
import type { ApiReply } from './reply.ts';
import { failed, FOREIGN_HOST, NOT_ALLOWED, NOT_FOUND, notAllowed } from './reply.ts';
import { readBody } from './request-body.ts';
import { Sessions } from './sessions.ts';
import { siteReply } from './site.ts';
import type { SiteRoute } from './site.ts';
import { StaticFiles } from './static-files.ts';
import { readinessOf } from './status.ts';
import { TokenAttempts } from './token-attempts.ts';

const MAX_CONNECTIONS = 200;
const HEAD_BYTES = 16 * 1024;
const REQUEST_MS = 10_000;

export interface ConsoleOptions {
  readonly sources: DashboardSources;
  readonly activity: Activity;
  /** Folder of the built pages. */
  readonly pages: string;
  /** File of the API's description. */
  readonly openApi: string;
}

export interface DashboardOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly token: string;
  /** Null: a listener for /metrics alone. */
  readonly console: ConsoleOptions | null;
  /** What /metrics serves; default: nothing. */
  readonly metrics?: MetricsRoute | null;
  /** What everybody may see who sets a device up; default: nothing. */
  readonly site?: SiteRoute | null;
}

/** What there is beside /metrics, once the port is known. */
interface Console {
  readonly sources: DashboardSources;
  readonly api: Api;
  readonly guard: Guard;
  readonly sessions: Sessions;
  readonly files: StaticFiles;
  readonly feed: LiveFeed;
}

export class DashboardServer {
  readonly #options: DashboardOptions;
  readonly #server: Server;
  #console: Console | null = null;

  constructor(options: DashboardOptions) {
    this.#options = options;
    this.#server = createServer(
      { maxHeaderSize: HEAD_BYTES, requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    this.#server.on('upgrade', (request, socket, head) => {
      if (this.#console === null) socket.destroy();
      else this.#console.feed.upgrade(request, socket, head);
    });
  }

  /** @throws {ConfigError} `ERR_LISTEN` */
  listen(): Promise<AddressInfo> {
    const { host, port, console } = this.#options;
    const what = console === null ? 'metrics' : 'dashboard';
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `${what} cannot listen on ${formatAuthority(host, port)}: ${error.message}`;
        reject(new ConfigError('ERR_LISTEN', text, { host, port, errno: error.code }, error));
      });
      this.#server.listen(port, host, () => {
        this.#server.removeAllListeners('error');
        this.#server.on('error', () => {});
        const address = this.#server.address() as AddressInfo;
        if (console !== null) this.#console = this.#furnished(console, address.port);
        resolve(address);
      });
    });
  }

  /** Ends at once: nothing here has to be finished. */
  async close(): Promise<void> {
    this.#console?.api.close();
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #furnished({ sources, activity, pages, openApi }: ConsoleOptions, port: number): Console {
    const { token, host } = this.#options;
    const sessions = new Sessions(token, port);
    const guard = new Guard(token, host, sessions, new TokenAttempts());
    const feed = new LiveFeed(guard, activity);
    const api = new Api(sources, activity, openApi);
    return { sources, sessions, guard, feed, api, files: new StaticFiles(pages) };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: ApiReply;
    try {
      reply = await this.#reply(request);
    } catch (error) {
      reply = failed(error);
    }
    const { stream } = reply;
    const body = reply.bytes ?? Buffer.from(reply.text ?? `${JSON.stringify(reply.body, null, 2)}\n`);
    response.writeHead(reply.status, {
      'Content-Type': 'application/json; charset=utf-8',
      ...(stream === undefined ? { 'Content-Length': body.length } : {}),
      'Cache-Control': 'no-store',
      'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      ...(request.complete || request.method === 'GET' ? {} : { Connection: 'close' }),
      ...reply.headers,
    });
    if (stream === undefined) return void response.end(request.method === 'HEAD' ? undefined : body);
    stream.on('error', () => response.destroy());
    response.on('close', () => stream.destroy());
    stream.pipe(response);
  }

  async #reply(request: IncomingMessage): Promise<ApiReply> {
    const { method = '', url = '', headers, socket } = request;
    const { host, metrics = null, site = null } = this.#options;
    const [path = '', search = ''] = split(url);
    const isRead = method === 'GET' || method === 'HEAD';
    if (path === '/metrics' && metrics !== null) {
      return isRead ? metricsReply(metrics, { url, headers, peer: socket.remoteAddress }, host) : NOT_ALLOWED;
    }
    const console = this.#console;
    if (console === null) return ONLY_METRICS;
    const health = await healthReply(path, isRead, console.sources);
    if (health !== null) return health;
    if (path.startsWith('/api/')) return this.#apiReply(request, path, search, console);
    const token = path === '/' && method === 'GET' ? new URLSearchParams(search).get('token') : null;
    if (token !== null) return byAddress(request, token, console.guard, console.sessions);
    return siteReply(site, { method, url, headers }) ?? pageReply(request, path, isRead, console);
  }

  async #apiReply(
    request: IncomingMessage,
    path: string,
    search: string,
    { api, guard, sessions }: Console,
  ): Promise<ApiReply> {
    if (path === '/api/login') {
      if (request.method !== 'POST') return notAllowed('POST');
      const foreign = guard.isOurHost(request) ? guard.refusalOfChange(request, false) : FOREIGN_HOST;
      if (foreign !== null) return foreign;
      const body = await readBody(request);
      return 'refusal' in body ? body.refusal : byForm(request, body.value['token'], guard, sessions);
    }
    const refusal = guard.refusal(request);
    if (refusal !== null) return refusal;
    if (path === '/api/logout') return request.method === 'POST' ? logOut(sessions) : notAllowed('POST');
    return (await api.reply(request, path, new URLSearchParams(search))) ?? NOT_FOUND;
  }
}

/** For everybody: balancers ask. */
async function healthReply(
  path: string,
  isRead: boolean,
  { services }: DashboardSources,
): Promise<ApiReply | null> {
  if (path !== '/healthz' && path !== '/readyz') return null;
  if (!isRead) return NOT_ALLOWED;
  if (path === '/healthz') return { status: 200, body: { alive: true } };
  const readiness = readinessOf(await services.report());
  return { status: readiness.ready ? 200 : 503, body: readiness };
}

/** The pages hold nothing of this Weir, so that they need no session: they ask for a token themselves. */
async function pageReply(
  request: IncomingMessage,
  path: string,
  isRead: boolean,
  { files, guard }: Console,
): Promise<ApiReply> {
  if (!isRead) return NOT_ALLOWED;
  if (!guard.isOurHost(request)) return FOREIGN_HOST;
  if (path === '/') return files.index();
  const file = await files.file(path);
  if (file !== null) return file;
  const isPerson = /\btext\/html\b/i.test(request.headers.accept ?? '');
  return isPerson && !path.startsWith('/assets/') ? files.index() : NOT_FOUND;
}

function split(url: string): [path: string, search: string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

// ICAP in front of an existing http-proxy server (http-proxy 1.18, http-proxy-3, httpxy): its `web` is
// wrapped, so that it proxies a request that is adapted already, into a response that is captured. Its
// options, events and `selfHandleResponse` keep their meaning. WebSockets pass; the handshake is adapted.

import type { ClientRequest, IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { ConfigError, HttpError } from '../errors.ts';
import { endToEndFields } from '../http/framing.ts';
import { DEFAULT_SPOOL } from '../http/spool.ts';
import type { SpoolOptions } from '../http/spool.ts';
import type { ExchangeOptions } from './exchange.ts';
import { AdaptedExchange } from './exchange.ts';
import { bodyFromStream, streamFromBody } from './node-streams.ts';
import type { AdaptationPolicy, IcapPolicyOptions } from './policy.ts';
import { policyOf } from './policy.ts';
import { isRefused } from './refusal.ts';

/** What is used of a proxy server: any of the http-proxy family has it. */
export interface HttpProxyServer {
  // Their option types differ; arguments are handed on as they are.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  web(...args: any[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  ws?(...args: any[]): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  on(event: any, listener: (...args: any[]) => void): unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  removeListener(event: any, listener: (...args: any[]) => void): unknown;
}

/**
 * Sends everything that an http-proxy server proxies through ICAP services: requests through REQMOD before
 * they leave, responses through RESPMOD before they are delivered. To be called before the first request.
 * Works for `proxy.web(req, res, …)` and for `proxy.listen(port)`, over HTTP/1.1.
 *
 * @example attachIcap(httpProxy.createProxyServer({ target }), { respmod: 'icap://127.0.0.1:1344/sandblast' })
 * @returns detaches: what begins from then on passes as before; ICAP connections are closed when idle
 * @throws {ConfigError} `ERR_CONFIG_VALUE` for options that cannot be used, or something that is no such server
 */
export function attachIcap(proxy: HttpProxyServer, options: IcapPolicyOptions): () => void {
  const policy = policyOf(options);
  const detach = attachPolicy(proxy, policy, { spool: DEFAULT_SPOOL });
  return () => {
    detach();
    policy.close();
  };
}

export interface AttachSettings {
  readonly spool: SpoolOptions;
  /** What the record says of the client. */
  client?(req: IncomingMessage): string;
  /** As `ExchangeOptions.prepare`. */
  prepare?(req: IncomingMessage): void;
}

/** The same with a policy of the caller's. */
export function attachPolicy(
  proxy: HttpProxyServer,
  policy: AdaptationPolicy,
  settings: AttachSettings,
): () => void {
  if (typeof proxy?.web !== 'function' || typeof proxy.on !== 'function') {
    throw new ConfigError(
      'ERR_CONFIG_VALUE',
      'attachIcap: expected what httpProxy.createProxyServer() returns',
    );
  }
  let attached = true;
  const restore = [
    wrap(proxy, ['web', 'proxyRequest'], (original) => (...args) => {
      if (!attached) return original(...args);
      const [req, res] = args as WebArguments;
      if (isRefused(req, res)) return undefined;
      return web(policy, settings, original, args as WebArguments);
    }),
    wrap(proxy, ['ws', 'proxyWebsocketRequest'], (original) => (...args) => {
      if (!attached) return original(...args);
      return upgrade(policy, settings, original, args as UpgradeArguments);
    }),
  ];
  proxy.on('proxyRes', cutWithOrigin);
  proxy.on('proxyReqWs', takeRefusal);
  return () => {
    attached = false;
    for (const undo of restore) undo();
    proxy.removeListener('proxyRes', cutWithOrigin);
    proxy.removeListener('proxyReqWs', takeRefusal);
  };
}

type Method = (...args: unknown[]) => unknown;
type WebArguments = [IncomingMessage, ServerResponse, ...unknown[]];
type UpgradeArguments = [IncomingMessage, Socket, ...unknown[]];

/** Replaces a method under all its names; the result puts it back unless somebody has wrapped it since. */
function wrap(proxy: object, names: readonly string[], around: (original: Method) => Method): () => void {
  const members = proxy as Record<string, Method | undefined>;
  const original = members[names[0]!];
  if (original === undefined) return () => {};
  const wrapped = around(original.bind(proxy));
  const replaced = names.filter((name) => members[name] === original);
  for (const name of replaced) members[name] = wrapped;
  return () => {
    for (const name of replaced) if (members[name] === wrapped) members[name] = original;
  };
}

async function web(
  policy: AdaptationPolicy,
  settings: AttachSettings,
  original: Method,
  [req, res, ...rest]: WebArguments,
): Promise<unknown> {
  const options = rest.find((arg) => typeof arg === 'object' && arg !== null && !Buffer.isBuffer(arg)) as
    { buffer?: Readable } | undefined;
  const exchange = new AdaptedExchange(req, res, {
    policy,
    ...ofSettings(settings, req),
    ...(options?.buffer === undefined ? {} : { body: bodyFromStream(options.buffer) }),
    // http-proxy says Content-Length: 0 where these methods give no length: the body would be another request.
    ...(/^(?:DELETE|OPTIONS)$/.test(req.method ?? '') ? { lengthWanted: settings.spool } : {}),
  });
  let result: unknown;
  await exchange.run(() => {
    const { body } = exchange;
    const replaced = body === null ? rest : rest.map((arg) => withBuffer(arg, options, body));
    result = original(req, res, ...replaced);
  });
  return result;
}

function ofSettings({ client, prepare }: AttachSettings, req: IncomingMessage): Partial<ExchangeOptions> {
  return {
    ...(client === undefined ? {} : { client: client(req) }),
    ...(prepare === undefined ? {} : { prepare }),
  };
}

function withBuffer(
  arg: unknown,
  options: object | undefined,
  body: Parameters<typeof streamFromBody>[0],
): unknown {
  return arg === options ? { ...options, buffer: streamFromBody(body) } : arg;
}

/** An origin that breaks off: the client must not take a part for the whole, and scanning a part is no use. */
function cutWithOrigin(proxyRes: IncomingMessage, req: IncomingMessage, res?: ServerResponse): void {
  const exchange = AdaptedExchange.of(req);
  if (exchange === undefined || typeof proxyRes.once !== 'function') return;
  // Answered without the rest: nobody would read it, and its connection would be held by it.
  res?.once('close', () => void (proxyRes.readableEnded || proxyRes.destroy()));
  proxyRes.once('close', () => {
    if (proxyRes.complete || proxyRes.readableEnded) return;
    exchange.fail(
      new HttpError('ERR_ORIGIN_CLOSED', 'the origin closed the connection before the response was complete'),
    );
  });
}

// --- upgrades ---

const refusals = new WeakMap<IncomingMessage, ServerResponse>();

async function upgrade(
  policy: AdaptationPolicy,
  settings: AttachSettings,
  original: Method,
  args: UpgradeArguments,
): Promise<unknown> {
  const [req, socket] = args;
  const onError = (): void => void socket.destroy();
  socket.on('error', onError);
  // For whoever has to answer in HTTP after all: a block page, an error, an application that will not switch.
  const res = new ServerResponse(req);
  res.shouldKeepAlive = false;
  const exchange = new AdaptedExchange(req, res, {
    policy,
    upgrade: true,
    ...ofSettings(settings, req),
    beforeSending: () => {
      if (res.socket !== null || socket.destroyed) return;
      res.assignSocket(socket);
      res.once('finish', () => {
        res.detachSocket(socket);
        socket.end();
        res.emit('close');
      });
    },
  });
  socket.once('close', () => res.emit('close')); // node does it for responses of its own server
  refusals.set(req, res);
  let result: unknown;
  await exchange.run(() => {
    result = original(...args);
  });
  socket.off('error', onError);
  if (socket.listenerCount('error') === 0) socket.on('error', onError);
  return result;
}

/**
 * An application that answers an upgrade as if it were a plain request: http-proxy would relay that to the
 * socket unseen, so it is taken from it and goes the way of every response.
 */
function takeRefusal(proxyReq: ClientRequest, req: IncomingMessage): void {
  const res = refusals.get(req);
  const exchange = AdaptedExchange.of(req);
  if (res === undefined || exchange === undefined) return;
  proxyReq.once('upgrade', () => exchange.switched(101));
  const emit = proxyReq.emit.bind(proxyReq) as (event: string | symbol, ...args: unknown[]) => boolean;
  proxyReq.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event !== 'response') return emit(event, ...args);
    const proxyRes = args[0] as IncomingMessage;
    cutWithOrigin(proxyRes, req);
    const fields = endToEndFields(proxyRes.rawHeaders, []);
    res.statusCode = proxyRes.statusCode ?? 502;
    res.statusMessage = proxyRes.statusMessage ?? '';
    for (let i = 0; i < fields.length; i += 2) res.appendHeader(fields[i]!, fields[i + 1]!);
    proxyRes.pipe(res);
    return true;
  };
}

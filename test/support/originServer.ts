// Real origins on port 0: one that speaks HTTP properly (originServer), and one that hands the bare
// socket to the test, for everything that node:http would never send (rawOrigin).

import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';
import { type TestCa, testCa } from './testCa.ts';

/** Names in the certificate of a TLS origin unless the test says otherwise. */
export const ORIGIN_NAMES = ['localhost', 'origin.test', '*.origin.test', '127.0.0.1', '::1'];

export interface OriginOptions {
  /** True: TLS with a certificate of testCa() for ORIGIN_NAMES. Or node's own TLS options on top of that. */
  readonly tls?: boolean | tls.TlsOptions;
  /** Who signs the certificate; default testCa(). */
  readonly ca?: TestCa;
  /** Names in the certificate. */
  readonly names?: readonly string[];
  /** Address to bind, default 127.0.0.1. */
  readonly host?: string;
}

export interface Origin extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` or `https://localhost:port`, without a slash at the end. */
  readonly url: string;
  /** TCP connections accepted so far. */
  connections(): number;
  /** Ends the server and destroys its connections. */
  close(): Promise<void>;
}

export interface OriginServer extends Origin {
  /** Heads of all requests that came, in order. */
  readonly requests: http.IncomingMessage[];
}

/** A node:http or node:https server that answers with `handler`. */
export async function originServer(
  handler: http.RequestListener,
  options: OriginOptions = {},
): Promise<OriginServer> {
  const requests: http.IncomingMessage[] = [];
  const listener: http.RequestListener = (request, response) => {
    requests.push(request);
    handler(request, response);
  };
  const tlsOptions = await tlsOptionsOf(options);
  const server = tlsOptions === null ? http.createServer(listener) : https.createServer(tlsOptions, listener);
  return Object.assign(await listen(server, tlsOptions !== null, options.host), { requests });
}

/** A server that gives each accepted (and, with TLS, handshaken) socket to `handler`. */
export async function rawOrigin(
  handler: (socket: Socket) => void,
  options: OriginOptions = {},
): Promise<Origin> {
  const withErrors = (socket: Socket): void => {
    socket.on('error', () => {}); // the peer may reset; tests look at what they received
    handler(socket);
  };
  const tlsOptions = await tlsOptionsOf(options);
  const server =
    tlsOptions === null
      ? net.createServer({ allowHalfOpen: true }, withErrors)
      : tls.createServer(tlsOptions, withErrors);
  return listen(server, tlsOptions !== null, options.host);
}

async function tlsOptionsOf(options: OriginOptions): Promise<tls.TlsOptions | null> {
  if (options.tls === undefined || options.tls === false) return null;
  const own = options.tls === true ? {} : options.tls;
  if (own.cert !== undefined) return own;
  const ca = options.ca ?? (await testCa());
  const { key, cert } = await ca.issue(options.names ?? ORIGIN_NAMES);
  return { key, cert, ...own };
}

async function listen(server: Server, secure: boolean, host = '127.0.0.1'): Promise<Origin> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {}); // a client that refuses the certificate is the test's business
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return {
    port,
    url: secure ? `https://localhost:${port}` : `http://${net.isIPv6(host) ? `[${host}]` : host}:${port}`,
    connections: () => accepted,
    close,
    [Symbol.asyncDispose]: close,
  };
}

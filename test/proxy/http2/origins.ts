// Origins that speak HTTP/2, and clients of a Weir that speak one version or the other.

import http2 from 'node:http2';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';
import { connectThrough } from '../../support/rawClient.ts';
import { ORIGIN_NAMES } from '../../support/originServer.ts';
import { testCa } from '../../support/testCa.ts';
import type { TestWeir } from '../../support/weir.ts';

export type StreamHandler = (
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  raw: readonly string[],
) => void;

export interface Http2Origin extends AsyncDisposable {
  readonly port: number;
  readonly sessions: http2.ServerHttp2Session[];
  /** Streams by HTTP/2, and requests by HTTP/1. */
  readonly served: { http2: number; http1: number };
  /** Cuts all connections. */
  cut(): void;
}

/** Answers HTTP/2 with `handler`; HTTP/1, where it is allowed, with the text `http1`. */
export async function http2Origin(
  handler: StreamHandler,
  options: http2.SecureServerOptions = {},
): Promise<Http2Origin> {
  const { key, cert } = await (await testCa()).issue(ORIGIN_NAMES);
  const server = http2.createSecureServer({ key, cert, ...options });
  const sessions: http2.ServerHttp2Session[] = [];
  const sockets = new Set<Socket>();
  const served = { http2: 0, http1: 0 };
  server.on('session', (session) => sessions.push(session));
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  server.on('request', (request, response) => {
    if (request.httpVersionMajor === 2) return;
    served.http1++;
    response.end('http1');
  });
  server.removeAllListeners('stream'); // node's own, which would send trailers of its own
  server.on('stream', (stream, headers, _flags, raw?: string[]) => {
    served.http2++;
    stream.on('error', () => {});
    handler(stream, headers, raw ?? []);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    served,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Node's client of HTTP/2 in a tunnel to that port of www.origin.test. */
export async function http2Through(
  weir: TestWeir,
  port: number,
  settings: http2.Settings = {},
): Promise<http2.ClientHttp2Session> {
  const authority = `www.origin.test:${port}`;
  const socket = await connectThrough(weir.proxyPort, authority, { ca: weir.ca, alpn: ['h2', 'http/1.1'] });
  const session = http2.connect(`https://${authority}`, { createConnection: () => socket, settings });
  session.on('error', () => {});
  return session;
}

export interface Http1Got {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: Buffer;
  readonly trailers: Record<string, string | undefined>;
  readonly complete: boolean;
}

/** One request by HTTP/1.1 in a tunnel of its own. */
export async function http1Fetch(
  weir: TestWeir,
  port: number,
  path: string,
  options: https.RequestOptions = {},
  body: Buffer | null = null,
): Promise<Http1Got> {
  const authority = `www.origin.test:${port}`;
  const socket = await connectThrough(weir.proxyPort, authority, { ca: weir.ca, alpn: ['http/1.1'] });
  try {
    const request = https.request({
      ...{ createConnection: () => socket, host: 'www.origin.test', port, path },
      ...options,
    });
    request.end(body ?? undefined);
    const [response] = (await once(request, 'response').catch(() => [null])) as [IncomingMessage | null];
    if (response === null)
      return { status: 0, headers: {}, body: Buffer.alloc(0), trailers: {}, complete: false };
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('error', () => {});
    await new Promise((resolve) => response.once('close', resolve));
    const { statusCode: status = 0, headers, trailers, complete } = response;
    return { status, headers, body: Buffer.concat(chunks), trailers, complete };
  } finally {
    socket.destroy();
  }
}

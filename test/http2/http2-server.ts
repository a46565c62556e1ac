// A TLS listener whose connections are Http2ServerConnection, as a tunnel hands them over, and node's own
// client towards it.

import http2 from 'node:http2';
import net from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { TLSSocket, createSecureContext } from 'node:tls';
import { Body } from '../../src/http/body.ts';
import { DEFAULT_HEAD_LIMITS } from '../../src/http/message-reader.ts';
import type { Answer, ServerExchange } from '../../src/http/server-exchange.ts';
import type { Http2ConnectionOptions } from '../../src/http2/server-connection.ts';
import { Http2ServerConnection } from '../../src/http2/server-connection.ts';
import type { WeirError } from '../../src/errors.ts';
import { Deadlines } from '../../src/util/deadlines.ts';
import { testCa } from '../support/testCa.ts';

export interface Http2TestServer extends AsyncDisposable {
  readonly port: number;
  readonly connections: Http2ServerConnection[];
  /** Requests that could not be read. */
  readonly refused: WeirError[];
  /** Connections that were ended. */
  readonly troubles: WeirError[];
  /** Node's client, connected. */
  connect(settings?: http2.Settings): http2.ClientHttp2Session;
}

export function answerOf(body: Body | null, extra: Partial<Answer> = {}): Answer {
  const contentLength = body?.declaredLength ?? null;
  const headers = contentLength === null ? [] : ['Content-Length', String(contentLength)];
  return { status: 200, reason: 'OK', headers, body, contentLength, ...extra };
}

export async function http2Server(
  onRequest: (exchange: ServerExchange) => void,
  options: Partial<Http2ConnectionOptions> = {},
): Promise<Http2TestServer> {
  const { key, cert } = await (await testCa()).issue(['www.origin.test']);
  const secureContext = createSecureContext({ key, cert });
  const connections: Http2ServerConnection[] = [];
  const [refused, troubles]: WeirError[][] = [[], []];
  const sockets = new Set<Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const secure = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ['h2'] });
    secure.on('error', () => {});
    secure.once('secure', () => {
      const connection = new Http2ServerConnection(secure, {
        limits: DEFAULT_HEAD_LIMITS,
        headTimeoutMs: 10_000,
        idleTimeoutMs: 30_000,
        deadlines: new Deadlines(),
        maxStreams: 128,
        windowBytes: 64 * 1024,
        onRequest,
        onBadRequest: (error) => {
          refused!.push(error);
          const head = {
            version: '1.1',
            status: error.httpStatus,
            reason: '',
            headers: ['X-Code', error.code],
          };
          return { head, body: Body.of(Buffer.from(error.message)) };
        },
        onTrouble: (error) => void troubles!.push(error),
        ...options,
      });
      connections.push(connection);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sessions: http2.ClientHttp2Session[] = [];
  return {
    port,
    connections,
    refused: refused!,
    troubles: troubles!,
    connect(settings = {}) {
      const session = http2.connect(`https://127.0.0.1:${port}`, {
        rejectUnauthorized: false,
        servername: 'www.origin.test',
        settings,
      });
      session.on('error', () => {});
      sessions.push(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export interface Got {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly trailers: http2.IncomingHttpHeaders | null;
  readonly informed: { readonly status: number; readonly headers: http2.IncomingHttpHeaders }[];
  /** 0 where the stream ended by itself. */
  readonly rstCode: number;
  readonly ended: boolean;
}

/** One request to its end, however that comes. Without `body` it is complete at once. */
export function fetchH2(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body: Buffer | null = null,
): Promise<Got> {
  const stream = session.request(headers, { endStream: body === null });
  if (body !== null) stream.end(body);
  return received(stream);
}

export function received(stream: http2.ClientHttp2Stream): Promise<Got> {
  const chunks: Buffer[] = [];
  const informed: Got['informed'] = [];
  let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
  let trailers: http2.IncomingHttpHeaders | null = null;
  let ended = false;
  stream.on('headers', (fields) => informed.push({ status: Number(fields[':status']), headers: fields }));
  stream.on('response', (fields) => (head = fields));
  stream.on('trailers', (fields) => (trailers = fields));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => (ended = true));
  stream.on('error', () => {});
  return new Promise((resolve) => {
    stream.once('close', () => {
      const { rstCode = 0 } = stream;
      const status = Number(head[':status'] ?? 0);
      resolve({ status, headers: head, body: Buffer.concat(chunks), trailers, informed, rstCode, ended });
    });
  });
}

/** A promise that somebody else settles. */
export function deferred<T>(): { readonly promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

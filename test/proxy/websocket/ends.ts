// Both ends of WebSockets for tests: an origin that hands each connection to the test, and a client that comes
// through a Weir, in the clear or decrypted. Both are the ws package.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { WebSocket, WebSocketServer, type RawData, type ServerOptions } from 'ws';
import { ORIGIN_NAMES } from '../../support/originServer.ts';
import { connectThrough, openTunnel } from '../../support/rawClient.ts';
import { testCa } from '../../support/testCa.ts';
import type { TestWeir } from '../../support/weir.ts';

const LIMIT_MS = 20_000;

/** A message as it came. */
export interface Message {
  readonly data: Buffer;
  readonly binary: boolean;
}

/** One end of a connection, with everything that came. */
export interface End {
  readonly socket: WebSocket;
  readonly messages: Message[];
  /** Resolves with the messages once there are that many. */
  received(count: number): Promise<Message[]>;
  /** Resolves with code and reason at the end of the connection. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export function endOf(socket: WebSocket): End {
  const messages: Message[] = [];
  const wake = new Set<() => void>();
  socket.on('error', () => {}); // `close` follows
  socket.on('message', (data: RawData, binary) => {
    messages.push({ data: data as Buffer, binary });
    for (const look of wake) look();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  const received = (count: number): Promise<Message[]> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        wake.delete(look);
        reject(new Error(`${messages.length} of ${count} messages came`));
      }, LIMIT_MS);
      const look = (): void => {
        if (messages.length < count) return;
        clearTimeout(timer);
        wake.delete(look);
        resolve(messages);
      };
      wake.add(look);
      look();
    });
  return { socket, messages, received, closed };
}

export interface WebSocketOrigin extends AsyncDisposable {
  readonly port: number;
  /** Resolves with the next connection that nobody has asked for yet. */
  accepted(): Promise<{ readonly end: End; readonly request: http.IncomingMessage }>;
}

/** @param options  of ws */
export async function webSocketOrigin(
  secure: boolean,
  options: ServerOptions = {},
): Promise<WebSocketOrigin> {
  const server = secure
    ? https.createServer(await (await testCa()).issue(ORIGIN_NAMES))
    : http.createServer();
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const webSockets = new WebSocketServer({ server, perMessageDeflate: true, ...options });
  const waiting: { end: End; request: http.IncomingMessage }[] = [];
  webSockets.on('connection', (socket, request) => {
    waiting.push({ end: endOf(socket), request });
    webSockets.emit('waiting');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async accepted() {
      if (waiting.length === 0) await once(webSockets, 'waiting');
      return waiting.shift()!;
    },
    async [Symbol.asyncDispose]() {
      for (const client of webSockets.clients) client.terminate();
      webSockets.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Both ends of a new connection through a Weir. */
export interface Pair {
  readonly client: End;
  readonly origin: End;
  readonly request: http.IncomingMessage;
  /** Path of its URL, which no other has. */
  readonly path: string;
}

/** True: TLS behind CONNECT, decrypted; false: absolute form, in the clear; `tunnel`: CONNECT, in the clear. */
export type Way = boolean | 'tunnel';

let paths = 0;

/** @param options  of the client; ws's own where they are not given */
export async function connectPair(
  weir: TestWeir,
  origin: WebSocketOrigin,
  way: Way,
  options: WebSocket.ClientOptions & { protocols?: string[] } = {},
): Promise<Pair> {
  const path = `/chat-${paths++}`;
  const { protocols = [], ...rest } = options;
  const client = await clientTo(weir, `origin.test:${origin.port}`, path, way, protocols, rest);
  const accepted = await origin.accepted();
  return { client, origin: accepted.end, request: accepted.request, path };
}

async function clientTo(
  weir: TestWeir,
  authority: string,
  path: string,
  way: Way,
  protocols: string[],
  options: WebSocket.ClientOptions,
): Promise<End> {
  // In the clear a forward proxy is asked in absolute form; behind CONNECT the socket is the tunnel's.
  const socket =
    way !== false
      ? new WebSocket(`ws://${authority}${path}`, protocols, {
          ...options,
          createConnection: await tunnel(weir, authority, way),
        })
      : new WebSocket(`ws://127.0.0.1:${weir.proxyPort}`, protocols, {
          ...options,
          headers: { Host: authority, ...options.headers },
          finishRequest: (request) => {
            request.path = `http://${authority}${path}`;
            request.end();
          },
        });
  const end = endOf(socket);
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return end;
}

async function tunnel(weir: TestWeir, authority: string, way: Way): Promise<() => Socket> {
  const socket =
    way === 'tunnel'
      ? (await openTunnel(weir.proxyPort, authority)).socket
      : await connectThrough(weir.proxyPort, authority, { ca: weir.ca });
  return () => socket.resume(); // nothing comes before the handshake
}

// A client that sends exact bytes over TCP or TLS and collects exact bytes, for conformance tests.
// Every wait has a limit and fails with what had arrived until then.

import net, { type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';

const DEFAULT_WAIT_MS = 5000;
const FIRST_STORE = 4096; // bytes

/** What ends a wait: this text has arrived, the pattern matches, or the function says so. */
export type Until = string | RegExp | ((received: Buffer) => boolean);

export interface RawClient extends AsyncDisposable {
  readonly socket: Socket;
  /** All bytes received so far that `take` has not removed. */
  received(): Buffer;
  /** Sends these bytes; strings are latin-1. */
  send(...parts: (string | Buffer)[]): void;
  /** Half-closes: sends FIN, still receives. */
  end(): void;
  /** Resolves with all received bytes once `what` holds. Rejects when the peer closes first, or at the limit. */
  until(what: Until, timeoutMs?: number): Promise<Buffer>;
  /** Like `until`, and removes the returned bytes, so that the next wait sees only what follows. */
  take(what: Until, timeoutMs?: number): Promise<Buffer>;
  /** Resolves with all received bytes when the peer has closed or reset the connection. */
  closed(timeoutMs?: number): Promise<Buffer>;
  /** Error of the socket, or null. */
  error(): NodeJS.ErrnoException | null;
}

export interface RawClientOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Speak TLS: node's connection options (`ca`, `servername`, `ALPNProtocols`, …). */
  readonly tls?: tls.ConnectionOptions;
}

/** Connects (and handshakes) to a port. */
export async function rawClient(port: number, options: RawClientOptions = {}): Promise<RawClient> {
  const host = options.host ?? '127.0.0.1';
  const socket = options.tls
    ? tls.connect({ host, port, ...options.tls })
    : net.connect({ host, port, allowHalfOpen: true });
  await connected(socket, options.tls ? 'secureConnect' : 'connect');
  return rawClientOn(socket);
}

/** Sends bytes on a new connection and resolves with all that came back until the peer closed. */
export async function rawExchange(
  port: number,
  bytes: string | Buffer,
  options: RawClientOptions & { readonly timeoutMs?: number } = {},
): Promise<Buffer> {
  await using client = await rawClient(port, options);
  client.send(bytes);
  return await client.closed(options.timeoutMs); // awaited here, or the client would be disposed first
}

/** Wraps a connected socket, for instance one that connectThrough() returned. */
export function rawClientOn(socket: Socket): RawClient {
  let received: Buffer = Buffer.alloc(0);
  let store = Buffer.alloc(0); // `received` is a part of it; it doubles, so that megabytes are not copied per piece
  let error: NodeJS.ErrnoException | null = null;
  let closed = socket.destroyed || socket.readableEnded;
  const watchers = new Set<() => void>();
  const wake = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  socket.on('data', (chunk: Buffer) => {
    const start = received.byteOffset - store.byteOffset;
    const end = start + received.length;
    if (received.length > 0 && end + chunk.length <= store.length) {
      chunk.copy(store, end);
      received = store.subarray(start, end + chunk.length);
    } else {
      const length = received.length + chunk.length;
      store = Buffer.alloc(Math.max(FIRST_STORE, 2 * length));
      received.copy(store);
      chunk.copy(store, received.length);
      received = store.subarray(0, length);
    }
    wake();
  });
  socket.on('error', (cause) => {
    error = cause;
  });
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      closed = true;
      wake();
    });
  }

  const wait = (done: () => boolean, wanted: string, timeoutMs = DEFAULT_WAIT_MS): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const finish = (problem?: string): void => {
        watchers.delete(check);
        clearTimeout(timer);
        if (problem === undefined) return resolve(received);
        const shown = JSON.stringify(received.toString('latin1').slice(-2000));
        reject(new Error(`${problem} while waiting for ${wanted}; received: ${shown}`));
      };
      const check = (): void => {
        if (done()) finish();
        else if (closed) finish(error === null ? 'connection closed' : `connection failed (${error.code})`);
      };
      const timer = setTimeout(() => finish(`${timeoutMs} ms passed`), timeoutMs);
      watchers.add(check);
      check();
    });

  const client: RawClient = {
    socket,
    received: () => received,
    error: () => error,
    send(...parts) {
      for (const part of parts) socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
    },
    end: () => void socket.end(),
    until: (what, timeoutMs) => wait(() => holds(what, received), String(what), timeoutMs),
    async take(what, timeoutMs) {
      const bytes = await client.until(what, timeoutMs);
      received = received.subarray(bytes.length);
      return bytes;
    },
    closed: (timeoutMs) => wait(() => closed, 'the end of the connection', timeoutMs),
    async [Symbol.asyncDispose]() {
      if (!socket.closed) {
        const gone = new Promise((resolve) => socket.once('close', resolve));
        socket.destroy();
        await gone;
      }
    },
  };
  return client;
}

export interface ThroughOptions {
  /** PEM of the CA that must have signed what the proxy presents. */
  readonly ca: string | Buffer | readonly (string | Buffer)[];
  /** SNI; default the host of the target, null to send none. */
  readonly servername?: string | null;
  readonly alpn?: readonly string[];
  /** Further lines of the CONNECT request, each with CR LF. */
  readonly headers?: string;
  /** Further TLS options. */
  readonly tls?: tls.ConnectionOptions;
  readonly timeoutMs?: number;
}

/**
 * Opens a tunnel with CONNECT and handshakes inside it.
 * @param target `host:port`
 * @returns the TLS socket, verified against `ca`
 * @throws {Error} with the proxy's answer when that is not 2xx; node's TLS error when the handshake fails
 */
export async function connectThrough(
  proxyPort: number,
  target: string,
  options: ThroughOptions,
): Promise<TLSSocket> {
  const { socket, head } = await openTunnel(proxyPort, target, options.headers, options.timeoutMs);
  if (head.length > 0) socket.unshift(head);
  const host = target.slice(0, target.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  const servername = options.servername === undefined && net.isIP(host) === 0 ? host : options.servername;
  const secure = tls.connect({
    socket,
    host, // what the certificate must be for when there is no SNI
    ca: options.ca as string | Buffer | (string | Buffer)[],
    ...(typeof servername === 'string' ? { servername } : {}),
    ...(options.alpn ? { ALPNProtocols: [...options.alpn] } : {}),
    ...options.tls,
  });
  try {
    await connected(secure, 'secureConnect', options.timeoutMs);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return secure;
}

/** CONNECT alone: the tunnel's socket, and bytes that came right behind the proxy's answer. */
export async function openTunnel(
  proxyPort: number,
  target: string,
  headers = '',
  timeoutMs?: number,
): Promise<{ socket: Socket; head: Buffer; answer: string }> {
  const client = await rawClient(proxyPort);
  client.send(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${headers}\r\n`);
  const bytes = await client.until('\r\n\r\n', timeoutMs);
  const end = bytes.indexOf('\r\n\r\n') + 4;
  const answer = bytes.toString('latin1', 0, end);
  if (!/^HTTP\/1\.[01] 2\d\d /.test(answer)) {
    client.socket.destroy();
    throw new Error(`CONNECT ${target} was refused: ${answer.split('\r\n', 1)[0]}`);
  }
  client.socket.removeAllListeners('data');
  client.socket.pause();
  return { socket: client.socket, head: bytes.subarray(end), answer };
}

function holds(what: Until, received: Buffer): boolean {
  if (typeof what === 'string') return received.includes(what, 0, 'latin1');
  return what instanceof RegExp ? what.test(received.toString('latin1')) : what(received);
}

function connected(socket: Socket, event: string, timeoutMs = DEFAULT_WAIT_MS): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      clearTimeout(timer);
      socket.off(event, onConnected);
      socket.off('error', settle);
      socket.off('close', onClose);
      if (error === undefined) return resolve();
      socket.on('error', () => {}); // later errors of a socket that is given up
      socket.destroy();
      reject(error);
    };
    const onConnected = (): void => settle();
    const onClose = (): void => settle(new Error('connection closed before it was established'));
    const timer = setTimeout(() => settle(new Error(`not connected within ${timeoutMs} ms`)), timeoutMs);
    socket.once(event, onConnected);
    socket.once('error', settle);
    socket.once('close', onClose);
  });
}

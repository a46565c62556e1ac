// The server's end of ICAP connections, for servers that misbehave on purpose with bodies of any size: reads
// requests in bytes and as they come, and leaves every answer to a script. Shares no code with src.

import net, { type AddressInfo, type Socket } from 'node:net';

const MAX_LINE = 8192; // bytes of a chunk line that are looked through
const DEFAULT_OPTIONS = ['Preview: 1024', 'Allow: 204, 206'];

/** The client has closed the connection, or it broke. */
export class PeerGone extends Error {}

export interface PeerRequest {
  readonly method: 'OPTIONS' | 'REQMOD' | 'RESPMOD';
  /** Of the ICAP request line. */
  readonly uri: string;
  /** The ICAP header, without its blank line. */
  readonly head: string;
  /** The encapsulated header sections in order, each with its blank line. */
  readonly sections: readonly Buffer[];
  readonly hasBody: boolean;
  /** What was sent ahead; null without a preview. */
  readonly preview: Buffer | null;
  /** True when a part of the body has not been read: behind a preview it waits for 100. */
  readonly more: boolean;
  /** True when that part comes only after 100. */
  readonly waits: boolean;
}

/** One connection. */
export class IcapPeer {
  readonly socket: Socket;
  /** Counts from 1. */
  readonly number: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(socket: Socket, number: number) {
    this.socket = socket;
    this.number = number;
    socket.on('error', () => {}); // told by the next read
    socket.pause();
  }

  send(...parts: (string | Buffer)[]): void {
    for (const part of parts) {
      if (this.socket.writable)
        this.socket.write(typeof part === 'string' ? Buffer.from(part, 'latin1') : part);
    }
  }

  /** Like `send`, but resolves when the socket has room again. */
  async sendAll(...parts: (string | Buffer)[]): Promise<void> {
    this.send(...parts);
    if (this.socket.writableNeedDrain) await this.#event('drain');
    if (this.socket.destroyed) throw new PeerGone();
  }

  /**
   * The next request: its header, sections, and preview if it has one.
   * @throws {PeerGone}
   */
  async request(): Promise<PeerRequest> {
    const head = (await this.#until('\r\n\r\n')).toString('latin1').slice(0, -4);
    const [line] = head.split('\r\n', 1);
    const [method, uri] = line!.split(' ') as [PeerRequest['method'], string];
    const field = (name: string): string | null =>
      new RegExp(`^${name}: *(.*?) *$`, 'im').exec(head.slice(line!.length))?.[1] ?? null;
    const parts = [...(field('Encapsulated') ?? '').matchAll(/([a-z-]+)=(\d+)/g)];
    const offsets = parts.map((part) => Number(part[2]));
    const sections: Buffer[] = [];
    for (let at = 1; at < offsets.length; at++)
      sections.push(await this.#take(offsets[at]! - offsets[at - 1]!));
    const hasBody = parts.length > 0 && parts.at(-1)![1] !== 'null-body';
    const base = { method, uri, head, sections, hasBody };
    if (!hasBody || field('Preview') === null) return { ...base, preview: null, more: hasBody, waits: false };
    const pieces: Buffer[] = [];
    const extension = await this.#chunked((piece) => void pieces.push(piece));
    const more = !extension.includes('ieof');
    return { ...base, preview: Buffer.concat(pieces), more, waits: more };
  }

  /**
   * Reads the rest of the body to its last chunk, piece by piece.
   * @throws {PeerGone}
   */
  async rest(onData: (piece: Buffer) => void | Promise<void> = () => {}): Promise<void> {
    await this.#chunked(onData);
  }

  /** Resolves once at least one further byte of the client is there. @throws {PeerGone} */
  async anything(): Promise<void> {
    if (this.#length === 0) await this.#more();
  }

  /** @returns the extension of the last chunk */
  async #chunked(onData: (piece: Buffer) => void | Promise<void>): Promise<string> {
    for (;;) {
      const line = (await this.#until('\r\n', MAX_LINE)).toString('latin1').slice(0, -2);
      let left = parseInt(line, 16);
      if (!(left >= 0)) throw new Error(`not a chunk line: ${JSON.stringify(line.slice(0, 80))}`);
      if (left === 0) {
        let trailer = '';
        while (trailer !== '\r\n') trailer = (await this.#until('\r\n')).toString('latin1');
        return line.slice(line.indexOf(';') + 1);
      }
      while (left > 0) {
        if (this.#length === 0) await this.#more();
        const piece = this.#cut(Math.min(left, this.#chunks[0]!.length));
        left -= piece.length;
        await onData(piece);
      }
      await this.#take(2);
    }
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#length < length) await this.#more();
    return this.#cut(length);
  }

  /** Bytes up to the end of `mark`. */
  async #until(mark: string, limit = 1024 * 1024): Promise<Buffer> {
    for (;;) {
      if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
      const at = this.#chunks[0]?.indexOf(mark, 0, 'latin1') ?? -1;
      if (at >= 0) return this.#cut(at + mark.length);
      if (this.#length > limit) throw new Error(`no ${JSON.stringify(mark)} within ${limit} bytes`);
      await this.#more();
    }
  }

  #cut(length: number): Buffer {
    this.#length -= length;
    if (length === 0) return Buffer.alloc(0);
    const first = this.#chunks[0]!;
    if (first.length === length) return this.#chunks.shift()!;
    if (first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = all.length === length ? [] : [all.subarray(length)];
    return all.subarray(0, length);
  }

  async #more(): Promise<void> {
    for (;;) {
      const chunk = this.socket.read() as Buffer | null;
      if (chunk !== null) {
        this.#chunks.push(chunk);
        this.#length += chunk.length;
        return;
      }
      if (this.socket.destroyed || this.socket.readableEnded) throw new PeerGone();
      await this.#event('readable');
    }
  }

  #event(name: 'readable' | 'drain'): Promise<void> {
    return new Promise((resolve) => {
      const events = [name, 'end', 'close'];
      const done = (): void => {
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
      if (this.socket.destroyed) done();
    });
  }
}

export interface PeerServer extends AsyncDisposable {
  readonly port: number;
  /** `icap://127.0.0.1:port/scripted`. */
  readonly url: string;
  /** Connections that are open now. */
  open(): number;
  /** Connections accepted so far. */
  accepted(): number;
  /** Stops listening and destroys the connections; `listen` opens the same port again. */
  stop(): Promise<void>;
  listen(): Promise<void>;
}

export interface PeerServerOptions {
  /** Fields of the answer to OPTIONS besides Methods and ISTag. */
  readonly options?: readonly string[];
  /** Called at each answer to OPTIONS, and by scripts of their own accord. Default: always the same. */
  readonly istag?: () => string;
  /** Runs before anything of a connection is read. */
  readonly onConnection?: (socket: Socket) => void;
}

/**
 * Serves OPTIONS by itself and calls `script` for every other request. A script that returns has answered
 * and the connection goes on; one that throws ends the connection.
 */
export async function startPeerServer(
  script: (peer: IcapPeer, request: PeerRequest) => Promise<void> | void,
  { options = DEFAULT_OPTIONS, istag = () => 't1', onConnection }: PeerServerOptions = {},
): Promise<PeerServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let port = 0;
  const serve = async (peer: IcapPeer): Promise<void> => {
    for (;;) {
      const request = await peer.request();
      if (request.method !== 'OPTIONS') await script(peer, request);
      else {
        const fields = ['Methods: REQMOD, RESPMOD', `ISTag: "${istag()}"`, ...options];
        peer.send(`ICAP/1.0 200 OK\r\n${fields.join('\r\n')}\r\nEncapsulated: null-body=0\r\n\r\n`);
      }
    }
  };
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.setNoDelay(true);
    const peer = new IcapPeer(socket, ++accepted);
    onConnection?.(socket);
    serve(peer).catch(() => socket.destroy());
  });
  const listen = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  const stop = async (): Promise<void> => {
    const closed = server.listening ? new Promise((resolve) => server.close(resolve)) : null;
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await listen();
  return {
    port,
    url: `icap://127.0.0.1:${port}/scripted`,
    open: () => sockets.size,
    accepted: () => accepted,
    stop,
    listen,
    [Symbol.asyncDispose]: stop,
  };
}

/** Resolves after so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

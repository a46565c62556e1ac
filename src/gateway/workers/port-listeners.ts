// The listening sockets of the gateway while worker processes serve: the supervisor accepts, reads
// nothing, and hands each connection on. They outlive workers and configurations, so that the port never
// closes. What an accepted connection is worth, the worker decides. G-12, decision 0009.

import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { ConfigError } from '../../errors.ts';

export interface ListenerAddress {
  readonly host: string;
  readonly port: number;
}

/** A new set of listening sockets that replaces the old one with `use()`, or goes away with `discard()`. */
export interface PreparedListeners {
  use(): void;
  discard(): void;
}

const KEEP_QUIET = (): void => {};

export class PortListeners {
  #servers = new Map<string, Server>();
  #positions = new Map<Server, number>();
  /** Accepted by listeners of a configuration that no worker has yet. */
  #early: { server: Server; socket: Socket }[] = [];
  readonly #onConnection: (socket: Socket, listener: number) => void;

  /** @param onConnection is given the position of the listener in the configuration */
  constructor(onConnection: (socket: Socket, listener: number) => void) {
    this.#onConnection = onConnection;
  }

  /** Bound addresses, in the order of the configuration. */
  get addresses(): AddressInfo[] {
    return [...this.#servers.values()].map((server) => server.address() as AddressInfo);
  }

  /**
   * Opens those listeners that are not open yet; their connections wait for `use()`.
   * @throws {ConfigError} `ERR_LISTEN`; nothing has changed then
   */
  async prepare(wanted: readonly ListenerAddress[]): Promise<PreparedListeners> {
    const next = new Map<string, Server>();
    const opened: Server[] = [];
    const discard = (): void => {
      for (const server of opened) server.close();
      this.#early = this.#early.filter(({ server, socket }) => {
        if (!opened.includes(server)) return true;
        socket.destroy();
        return false;
      });
    };
    try {
      for (const [index, { host, port }] of wanted.entries()) {
        const key = port === 0 ? `${host} 0 ${index}` : `${host} ${port}`;
        let server = this.#servers.get(key);
        if (server === undefined) {
          server = await this.#open(port, host);
          opened.push(server);
        }
        next.set(key, server);
      }
    } catch (error) {
      discard();
      throw error;
    }
    return { use: () => this.#use(next), discard };
  }

  /** Stops accepting. Connections that were handed on are not touched. */
  close(): void {
    this.#use(new Map());
    for (const { socket } of this.#early) socket.destroy();
    this.#early = [];
  }

  #use(next: Map<string, Server>): void {
    const kept = new Set(next.values());
    for (const server of this.#servers.values()) if (!kept.has(server)) server.close();
    this.#servers = next;
    this.#positions = new Map([...kept].map((server, position) => [server, position]));
    const waited = this.#early;
    this.#early = [];
    for (const { server, socket } of waited) this.#accept(server, socket);
  }

  #accept(server: Server, socket: Socket): void {
    if (!server.listening) return void socket.destroy();
    const position = this.#positions.get(server);
    if (position === undefined) this.#early.push({ server, socket });
    else this.#onConnection(socket, position);
  }

  #open(port: number, host: string): Promise<Server> {
    // noDelay is a property of the descriptor: it holds in the worker, too.
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay: true };
    const server: Server = createServer(options, (socket) => {
      // When all of this turn's events are through, our own client knows of its connections as well.
      setImmediate(() => this.#accept(server, socket));
    });
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        const fields = { host, port, errno: error.code };
        const message = `gateway cannot listen on ${host}:${port}: ${error.message}`;
        reject(new ConfigError('ERR_LISTEN', message, fields, error));
      });
      server.listen(port, host, () => {
        server.removeAllListeners('error');
        server.on('error', KEEP_QUIET); // accept() that failed, e.g. for want of descriptors: the next may succeed
        resolve(server);
      });
    });
  }
}

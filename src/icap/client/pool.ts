// Persistent connections to one ICAP server, most recently used first, never more than the limit; who
// finds none free waits in line. K-09, K-20.

import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { IcapError, messageOf } from '../../errors.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import { Deadlines } from '../../util/deadlines.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import { SlabReader } from '../../util/slab-reader.ts';
import { IcapClientConnection } from './connection.ts';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly connectTimeoutMs: number;
  /** Longest wait in line for a connection. */
  readonly timeoutMs: number;
  /** PEM files' contents that vouch for an `icaps` server, beside the system's. */
  readonly ca?: readonly string[];
}

const DEFAULT_MAX_CONNECTIONS = 256;
const IDLE_MS = 30_000; // shorter than servers keep idle connections, so that reuse rarely meets a close

interface Waiter extends HasDeadline {
  resolve(connection: IcapClientConnection): void;
  reject(error: Error): void;
}

export class IcapConnectionPool {
  /** Connections open at once; lowered to the server's Max-Connections when that is known. */
  maxConnections = DEFAULT_MAX_CONNECTIONS;
  readonly deadlines = new Deadlines();
  readonly #options: PoolOptions;
  readonly #idle: IcapClientConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #open = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** An idle connection, or null where one has to be opened or waited for. */
  takeIdle(): IcapClientConnection | null {
    let connection = this.#idle.pop();
    while (connection !== undefined && !connection.usable) connection = this.#idle.pop();
    return connection ?? null;
  }

  /**
   * A connection, opened if need be. `fresh`: never one that carried an exchange.
   * @throws {IcapError} `ERR_ADAPT_UNAVAILABLE`, `ERR_ADAPT_TIMEOUT`; the reason of `cancellation`
   */
  acquire(fresh = false, cancellation: Cancellation | null = null): Promise<IcapClientConnection> {
    const idle = fresh ? null : this.takeIdle();
    if (idle !== null) return Promise.resolve(idle);
    if (fresh && this.#open >= this.maxConnections) this.#idle.shift()?.destroy();
    if (this.#open < this.maxConnections) return this.#openConnection();
    return this.#wait(cancellation);
  }

  #wait(cancellation: Cancellation | null): Promise<IcapClientConnection> {
    return new Promise((resolve, reject) => {
      let stopWatching: () => void = () => {};
      const leave = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        this.deadlines.delete(waiter);
        stopWatching();
      };
      const waiter: Waiter = {
        deadlineAt: performance.now() + this.#options.timeoutMs,
        onDeadline: () => waiter.reject(allBusy(this.maxConnections)),
        resolve: (connection) => {
          leave();
          resolve(connection);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      this.#waiting.push(waiter);
      this.deadlines.add(waiter);
      if (cancellation !== null) stopWatching = cancellation.onCancel(waiter.reject);
    });
  }

  /** Gives a connection back for reuse. */
  release(connection: IcapClientConnection): void {
    connection.release();
    if (this.#closed || !connection.usable) return connection.destroy();
    const next = this.#waiting.shift();
    if (next !== undefined) return next.resolve(connection);
    connection.deadlineAt = performance.now() + IDLE_MS;
    this.#idle.push(connection);
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
    for (const waiter of this.#waiting.splice(0)) {
      waiter.reject(new IcapError('ERR_ADAPT_UNAVAILABLE', 'shutting down'));
    }
  }

  #openConnection(): Promise<IcapClientConnection> {
    this.#open++;
    const { host, port, secure, connectTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const reader = new SlabReader();
      const endpoint = { host, port, onread: reader.onread };
      const socket: Socket = secure
        ? connectTls({
            ...endpoint,
            servername: isIP(host) === 0 ? host : '', // an address is no server name (RFC 6066 §3)
            ...(this.#options.ca ? { ca: [...this.#options.ca] } : {}),
          })
        : connect(endpoint);
      const timer = setTimeout(() => {
        socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
      }, connectTimeoutMs);
      const failed = (error?: Error): void => {
        clearTimeout(timer);
        this.#open--;
        const text = `cannot connect to ${host}:${port}: ${messageOf(error ?? 'closed')}`;
        reject(new IcapError('ERR_ADAPT_UNAVAILABLE', text, { host, port }, error));
        this.#serveNext();
      };
      socket.once('error', failed);
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.setNoDelay(true);
        socket.removeListener('error', failed);
        const connection = new IcapClientConnection(socket, reader, (gone) => this.#onGone(gone));
        this.deadlines.add(connection);
        resolve(connection);
      });
    });
  }

  #onGone(connection: IcapClientConnection): void {
    this.deadlines.delete(connection);
    this.#open--;
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#serveNext();
  }

  /** A place became free: the first in line gets a connection of its own. */
  #serveNext(): void {
    if (this.#open >= this.maxConnections) return;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#openConnection().then(next.resolve, next.reject);
  }
}

function allBusy(limit: number): IcapError {
  return new IcapError('ERR_ADAPT_TIMEOUT', `no connection became free in time: all ${limit} are busy`);
}

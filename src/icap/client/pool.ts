// Persistent connections to one ICAP server, most recently used first, never more than the limit; who
// finds none free waits in line. K-09, K-20.

import { IcapError } from '../../errors.ts';
import type { Cancellation } from '../../util/cancellation.ts';
import { Deadlines } from '../../util/deadlines.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import { SlabReader } from '../../util/slab-reader.ts';
import { IcapClientConnection } from './connection.ts';
import type { IcapEndpoint } from './connector.ts';
import { IcapConnector } from './connector.ts';
import { noteOwnConnection } from '../own-connections.ts';

export interface PoolOptions extends IcapEndpoint {
  readonly connectTimeoutMs: number;
  /** Longest wait in line for a connection. */
  readonly timeoutMs: number;
  /** Connections open at once; null: the server's Max-Connections decides. */
  readonly maxConnections?: number | null;
  /** Takes no answer whose offsets and header sections disagree (K-36). Default false. */
  readonly strict?: boolean;
}

export interface PoolCounts {
  readonly open: number;
  readonly idle: number;
  /** Messages that wait for a connection. */
  readonly waiting: number;
  readonly max: number;
}

const DEFAULT_MAX_CONNECTIONS = 256;
const IDLE_MS = 30_000; // shorter than servers keep idle connections, so that reuse rarely meets a close

interface Waiter extends HasDeadline {
  resolve(connection: IcapClientConnection): void;
  reject(error: Error): void;
}

export class IcapConnectionPool {
  /** Connections open at once; lowered to the server's Max-Connections when that is known. */
  maxConnections: number;
  readonly deadlines = new Deadlines();
  readonly #options: PoolOptions;
  readonly #connector: IcapConnector;
  readonly #idle: IcapClientConnection[] = [];
  readonly #waiting: Waiter[] = [];
  #open = 0;
  #closed = false;

  /** @throws {IcapError} `ERR_ADAPT_TLS`: certificate, key or CA cannot be used */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#connector = new IcapConnector(options);
    this.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  }

  counts(): PoolCounts {
    const max = this.maxConnections;
    return { open: this.#open, idle: this.#idle.length, waiting: this.#waiting.length, max };
  }

  /** An idle connection, or null where one has to be opened or waited for. */
  takeIdle(): IcapClientConnection | null {
    let connection = this.#idle.pop();
    while (connection !== undefined && !connection.usable) connection = this.#idle.pop();
    return connection ?? null;
  }

  /**
   * A connection, opened if need be. `fresh`: never one that carried an exchange. `waits`: stands in line, first
   * come first served, when all are busy.
   * @throws {IcapError} `ERR_ADAPT_UNAVAILABLE`, `ERR_ADAPT_TLS`, `ERR_ADAPT_BUSY`; the reason of `cancellation`
   */
  acquire(
    fresh = false,
    cancellation: Cancellation | null = null,
    waits = true,
  ): Promise<IcapClientConnection> {
    const idle = fresh ? null : this.takeIdle();
    if (idle !== null) return Promise.resolve(idle);
    if (fresh && this.#open >= this.maxConnections) this.#idle.shift()?.destroy();
    if (this.#open < this.maxConnections) return this.#openConnection();
    if (!waits) return Promise.reject(allBusy(this.maxConnections));
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
    if (!connection.usable) return connection.destroy();
    const next = this.#waiting.shift();
    if (next !== undefined) return next.resolve(connection);
    if (this.#closed) return connection.destroy();
    connection.deadlineAt = performance.now() + IDLE_MS;
    this.#idle.push(connection);
  }

  /** Keeps no connection any more: idle ones are closed now, others when they are given back. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  #openConnection(): Promise<IcapClientConnection> {
    this.#open++;
    const { connectTimeoutMs, strict } = this.#options;
    const connector = this.#connector;
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const reader = new SlabReader();
      const socket = connector.open(reader.onread);
      const timer = setTimeout(() => {
        socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
      }, connectTimeoutMs);
      const failed = (error?: Error): void => {
        clearTimeout(timer);
        this.#open--;
        reject(connector.failure(error));
        this.#serveNext();
      };
      socket.once('error', failed);
      socket.once('connect', () => noteOwnConnection(socket)); // before the handshake, where there is one
      socket.once(connector.readyEvent, () => {
        clearTimeout(timer);
        socket.setNoDelay(true);
        socket.removeListener('error', failed);
        const connection = new IcapClientConnection(socket, reader, (gone) => this.#onGone(gone), strict);
        connection.openedMs = performance.now() - startedAt;
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
  return new IcapError('ERR_ADAPT_BUSY', `all ${limit} connections to the ICAP server are busy`);
}

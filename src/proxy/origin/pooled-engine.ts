// What both origin engines share: pools of HTTP/1.1 connections, one pool an origin, used by all clients.
// Repeats a request once when a reused connection turns out to be closed and nothing can have been
// processed twice. What is written and read on a connection is the connection's own affair.
// RFC 9110 §9.2.2, RFC 9112 §9.3.1.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { HttpError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { OriginNote, OriginWay } from '../../trace/notes.ts';
import { Deadlines } from '../../util/deadlines.ts';
import type { HasDeadline } from '../../util/deadlines.ts';
import type { SlabReader } from '../../util/slab-reader.ts';
import type { OriginConnector } from './connector.ts';
import type { OriginEngine, OriginRequest, OriginResponse, OriginTarget } from './engine.ts';

const MAX_PER_ORIGIN = 256;
const IDLE_MS = 60_000;
/** Requests that may not be repeated use only connections that the origin has surely not given up. */
const FRESH_MS = 3_000;
const REPLAYABLE = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'QUERY',
  'PROPFIND',
  'REPORT',
  'SEARCH',
]);
const SMALL_REPLAY = 16 * 1024; // bytes of a body that is copied so that it can be sent again

export interface PooledEngineOptions {
  readonly connector: OriginConnector;
  /** From the request sent to the head of the response. */
  readonly responseTimeoutMs: number;
}

/** One connection to an origin: one exchange at a time. */
export interface OriginConnection extends HasDeadline {
  /** When it became idle, on the clock of `performance.now()`. */
  idleSince: number;
  /** Milliseconds that the origin keeps an idle connection, from Keep-Alive; null where it did not say. */
  readonly keepAliveMs: number | null;
  /** Requests that were given to it. */
  readonly exchanges: number;
  /** Response bytes have arrived since the request was sent. */
  readonly answered: boolean;
  readonly usable: boolean;
  /** @throws {HttpError} as `OriginEngine.send`; the connection is destroyed then */
  send(request: OriginRequest): Promise<OriginResponse>;
  destroy(): void;
}

/** What a connection tells its pool. */
export interface ConnectionEvents {
  /** The exchange is over and another may follow. */
  onIdle(connection: OriginConnection): void;
  /** It is closed, or has left HTTP behind. Called once. */
  onClosed(connection: OriginConnection): void;
}

interface Pool {
  readonly idle: OriginConnection[];
  readonly waiting: (() => void)[];
  open: number;
}

export abstract class PooledEngine implements OriginEngine {
  abstract readonly name: string;
  readonly #options: PooledEngineOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #deadlines = new Deadlines();
  readonly #ways = new WeakMap<OriginConnection, OriginWay>();
  #closed = false;

  constructor(options: PooledEngineOptions) {
    this.#options = options;
  }

  /** How new connections are read; null for sockets that emit `data`. */
  protected makeReader(): SlabReader | null {
    return null;
  }

  protected abstract wrap(
    socket: Socket,
    reader: SlabReader | null,
    target: OriginTarget,
    responseTimeoutMs: number,
    events: ConnectionEvents,
  ): OriginConnection;

  async send(request: OriginRequest): Promise<OriginResponse> {
    const { method } = request.head;
    const repeatable = REPLAYABLE.has(method) && request.upgrade === null;
    const copy = repeatable ? smallCopy(request.body) : null;
    const replayable = repeatable && (request.body === null || copy !== null);
    for (let again = false; ; again = true) {
      let connection: OriginConnection | null = null;
      let reused = false;
      try {
        connection = await this.#acquire(
          request.target,
          again,
          request.upgrade !== null,
          replayable ? IDLE_MS : FRESH_MS,
        );
        reused = connection.exchanges > 0;
        if (request.note != null) this.#noteConnection(request.note, connection, reused);
        const response = await connection.send(
          again && copy !== null ? { ...request, body: copy() } : request,
        );
        if (request.note != null) noteAnswer(request.note, response.head.status);
        return response;
      } catch (error) {
        const dead = reused && !connection!.answered && (error as HttpError).code === 'ERR_ORIGIN_CLOSED';
        if (!again && dead && replayable && request.cancellation.reason === null) continue;
        request.body?.cancel(error as Error);
        if (request.note != null) request.note.error = error as HttpError;
        throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) for (const connection of pool.idle) connection.destroy();
  }

  /** `plain`: the socket may leave HTTP behind, so it must be new and emit `data`. */
  async #acquire(
    target: OriginTarget,
    fresh: boolean,
    plain: boolean,
    maxIdleMs: number,
  ): Promise<OriginConnection> {
    const key = `${target.secure ? 's' : 'p'} ${target.host} ${target.port} ${target.serverName}`;
    for (;;) {
      const pool = this.#poolOf(key);
      const idle = fresh || plain ? null : takeIdle(pool, maxIdleMs);
      if (idle !== null) {
        idle.deadlineAt = Infinity;
        return idle;
      }
      if (pool.open < MAX_PER_ORIGIN) return this.#open(key, pool, target, plain);
      if (pool.idle.length > 0) pool.idle.shift()!.destroy();
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
  }

  #poolOf(key: string): Pool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { idle: [], waiting: [], open: 0 };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  async #open(key: string, pool: Pool, target: OriginTarget, plain: boolean): Promise<OriginConnection> {
    pool.open++;
    const gone = (): void => {
      pool.open--;
      const next = pool.waiting.shift();
      // Whoever waits looks the pool up again, so an empty one need not stay.
      if (pool.open === 0 && pool.waiting.length === 0) this.#pools.delete(key);
      next?.();
    };
    try {
      const reader = plain ? null : this.makeReader();
      const askedAt = performance.now();
      const socket = await this.#options.connector.connect(target, reader);
      const connectMs = performance.now() - askedAt;
      const connection = this.wrap(socket, reader, target, this.#options.responseTimeoutMs, {
        onIdle: (idle) => this.#onIdle(pool, idle),
        onClosed: (closed) => {
          this.#deadlines.delete(closed);
          const at = pool.idle.indexOf(closed);
          if (at >= 0) pool.idle.splice(at, 1);
          gone();
        },
      });
      this.#deadlines.add(connection);
      this.#ways.set(connection, { ...wayOf(socket, target), connectMs });
      return connection;
    } catch (error) {
      gone();
      throw error;
    }
  }

  #noteConnection(note: OriginNote, connection: OriginConnection, reused: boolean): void {
    note.connectedAt = performance.now();
    note.way = this.#ways.get(connection) ?? null;
    note.reused = reused;
  }

  #onIdle(pool: Pool, connection: OriginConnection): void {
    const keep = Math.min(IDLE_MS, connection.keepAliveMs === null ? IDLE_MS : connection.keepAliveMs - 1000);
    if (this.#closed || keep <= 0) return connection.destroy();
    const now = performance.now();
    connection.idleSince = now;
    connection.deadlineAt = now + keep;
    pool.idle.push(connection);
    pool.waiting.shift()?.();
  }
}

function noteAnswer(note: OriginNote, status: number): void {
  note.answeredAt = performance.now();
  note.status = status;
}

function wayOf(socket: Socket, { secure }: OriginTarget): { address: string | null; tls: string | null } {
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? null;
  return { address, tls: secure ? (socket as TLSSocket).getProtocol() : null };
}

function takeIdle(pool: Pool, maxIdleMs: number): OriginConnection | null {
  for (let connection = pool.idle.pop(); connection !== undefined; connection = pool.idle.pop()) {
    if (!connection.usable) continue;
    if (performance.now() - connection.idleSince <= maxIdleMs) return connection;
    connection.destroy();
  }
  return null;
}

/** Makes copies of a small body that is already here; null where it is larger or still arriving. */
function smallCopy(body: Body | null): (() => Body) | null {
  if (body === null || !body.ended || body.error !== null || body.queuedBytes > SMALL_REPLAY) return null;
  const chunks = body.take(body.queuedBytes);
  body.unshift(chunks);
  const { trailers } = body;
  return () => {
    const copy = new Body();
    for (const chunk of chunks) copy.push(chunk);
    copy.end(trailers);
    return copy;
  };
}

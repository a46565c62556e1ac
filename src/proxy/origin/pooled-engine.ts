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
import type { OriginConnector, OriginLink } from './connector.ts';
import type { OriginCounts, OriginEngine, OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { closedEarly } from './origin-errors.ts';
import { parentDemandsLogin } from './parent-errors.ts';
import { headForParent } from './parent-http.ts';
import type { Parent } from './parents.ts';

const MAX_PER_ORIGIN = 256;
const IDLE_MS = 60_000;
/** Requests that may not be repeated use only connections that the origin has surely not given up. */
const FRESH_MS = 3_000;
/** Methods that may be sent twice. */
export const REPLAYABLE: ReadonlySet<string> = new Set([
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
  /** The client connection whose login it bears (login-scheme.ts): nobody else gets it. */
  readonly boundTo: Socket | null;
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
  /** Idle ones that bear the login of one client, by its connection. */
  readonly bound: Map<Socket, OriginConnection>;
  readonly waiting: (() => void)[];
  open: number;
}

export abstract class PooledEngine implements OriginEngine {
  abstract readonly name: string;
  readonly #options: PooledEngineOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #deadlines = new Deadlines();
  readonly #ways = new WeakMap<OriginConnection, OriginWay>();
  /** Of connections through a parent proxy. */
  readonly #links = new WeakMap<OriginConnection, ParentLink>();
  /** What is called when the client of a bound connection leaves. */
  readonly #leaving = new WeakMap<OriginConnection, () => void>();
  readonly #requests = { new: 0, reused: 0 };
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
          request.loginScope ?? null,
        );
        reused = connection.exchanges > 0;
        this.#requests[reused ? 'reused' : 'new']++;
        if (request.note != null) this.#noteConnection(request.note, connection, reused);
        const outgoing = again && copy !== null ? { ...request, body: copy() } : request;
        const link = this.#links.get(connection);
        const response =
          link === undefined
            ? await connection.send(outgoing)
            : await sendThrough(link, connection, outgoing);
        if (request.note != null) noteAnswer(request.note, response.head.status);
        return response;
      } catch (error) {
        const dead = reused && !connection!.answered && (error as HttpError).code === 'ERR_ORIGIN_CLOSED';
        if (!again && dead && replayable && request.cancellation.reason === null) continue;
        request.body?.cancel(error as Error);
        request.note?.fails(error as HttpError);
        throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const { idle, bound } of this.#pools.values()) {
      for (const connection of [...idle, ...bound.values()]) connection.destroy();
    }
  }

  counts(): OriginCounts {
    let [open, idle, waiting] = [0, 0, 0];
    for (const pool of this.#pools.values()) {
      open += pool.open;
      idle += pool.idle.length + pool.bound.size;
      waiting += pool.waiting.length;
    }
    return { origins: this.#pools.size, open, idle, waiting, requests: { ...this.#requests } };
  }

  /** `plain`: the socket may leave HTTP behind, so it must be new and emit `data`. */
  async #acquire(
    target: OriginTarget,
    fresh: boolean,
    plain: boolean,
    maxIdleMs: number,
    loginScope: Socket | null,
  ): Promise<OriginConnection> {
    const key = originKey(target);
    for (;;) {
      const pool = this.#poolOf(key);
      const idle = fresh || plain ? null : (takeBound(pool, loginScope) ?? takeIdle(pool, maxIdleMs));
      if (idle !== null) {
        idle.deadlineAt = Infinity;
        return idle;
      }
      if (pool.open < MAX_PER_ORIGIN) return this.#open(key, pool, target, plain);
      const spare = pool.idle.shift() ?? pool.bound.values().next().value;
      spare?.destroy();
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
  }

  #poolOf(key: string): Pool {
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { idle: [], bound: new Map(), waiting: [], open: 0 };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  async #open(key: string, pool: Pool, target: OriginTarget, plain: boolean): Promise<OriginConnection> {
    pool.open++;
    try {
      const reader = plain ? null : this.makeReader();
      const askedAt = performance.now();
      const link = await this.#options.connector.open(target, { reader, forwardable: !plain });
      const { socket } = link;
      const connectMs = performance.now() - askedAt;
      if (socket.destroyed) throw closedEarly(target);
      return this.#wrapped(key, pool, target, link, reader, connectMs);
    } catch (error) {
      this.#gone(key, pool);
      throw error;
    }
  }

  #gone(key: string, pool: Pool): void {
    pool.open--;
    const next = pool.waiting.shift();
    // Whoever waits looks the pool up again, so an empty one need not stay.
    if (pool.open === 0 && pool.waiting.length === 0) this.#pools.delete(key);
    next?.();
  }

  #wrapped(
    key: string,
    pool: Pool,
    target: OriginTarget,
    link: OriginLink,
    reader: SlabReader | null,
    connectMs: number,
  ): OriginConnection {
    const connection = this.wrap(link.socket, reader, target, this.#options.responseTimeoutMs, {
      onIdle: (idle) => this.#onIdle(pool, idle),
      onClosed: (closed) => {
        this.#deadlines.delete(closed);
        const at = pool.idle.indexOf(closed);
        if (at >= 0) pool.idle.splice(at, 1);
        if (closed.boundTo !== null) this.#unbind(pool, closed, closed.boundTo);
        this.#gone(key, pool);
      },
    });
    this.#deadlines.add(connection);
    this.#ways.set(connection, { ...wayOf(link, target), connectMs });
    if (hasParent(link)) this.#links.set(connection, link);
    return connection;
  }

  /** Takes in a connection that somebody else has opened, for the next request there. It emits `data`. */
  adopt(target: OriginTarget, link: OriginLink, connectMs: number): void {
    const key = originKey(target);
    const pool = this.#poolOf(key);
    pool.open++;
    this.#onIdle(pool, this.#wrapped(key, pool, target, link, null, connectMs));
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
    const { boundTo } = connection;
    if (boundTo === null) pool.idle.push(connection);
    else if (boundTo.destroyed || pool.bound.has(boundTo)) return connection.destroy();
    else this.#bind(pool, connection, boundTo);
    pool.waiting.shift()?.();
  }

  /** Keeps a connection for the one client that has logged in on it, and no longer than that client. */
  #bind(pool: Pool, connection: OriginConnection, client: Socket): void {
    pool.bound.set(client, connection);
    if (this.#leaving.has(connection)) return;
    const destroy = (): void => connection.destroy();
    this.#leaving.set(connection, destroy);
    client.once('close', destroy);
  }

  #unbind(pool: Pool, connection: OriginConnection, client: Socket): void {
    if (pool.bound.get(client) === connection) pool.bound.delete(client);
    const destroy = this.#leaving.get(connection);
    if (destroy !== undefined) client.off('close', destroy);
  }
}

function noteAnswer(note: OriginNote, status: number): void {
  note.answeredAt = performance.now();
  note.status = status;
}

export function wayOf(
  { socket, parent }: OriginLink,
  { secure }: OriginTarget,
): Omit<OriginWay, 'connectMs'> {
  const address = parent === null ? (socket.remoteAddress?.replace(/^::ffff:/, '') ?? null) : null;
  const tls = secure ? (socket as TLSSocket).getProtocol() : null;
  return { address, tls, protocol: 'HTTP/1.1', ...(parent === null ? {} : { parent: parent.label }) };
}

type ParentLink = OriginLink & { readonly parent: Parent };

function hasParent(link: OriginLink): link is ParentLink {
  return link.parent !== null;
}

/** An exchange through a parent: its own address is not the origin's, and a log-in that it wants is ours. */
async function sendThrough(
  { parent, forwards }: ParentLink,
  connection: OriginConnection,
  request: OriginRequest,
): Promise<OriginResponse> {
  const { target } = request;
  const head = forwards ? headForParent(request.head, target, parent) : request.head;
  const response = await connection.send({ ...request, head });
  if (forwards && response.head.status === 407) {
    const error = parentDemandsLogin(parent, target);
    response.body?.cancel(error);
    throw error;
  }
  return { ...response, serverIp: null };
}

/** The connection that this client has logged in on. */
function takeBound(pool: Pool, loginScope: Socket | null): OriginConnection | null {
  const connection = loginScope === null ? undefined : pool.bound.get(loginScope);
  if (connection === undefined) return null;
  pool.bound.delete(loginScope!);
  return connection.usable ? connection : null;
}

function takeIdle(pool: Pool, maxIdleMs: number): OriginConnection | null {
  for (let connection = pool.idle.pop(); connection !== undefined; connection = pool.idle.pop()) {
    if (!connection.usable) continue;
    if (performance.now() - connection.idleSince <= maxIdleMs) return connection;
    connection.destroy();
  }
  return null;
}

/** Connections to targets of the same key serve each other's requests. */
export function originKey({
  secure,
  host,
  port,
  serverName,
  acceptedCertificate = '',
}: OriginTarget): string {
  return `${secure ? 's' : 'p'} ${host} ${port} ${serverName} ${acceptedCertificate}`;
}

/** Makes copies of a small body that is already here; null where it is larger or still arriving. */
export function smallCopy(body: Body | null): (() => Body) | null {
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

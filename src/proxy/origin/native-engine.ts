// The default origin engine: pools of our own HTTP/1.1 connections, one pool an origin, shared by all
// clients. Repeats a request once when a reused connection turns out to be closed and nothing can have
// been processed twice. RFC 9110 §9.2.2, RFC 9112 §9.3.1.

import { HttpError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import { fieldValue } from '../../icap/codec/fields.ts';
import { Deadlines } from '../../util/deadlines.ts';
import type { OriginConnector } from './connector.ts';
import type { OriginEngine, OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { NativeConnection } from './native-connection.ts';

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

export interface NativeEngineOptions {
  readonly connector: OriginConnector;
  /** From the request sent to the head of the response. */
  readonly responseTimeoutMs: number;
}

interface Pool {
  readonly idle: NativeConnection[];
  readonly waiting: (() => void)[];
  open: number;
}

export class NativeEngine implements OriginEngine {
  readonly name = 'native';
  readonly #options: NativeEngineOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #deadlines = new Deadlines();
  #closed = false;

  constructor(options: NativeEngineOptions) {
    this.#options = options;
  }

  async send(request: OriginRequest): Promise<OriginResponse> {
    const { method } = request.head;
    const repeatable = REPLAYABLE.has(method) && request.upgrade === null;
    const copy = repeatable ? smallCopy(request.body) : null;
    const replayable = repeatable && (request.body === null || copy !== null);
    for (let again = false; ; again = true) {
      const connection = await this.#acquire(request.target, again, replayable ? IDLE_MS : FRESH_MS);
      const reused = connection.exchanges > 0;
      const attempt = again && copy !== null ? { ...request, body: copy() } : request;
      try {
        const response = await connection.send(attempt);
        if (isConnectionBound(request, response)) connection.keepAliveMs = 0;
        return response;
      } catch (error) {
        const dead = (error as HttpError).code === 'ERR_ORIGIN_CLOSED' && reused && !connection.answered;
        if (!again && dead && replayable && request.cancellation.reason === null) continue;
        request.body?.cancel(error as Error);
        throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const pool of this.#pools.values()) for (const connection of pool.idle) connection.destroy();
  }

  async #acquire(target: OriginTarget, fresh: boolean, maxIdleMs: number): Promise<NativeConnection> {
    const key = `${target.secure ? 's' : 'p'} ${target.host} ${target.port} ${target.serverName}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { idle: [], waiting: [], open: 0 };
      this.#pools.set(key, pool);
    }
    for (;;) {
      const idle = fresh ? null : takeIdle(pool, maxIdleMs);
      if (idle !== null) {
        idle.deadlineAt = Infinity;
        return idle;
      }
      if (pool.open < MAX_PER_ORIGIN) return this.#open(key, pool, target);
      if (pool.idle.length > 0) pool.idle.shift()!.destroy();
      await new Promise<void>((resolve) => pool.waiting.push(resolve));
    }
  }

  async #open(key: string, pool: Pool, target: OriginTarget): Promise<NativeConnection> {
    pool.open++;
    const gone = (): void => {
      pool.open--;
      pool.waiting.shift()?.();
      if (pool.open === 0 && pool.waiting.length === 0) this.#pools.delete(key);
    };
    try {
      const socket = await this.#options.connector.connect(target);
      const connection = new NativeConnection(
        socket,
        target,
        this.#options.responseTimeoutMs,
        (idle) => this.#onIdle(pool, idle),
        (closed) => {
          this.#deadlines.delete(closed);
          const at = pool.idle.indexOf(closed);
          if (at >= 0) pool.idle.splice(at, 1);
          gone();
        },
      );
      this.#deadlines.add(connection);
      return connection;
    } catch (error) {
      gone();
      throw error;
    }
  }

  #onIdle(pool: Pool, connection: NativeConnection): void {
    const keep = Math.min(IDLE_MS, connection.keepAliveMs === null ? IDLE_MS : connection.keepAliveMs - 1000);
    if (this.#closed || keep <= 0) return connection.destroy();
    const now = performance.now();
    connection.idleSince = now;
    connection.deadlineAt = now + keep;
    pool.idle.push(connection);
    pool.waiting.shift()?.();
  }
}

function takeIdle(pool: Pool, maxIdleMs: number): NativeConnection | null {
  for (let connection = pool.idle.pop(); connection !== undefined; connection = pool.idle.pop()) {
    if (!connection.usable) continue;
    if (performance.now() - connection.idleSince <= maxIdleMs) return connection;
    connection.destroy();
  }
  return null;
}

/** NTLM and Negotiate bind a login to the connection: it must not be shared with other clients. */
function isConnectionBound(request: OriginRequest, response: OriginResponse): boolean {
  const scheme = /^\s*(NTLM|Negotiate)\b/i;
  const asked = fieldValue(request.head.headers, 'authorization');
  if (asked !== undefined && scheme.test(asked)) return true;
  if (response.head.status !== 401) return false;
  const offered = fieldValue(response.head.headers, 'www-authenticate');
  return offered !== undefined && scheme.test(offered);
}

/** Makes copies of a small body that is already here; null where it is larger or still arriving. */
function smallCopy(body: Body | null): (() => Body) | null {
  if (body === null || !body.ended || body.error !== null || body.queuedBytes > SMALL_REPLAY) return null;
  const chunks = body.take(body.queuedBytes);
  body.unshift(chunks);
  return () => Body.of(...chunks);
}

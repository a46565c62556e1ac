// HTTP/2 to the origins that choose it, HTTP/1.1 to all others. Which one an origin speaks is found out by
// ALPN once and remembered; the connection that found it out is used either way. Requests that want to leave
// HTTP, and those without TLS, always go by HTTP/1.1. See docs/decisions/0013-http2-engine.md.

import { LRUCache } from 'lru-cache';
import type { TLSSocket } from 'node:tls';
import { constants } from 'node:http2';
import type { HttpError } from '../../errors.ts';
import type { OriginNote, OriginWay } from '../../trace/notes.ts';
import { Deadlines } from '../../util/deadlines.ts';
import type { OriginConnector } from './connector.ts';
import type { OriginCounts, OriginEngine, OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import { Http2OriginSession } from './h2-session.ts';
import { closedEarly } from './origin-errors.ts';
import type { PooledEngine } from './pooled-engine.ts';
import { REPLAYABLE, originKey, smallCopy, wayOf } from './pooled-engine.ts';

export interface Http2EngineOptions {
  readonly connector: OriginConnector;
  /** Carries everything else. */
  readonly http1: PooledEngine;
  /** Auto: only requests that came by HTTP/2 are offered to origins that way. */
  readonly offer: 'auto' | 'always';
  readonly windowBytes: number;
  readonly responseTimeoutMs: number;
}

const PROTOCOLS = ['h2', 'http/1.1'];
const MAX_SESSIONS = 16; // to one origin
const NO_COMMON_PROTOCOL = 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL';
/** Of origins that speak one of the two only. To the second: to the millisecond it would set a timer for each. */
const MEMORY = { max: 4096, ttl: 600_000, ttlResolution: 1000 };
/** Of a request that an origin refuses or says, by GOAWAY, not to have begun with. */
const MAX_ATTEMPTS = 5;
/** Requests that may not be repeated use only connections that have lived until just now. */
const FRESH_MS = 3_000;

/** What is open to one origin by HTTP/2. */
interface Place {
  readonly sessions: Http2OriginSession[];
  /** A connection is being opened. */
  opening: Promise<void> | null;
  readonly waiting: (() => void)[];
}

export class Http2Engine implements OriginEngine {
  readonly name: string;
  readonly #options: Http2EngineOptions;
  readonly #places = new Map<string, Place>();
  readonly #http1Only = new LRUCache<string, true>(MEMORY);
  readonly #http2Only = new LRUCache<string, true>(MEMORY);
  readonly #deadlines = new Deadlines();
  readonly #requests = { new: 0, reused: 0 };
  #closed = false;

  constructor(options: Http2EngineOptions) {
    this.#options = options;
    this.name = `${options.http1.name} and HTTP/2`;
  }

  send(request: OriginRequest): Promise<OriginResponse> {
    const { http1, offer } = this.#options;
    const { target, upgrade, head } = request;
    if (!target.secure || upgrade !== null) return http1.send(request);
    const key = originKey(target);
    if (request.http2 !== true && offer === 'auto' && !this.#http2Only.has(key)) {
      return this.#sendHttp1First(key, request);
    }
    if (this.#http1Only.has(key) || !/^[/*]/.test(head.target)) return http1.send(request);
    return this.#send(key, request);
  }

  /** For a client of HTTP/1; some origins of gRPC speak nothing but HTTP/2. */
  async #sendHttp1First(key: string, request: OriginRequest): Promise<OriginResponse> {
    try {
      return await this.#options.http1.send(request);
    } catch (error) {
      if ((error as HttpError).fields?.['cause'] !== NO_COMMON_PROTOCOL) throw error;
      this.#http2Only.set(key, true);
      if (request.body !== null) throw error; // given up with it
      return this.#send(key, request);
    }
  }

  async #send(key: string, request: OriginRequest): Promise<OriginResponse> {
    const { http1 } = this.#options;
    const { target, head } = request;
    const copy = smallCopy(request.body);
    const intact = request.body === null || copy !== null;
    for (let attempt = 1; ; attempt++) {
      const outgoing = attempt > 1 && copy !== null ? { ...request, body: copy() } : request;
      let session: Http2OriginSession | null = null;
      try {
        session = await this.#acquire(key, target, intact && REPLAYABLE.has(head.method));
        if (session === null) return await http1.send(outgoing);
        return await this.#sendOn(session, outgoing);
      } catch (error) {
        const failure = error as HttpError;
        const mayRepeat = intact && request.cancellation.reason === null;
        if (mayRepeat && attempt < this.#attempts(key, failure, session, head.method)) continue;
        request.body?.cancel(failure);
        request.note?.fails(failure);
        throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const { sessions } of this.#places.values()) for (const session of [...sessions]) session.close();
    this.#options.http1.close();
  }

  counts(): OriginCounts {
    const counts = this.#options.http1.counts();
    let [open, idle, waiting] = [0, 0, 0];
    for (const place of this.#places.values()) {
      open += place.sessions.length;
      idle += place.sessions.filter((session) => session.open === 0).length;
      waiting += place.waiting.length;
    }
    return {
      origins: counts.origins + this.#places.size,
      open: counts.open + open,
      idle: counts.idle + idle,
      waiting: counts.waiting + waiting,
      requests: {
        new: counts.requests.new + this.#requests.new,
        reused: counts.requests.reused + this.#requests.reused,
      },
    };
  }

  async #sendOn(session: Http2OriginSession, request: OriginRequest): Promise<OriginResponse> {
    const reused = session.exchanges > 0;
    this.#requests[reused ? 'reused' : 'new']++;
    const { note } = request;
    if (note != null) Object.assign(note, { connectedAt: performance.now(), way: session.way, reused });
    const response = await session.send(request);
    if (note != null) noteAnswer(note, response.head.status);
    return response;
  }

  /** How often in all a request may be sent that failed like that: nobody has begun with it, or nothing is lost. */
  #attempts(key: string, error: HttpError, session: Http2OriginSession | null, method: string): number {
    if (error.fields?.['unprocessed'] === true) return MAX_ATTEMPTS;
    if (error.fields?.['rstCode'] === constants.NGHTTP2_HTTP_1_1_REQUIRED) {
      this.#http1Only.set(key, true);
      return 2;
    }
    const wasReused = session !== null && session.exchanges > 1;
    const isDead = wasReused && error.code === 'ERR_ORIGIN_CLOSED' && !session.hasRoom;
    return isDead && REPLAYABLE.has(method) ? 2 : 1;
  }

  // --- sessions ---

  /** A session with room; null: the origin speaks HTTP/1.1. */
  async #acquire(key: string, target: OriginTarget, mayBeQuiet: boolean): Promise<Http2OriginSession | null> {
    while (!this.#http1Only.has(key)) {
      const place = this.#placeOf(key);
      const found = place.sessions.find((session) => session.hasRoom);
      if (found !== undefined) {
        if (mayBeQuiet || found.quietMs <= FRESH_MS) return found;
        if ((await found.isAlive()) && found.hasRoom) return found;
      } else if (place.opening === null && place.sessions.length >= MAX_SESSIONS) {
        await new Promise<void>((resolve) => place.waiting.push(resolve));
      } else {
        place.opening ??= this.#open(key, place, target).finally(() => {
          place.opening = null;
          this.#tidy(key, place);
        });
        await place.opening;
      }
    }
    return null;
  }

  #placeOf(key: string): Place {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { sessions: [], opening: null, waiting: [] };
      this.#places.set(key, place);
    }
    return place;
  }

  async #open(key: string, place: Place, target: OriginTarget): Promise<void> {
    const { connector, http1 } = this.#options;
    const askedAt = performance.now();
    const link = await connector.open(target, { protocols: PROTOCOLS });
    const socket = link.socket as TLSSocket;
    if (socket.destroyed) throw closedEarly(target);
    const connectMs = performance.now() - askedAt;
    if (socket.alpnProtocol !== 'h2') {
      this.#http1Only.set(key, true);
      return http1.adopt(target, link, connectMs);
    }
    const way: OriginWay = { ...wayOf(link, target), connectMs, protocol: 'HTTP/2' };
    place.sessions.push(this.#session(key, place, link.parent === null, socket, target, way));
  }

  #session(
    key: string,
    place: Place,
    isDirect: boolean,
    socket: TLSSocket,
    target: OriginTarget,
    way: OriginWay,
  ): Http2OriginSession {
    const { windowBytes, responseTimeoutMs } = this.#options;
    const session = new Http2OriginSession(socket, {
      ...{ target, way, windowBytes, responseTimeoutMs },
      serverIp: isDirect ? (socket.remoteAddress ?? null) : null,
      deadlines: this.#deadlines,
      onRoom: () => {
        if (this.#closed && session.open === 0) session.close();
        place.waiting.shift()?.();
      },
      onRetired: () => {
        const at = place.sessions.indexOf(session);
        if (at >= 0) place.sessions.splice(at, 1);
        this.#tidy(key, place);
        place.waiting.shift()?.();
      },
    });
    return session;
  }

  #tidy(key: string, place: Place): void {
    const isEmpty = place.sessions.length + place.waiting.length === 0 && place.opening === null;
    if (isEmpty) this.#places.delete(key);
  }
}

function noteAnswer(note: OriginNote, status: number): void {
  note.answeredAt = performance.now();
  note.status = status;
}

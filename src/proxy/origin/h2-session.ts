// One HTTP/2 connection to an origin: how many requests it takes, whether it still lives, and when it is
// given up. One request is h2-exchange.ts, which connection serves which request h2-engine.ts.

import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { DEFAULT_HEAD_LIMITS } from '../../http/message-reader.ts';
import type { OriginWay } from '../../trace/notes.ts';
import { formatAuthority } from '../../util/authority.ts';
import type { Deadlines, HasDeadline } from '../../util/deadlines.ts';
import type { OriginRequest, OriginResponse, OriginTarget } from './engine.ts';
import type { StreamSurroundings } from './h2-exchange.ts';
import { Http2OriginExchange } from './h2-exchange.ts';

export interface Http2SessionOptions {
  readonly target: OriginTarget;
  readonly way: OriginWay;
  /** Null: not known, since a parent proxy is in between. */
  readonly serverIp: string | null;
  /** Bytes of one response that may arrive ahead of whoever reads it. */
  readonly windowBytes: number;
  readonly responseTimeoutMs: number;
  readonly deadlines: Deadlines;
  /** It can take a request more than before. */
  onRoom(): void;
  /** It takes no more requests: GOAWAY, or closed. Called once. */
  onRetired(session: Http2OriginSession): void;
}

const SESSION_WINDOW = 16 * 1024 * 1024; // bytes on their way in all streams together
const IDLE_MS = 60_000;
/** Of a connection with open requests, until it is asked whether it lives; gRPC servers take offence sooner. */
const QUIET_MS = 310_000;
const PING_TIMEOUT_MS = 10_000;
const CHECK_MS = 1_000; // for a sign of life before a request that cannot be repeated
const TCP_KEEP_ALIVE_MS = 30_000;
/** Streams before the origin has said how many, and what it is believed at most. */
const FIRST_STREAMS = 100;
const MAX_STREAMS = 256;

export class Http2OriginSession implements HasDeadline {
  deadlineAt: number;
  readonly way: OriginWay;
  /** Requests that were given to it. */
  exchanges = 0;
  readonly #session: ClientHttp2Session;
  readonly #options: Http2SessionOptions;
  readonly #around: StreamSurroundings;
  #open = 0;
  #capacity = FIRST_STREAMS;
  #aliveAt = performance.now();
  #pinged = false;
  #checking: Promise<boolean> | null = null;
  #retired = false;

  /** @param socket  connected, its handshake done; ALPN chose h2 */
  constructor(socket: Socket, options: Http2SessionOptions) {
    const { target, deadlines, windowBytes, serverIp, responseTimeoutMs } = options;
    this.#options = options;
    this.way = options.way;
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    const session = connect(`https://${formatAuthority(target.host, target.port, 443)}`, {
      createConnection: () => socket,
      settings: {
        enablePush: false,
        initialWindowSize: windowBytes,
        maxHeaderListSize: DEFAULT_HEAD_LIMITS.headerBytes * 2,
      },
      maxHeaderListPairs: DEFAULT_HEAD_LIMITS.headerFields * 2,
      peerMaxConcurrentStreams: FIRST_STREAMS,
      maxSessionMemory: 64, // MB
    });
    this.#session = session;
    session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW));
    session.on('remoteSettings', ({ maxConcurrentStreams = MAX_STREAMS }) => {
      this.#capacity = Math.min(maxConcurrentStreams, MAX_STREAMS);
      options.onRoom();
    });
    session.on('goaway', () => this.#retire());
    session.on('error', () => {}); // its streams tell
    session.once('close', () => {
      this.#retire();
      deadlines.delete(this);
    });
    this.#around = {
      ...{ target, serverIp, responseTimeoutMs, deadlines },
      maxFields: DEFAULT_HEAD_LIMITS.headerFields,
      onAlive: () => (this.#aliveAt = performance.now()),
      onClosed: () => this.#onStreamClosed(),
    };
    this.deadlineAt = this.#aliveAt + IDLE_MS;
    deadlines.add(this);
  }

  /** Requests that are being answered. */
  get open(): number {
    return this.#open;
  }

  get hasRoom(): boolean {
    return !this.#retired && !this.#session.closed && this.#open < this.#capacity;
  }

  /** Milliseconds since it was known to live. */
  get quietMs(): number {
    return performance.now() - this.#aliveAt;
  }

  /** Asks the origin for a sign of life. False: there was none in time; the session takes no more requests. */
  isAlive(): Promise<boolean> {
    this.#checking ??= new Promise<boolean>((resolve) => {
      const answer = (alive: boolean): void => {
        clearTimeout(timer);
        this.#checking = null;
        if (alive) this.#aliveAt = performance.now();
        else this.close();
        resolve(alive);
      };
      const timer = setTimeout(() => answer(false), CHECK_MS);
      this.#session.ping((error) => answer(error === null));
    });
    return this.#checking;
  }

  /** @throws {HttpError} as `Http2OriginExchange.send` */
  send(request: OriginRequest): Promise<OriginResponse> {
    this.exchanges++;
    if (++this.#open === 1) this.deadlineAt = performance.now() + QUIET_MS;
    return new Http2OriginExchange(request, this.#around).send(this.#session);
  }

  /** Takes no more requests and closes when those under way are answered. */
  close(): void {
    this.#retire();
    if (!this.#session.destroyed) this.#session.close();
  }

  onDeadline(): void {
    if (this.#open === 0) return this.#retired ? this.#session.destroy() : this.close();
    const quiet = this.quietMs;
    if (quiet < QUIET_MS) {
      this.#pinged = false;
      this.deadlineAt = performance.now() + QUIET_MS - quiet;
    } else if (this.#pinged) this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
    else {
      this.deadlineAt = performance.now() + PING_TIMEOUT_MS;
      this.#pinged = this.#session.ping((error) => {
        if (error === null) this.#aliveAt = performance.now();
      });
    }
  }

  #onStreamClosed(): void {
    if (--this.#open === 0) this.deadlineAt = performance.now() + IDLE_MS;
    if (!this.#retired) this.#options.onRoom();
  }

  #retire(): void {
    if (this.#retired) return;
    this.#retired = true;
    this.#options.onRetired(this);
  }
}

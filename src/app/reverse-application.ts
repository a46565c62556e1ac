// The way from a reverse listener to its application: connections that are kept for the next request, and whether
// the application can be reached at all. A kept connection may turn out to be dead, so only requests that can be
// sent again get one; an application that did not answer several times is left alone for a while.

import type { ClientRequest } from 'node:http';
import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { WeirError } from '../errors.ts';
import { HttpError, isWeirError } from '../errors.ts';
import type { OriginConnector } from '../proxy/origin/connector.ts';
import type { OriginTarget } from '../proxy/origin/engine.ts';
import { asOriginError } from '../proxy/origin/origin-errors.ts';
import type { Telemetry } from '../telemetry/records.ts';

export interface ApplicationOptions {
  readonly target: OriginTarget;
  readonly connector: () => OriginConnector;
  readonly telemetry: () => Telemetry;
  /** How long an unused connection is kept; 0: each request has one of its own. */
  readonly keepAliveMs: number;
}

const MOST_KEPT = 64; // unused connections
const MARGIN_MS = 1000; // closed before the application does it, where it says when
const FAILURES = 3; // one after the other, until the application counts as down
const PAUSE_MS = 1000; // until it is tried again, twice as long each time
const MOST_PAUSE_MS = 16_000;

/** Methods that may be sent twice (RFC 9110 §9.2.1), where no body goes with them. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Not documented, and what all agents that choose connections have overridden since there are any. */
type AddRequest = (request: ClientRequest, options: object) => void;

/**
 * Connects as the forward proxy does: with its trust, overrides and time limit, and never to ourselves. For
 * http-proxy; failures come as {HttpError} `ERR_ORIGIN_…`, `ERR_PROXY_SELF`.
 */
export class ApplicationAgent extends Agent {
  readonly #options: ApplicationOptions;
  /** Told by the application of the connection that it answers on. */
  readonly #hints = new WeakMap<object, number>();
  readonly #isKeeping: boolean;
  #failures = 0;
  #triedAt = -Infinity;

  constructor(options: ApplicationOptions) {
    super({ keepAlive: options.keepAliveMs > 0, maxFreeSockets: MOST_KEPT });
    this.#options = options;
    this.#isKeeping = options.keepAliveMs > 0;
    const createConnection = (
      _options: object,
      callback: (error: Error | null, socket?: Socket) => void,
    ): void => {
      this.#connect().then((socket) => callback(null, socket), callback);
    };
    const add = (Agent.prototype as unknown as { addRequest: AddRequest }).addRequest;
    const addRequest: AddRequest = (request, settings) => {
      // What is there of the field is about the client's connection.
      if (!request.headersSent && !request.hasHeader('upgrade'))
        request.setHeader('connection', this.#isKeeping ? 'keep-alive' : 'close');
      if (isRepeatable(request)) return add.call(this, request, settings);
      // Those that are kept are out of sight for a moment: whatever is there, this one is not taken from it.
      const free = this.freeSockets as Record<string, Socket[] | undefined>;
      const kept = Object.entries(free);
      for (const [name] of kept) delete free[name];
      add.call(this, request, settings);
      Object.assign(free, Object.fromEntries(kept));
    };
    const protocol = options.target.secure ? 'https:' : 'http:';
    Object.assign(this, { protocol, createConnection, addRequest });
  }

  /** What its `Keep-Alive` field says, as node never sees it. */
  noteKeepAlive(socket: object, field: string | undefined): void {
    const seconds = /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(field ?? '')?.[1];
    if (seconds !== undefined) this.#hints.set(socket, Number(seconds) * 1000 - MARGIN_MS);
  }

  /** @returns whether it is kept, which node's types do not know */
  override keepSocketAlive(stream: Duplex): boolean {
    const socket = stream as Socket;
    const idleMs = Math.min(this.#options.keepAliveMs, this.#hints.get(socket) ?? Infinity);
    if (idleMs <= 0) return false;
    super.keepSocketAlive(socket);
    socket.setTimeout(idleMs); // node destroys it then
    socket.on('data', spoil);
    return true;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    socket.off('data', spoil);
    super.reuseSocket(socket, request);
  }

  /** Closes connections that nobody uses. */
  closeIdle(): void {
    for (const sockets of Object.values(this.freeSockets)) sockets?.forEach((socket) => socket.destroy());
  }

  async #connect(): Promise<Socket> {
    const { target, connector } = this.#options;
    if (this.#failures >= FAILURES) {
      const pauseMs = Math.min(PAUSE_MS * 2 ** (this.#failures - FAILURES), MOST_PAUSE_MS);
      const waitMs = this.#triedAt + pauseMs - performance.now();
      if (waitMs > 0) throw down(target, waitMs);
    }
    this.#triedAt = performance.now(); // of several that come now one tries it
    try {
      const socket = await connector().connect(target);
      this.#succeeded();
      return socket;
    } catch (error) {
      const failure = isWeirError(error) ? error : asOriginError(error as NodeJS.ErrnoException, target);
      this.#failed(failure);
      throw failure;
    }
  }

  #succeeded(): void {
    const wasDown = this.#failures >= FAILURES;
    this.#failures = 0;
    if (wasDown) this.#tell('info', 'the application behind proxy.reverse answers again', {});
  }

  #failed(error: WeirError): void {
    if (!/^ERR_ORIGIN_(?:DNS|UNREACHABLE|TIMEOUT|CLOSED)$/.test(error.code)) return;
    this.#triedAt = performance.now();
    if (++this.#failures !== FAILURES) return;
    const { code, message } = error;
    this.#tell('warn', 'the application behind proxy.reverse does not answer', { code, message });
  }

  #tell(level: 'info' | 'warn', text: string, fields: object): void {
    const { host, port } = this.#options.target;
    this.#options.telemetry().event(level, text, { host, port, ...fields });
  }
}

/** Whether a request may be sent a second time, and so on a connection that may be dead. */
export function isRepeatable(request: ClientRequest): boolean {
  if (!REPEATABLE.has(request.method) || request.hasHeader('upgrade')) return false;
  return !request.hasHeader('transfer-encoding') && Number(request.getHeader('content-length') ?? 0) === 0;
}

/** Bytes that nobody has asked for: the next request would take them for its answer. */
function spoil(this: Socket): void {
  this.destroy();
}

function down({ host, port }: OriginTarget, waitMs: number): HttpError {
  const retryAfter = Math.ceil(waitMs / 1000);
  const text = `${host}:${port} could not be reached several times, and is tried again in ${retryAfter} s`;
  return new HttpError('ERR_ORIGIN_DOWN', text, { host, port, retryAfter });
}

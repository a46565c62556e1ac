// One client of the proxy: carries out a plan over connections that it keeps, in a tunnel or as plain HTTP,
// and says what it saw. Whether that is right, the ledger decides together with the log.

import http from 'node:http';
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { connectThrough } from '../support/rawClient.ts';
import { pause } from '../support/icap-peer.ts';
import { ContentCheck, contentPieces } from './content.ts';
import { INFECTED } from './origin.ts';
import { type Plan, targetOf } from './plan.ts';
import { hostOf } from './setting.ts';

const LIMIT_MS = 60_000; // of a whole exchange
const KEPT = 4096; // bytes of an answer that are kept to be looked at
const SLOW_MS = 20; // between pieces
const SLOW_PIECES = 30; // after which a slow client hurries, or 5 MiB would take a minute

export interface Seen {
  /** 0: no answer came. */
  readonly status: number;
  /** X-Weir-Incident of the answer. */
  readonly incident: string | null;
  readonly bytes: number;
  /** Null where all bytes are those that were asked for. */
  readonly differsAt: number | null;
  /** False when the message broke off. */
  readonly complete: boolean;
  /** The bytes of an infected file were in it. */
  readonly infected: boolean;
  /** The client went away by itself. */
  readonly left: boolean;
  /** What node said where the exchange failed. */
  readonly error: string | null;
  /** The first bytes of the body. */
  readonly start: string;
}

export interface Target {
  readonly proxyPort: number;
  /** PEM of the CA of the proxy. */
  readonly ca: string;
  readonly originPort: number;
  readonly originSecurePort: number;
}

/** Opens a tunnel for each connection that node's agent wants. */
class TunnelAgent extends http.Agent {
  readonly #target: Target;

  constructor(target: Target) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#target = target;
  }

  override createConnection(
    options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { proxyPort, ca } = this.#target;
    connectThrough(proxyPort, `${options.host}:${options.port}`, { ca, timeoutMs: LIMIT_MS / 2 }).then(
      (socket) => callback!(null, socket),
      (error: Error) => callback!(error, undefined as unknown as Duplex),
    );
  }
}

export class SoakClient {
  readonly #target: Target;
  #tunnels: TunnelAgent;
  #plain: http.Agent;
  /** Node's agent forgets who waits behind a connection that was given up while it was made, and fails. */
  #leftBefore = false;

  constructor(target: Target) {
    this.#target = target;
    this.#tunnels = new TunnelAgent(target);
    this.#plain = new http.Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** Closes the connections that it keeps. */
  close(): void {
    this.#tunnels.destroy();
    this.#plain.destroy();
  }

  async carryOut(plan: Plan): Promise<Seen> {
    if (plan.fresh || this.#leftBefore) {
      this.close();
      this.#tunnels = new TunnelAgent(this.#target);
      this.#plain = new http.Agent({ keepAlive: true, maxSockets: 1 });
    }
    const request = this.#request(plan);
    let left = false;
    let error: string | null = null;
    let gaveUp = false;
    const give = (why: string): void => {
      gaveUp = true;
      error ??= why;
      request.destroy();
    };
    request.on('error', (problem: NodeJS.ErrnoException) => (error ??= problem.code ?? problem.message));
    const limit = setTimeout(() => give(`nothing was finished within ${LIMIT_MS / 1000} s`), LIMIT_MS);
    const leaving =
      plan.abortAfterMs === null
        ? undefined
        : setTimeout(() => {
            left = true;
            give('left');
          }, plan.abortAfterMs);
    const answered = new Promise<http.IncomingMessage | null>((resolve) => {
      request.once('response', resolve);
      request.once('close', () => resolve(null));
    });
    const closed = new Promise((resolve) => request.once('close', resolve));
    void send(request, plan);
    const response = await answered;
    const seen = response === null ? NOTHING : await receive(response, plan, () => gaveUp);
    if (response !== null && !request.writableFinished) request.destroy(); // answered before it was sent
    await closed;
    clearTimeout(limit);
    clearTimeout(leaving);
    this.#leftBefore = gaveUp;
    return { ...seen, left: left && !seen.complete, error };
  }

  #request(plan: Plan): http.ClientRequest {
    const { proxyPort, originPort, originSecurePort } = this.#target;
    const host = hostOf(plan.route);
    const path = targetOf(plan);
    const length = plan.infection === null ? plan.up : INFECTED[plan.infection].length;
    const headers: http.OutgoingHttpHeaders = {
      ...(plan.up === null ? {} : { 'content-type': 'application/octet-stream' }),
      ...(plan.up !== null && plan.upFraming === 'length' ? { 'content-length': length! } : {}),
      ...(plan.up !== null && plan.upFraming === 'chunked' ? { 'transfer-encoding': 'chunked' } : {}),
      ...(plan.up !== null && plan.expectContinue ? { expect: '100-continue' } : {}),
    };
    const method = plan.up === null ? 'GET' : 'POST';
    if (plan.secure) {
      return http.request({ agent: this.#tunnels, host, port: originSecurePort, path, method, headers });
    }
    const authority = `${host}:${originPort}`;
    return http.request({
      ...{ agent: this.#plain, host: '127.0.0.1', port: proxyPort, method },
      path: `http://${authority}${path}`,
      headers: { host: authority, ...headers },
    });
  }
}

const NOTHING: Omit<Seen, 'left' | 'error'> = {
  ...{ status: 0, incident: null, bytes: 0, differsAt: null, complete: false, infected: false, start: '' },
};

async function send(request: http.ClientRequest, plan: Plan): Promise<void> {
  if (plan.up === null) return void request.end();
  if (plan.expectContinue) {
    request.flushHeaders();
    await oneOf(request, 'continue', 'response', 'close');
  }
  const pieces =
    plan.infection === null ? contentPieces(plan.number, 'up', plan.up) : [INFECTED[plan.infection]];
  let rests = plan.slow ? SLOW_PIECES : 0;
  for (const piece of pieces) {
    if (request.destroyed) return;
    if (!request.write(piece)) {
      await oneOf(request, 'drain', 'close');
    }
    if (rests-- > 0) await pause(SLOW_MS);
  }
  if (!request.destroyed) request.end();
}

/** Resolves at the first of these events, and listens no more. */
function oneOf(emitter: EventEmitter, ...events: string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) emitter.off(event, done);
      resolve();
    };
    for (const event of events) emitter.on(event, done);
  });
}

function receive(
  response: http.IncomingMessage,
  plan: Plan,
  gaveUp: () => boolean,
): Promise<Omit<Seen, 'left' | 'error'>> {
  const check = new ContentCheck(plan.number, 'down');
  const kept: Buffer[] = [];
  let keptBytes = 0;
  let rests = plan.slow ? SLOW_PIECES : 0;
  response.on('data', (chunk: Buffer) => {
    check.take(chunk);
    if (keptBytes < KEPT) {
      kept.push(Buffer.from(chunk.subarray(0, KEPT - keptBytes)));
      keptBytes += kept.at(-1)!.length;
    }
    if (rests-- > 0) {
      response.pause();
      setTimeout(() => response.resume(), SLOW_MS);
    }
  });
  let ended = false;
  // Node throws away what it has of the answer to a request that is destroyed, and then calls it ended.
  response.once('end', () => (ended = !gaveUp()));
  response.on('error', () => {}); // told by `complete`
  return new Promise((resolve) => {
    response.once('close', () => {
      const start = Buffer.concat(kept);
      const incident = response.headers['x-weir-incident'];
      resolve({
        status: response.statusCode!,
        incident: typeof incident === 'string' ? incident : null,
        bytes: check.bytes,
        differsAt: check.differsAt,
        complete: response.complete && ended,
        infected: Object.values(INFECTED).some((bytes) => start.includes(bytes)),
        start: start.toString('latin1'),
      });
    });
  });
}

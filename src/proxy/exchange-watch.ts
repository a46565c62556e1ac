// Watches over the pace of one request: whether its body comes at the least rate, and whether all of it is
// over in time. Silence is watched by the connections themselves (src/http, src/http2). Only what a client
// delays counts: while we do not take more, it is not its turn.

import { HttpError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import { BODY_HIGH_WATER } from '../http/body.ts';
import type { Body } from '../http/body.ts';
import type { Deadlines, HasDeadline } from '../util/deadlines.ts';

export interface PaceLimits {
  /** Bytes a second of a request body, on average over a window; 0 or absent: any. */
  readonly bodyRate?: number;
  readonly bodyRateWindowMs?: number;
  /** From the request to the end of its answer; null or absent: no limit. */
  readonly totalTimeoutMs?: number | null;
}

const DEFAULT_WINDOW_MS = 60_000;

/** What is watched. */
export interface WatchedExchange {
  readonly body: Body | null;
  /** Silence in the middle of its body is no fault, as in a dialogue of gRPC. */
  readonly isDialogue: boolean;
  /** The client is too slow, or the time is over. Called once. */
  onExpired(error: WeirError): void;
}

export class ExchangeWatch implements HasDeadline {
  deadlineAt = Infinity;
  readonly #limits: PaceLimits;
  readonly #watched: WatchedExchange;
  readonly #deadlines: Deadlines;
  readonly #endAt: number;
  #windowEndsAt = Infinity;
  #pushedBefore = 0;
  #wasHeldUp = false;

  private constructor(limits: PaceLimits, watched: WatchedExchange, deadlines: Deadlines) {
    this.#limits = limits;
    this.#watched = watched;
    this.#deadlines = deadlines;
    this.#endAt = performance.now() + (limits.totalTimeoutMs ?? Infinity);
    if (paced(limits, watched)) this.#openWindow();
    else this.deadlineAt = this.#endAt;
    deadlines.add(this);
  }

  /** @returns null where nothing is to be watched, which is so for most requests */
  static start(limits: PaceLimits, watched: WatchedExchange, deadlines: Deadlines): ExchangeWatch | null {
    if ((limits.totalTimeoutMs ?? null) === null && !paced(limits, watched)) return null;
    return new ExchangeWatch(limits, watched, deadlines);
  }

  /** The exchange is over. */
  stop(): void {
    this.#deadlines.delete(this);
  }

  onDeadline(): void {
    const now = performance.now();
    if (now >= this.#endAt) return this.#expire(this.#timeOver());
    const body = this.#watched.body!;
    if (body.ended || body.settled) {
      this.deadlineAt = this.#endAt;
      return;
    }
    const bytes = body.pushedBytes - this.#pushedBefore;
    const { bodyRate = 0, bodyRateWindowMs = DEFAULT_WINDOW_MS } = this.#limits;
    const isSlow = bytes < (bodyRate * bodyRateWindowMs) / 1000;
    if (isSlow && !this.#wasHeldUp && !isHeldUp(body)) {
      const text = `the request body came with ${bytes} bytes in ${bodyRateWindowMs} ms, less than ${bodyRate} a second`;
      return this.#expire(new HttpError('ERR_HTTP_TIMEOUT', text));
    }
    this.#openWindow();
  }

  #openWindow(): void {
    const { body } = this.#watched;
    this.#pushedBefore = body!.pushedBytes;
    this.#wasHeldUp = isHeldUp(body!);
    this.#windowEndsAt = performance.now() + (this.#limits.bodyRateWindowMs ?? DEFAULT_WINDOW_MS);
    this.deadlineAt = Math.min(this.#windowEndsAt, this.#endAt);
  }

  #timeOver(): HttpError {
    const { body } = this.#watched;
    const limit = `proxy.limits.totalTimeout, ${this.#limits.totalTimeoutMs!} ms`;
    if (body !== null && !body.ended && !body.settled) {
      return new HttpError('ERR_HTTP_TIMEOUT', `the request body was not complete within ${limit}`);
    }
    return new HttpError('ERR_ORIGIN_TIMEOUT', `the answer was not complete within ${limit}`);
  }

  #expire(error: WeirError): void {
    this.stop();
    this.#watched.onExpired(error);
  }
}

function paced({ bodyRate = 0 }: PaceLimits, { body, isDialogue }: WatchedExchange): boolean {
  return bodyRate > 0 && body !== null && !body.ended && !isDialogue;
}

/** As much waits as may: the client is not asked for more. */
function isHeldUp(body: Body): boolean {
  return body.queuedBytes >= BODY_HIGH_WATER;
}

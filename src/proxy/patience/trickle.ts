// Sends a few bytes a second of a body that is still being scanned, so that its receiver does not give up,
// and withholds enough of it that nobody can take it for complete. When the verdict is there the rest
// follows, if what was sent is the beginning of it; otherwise the body breaks off. Whether a body may be
// trickled at all, manner.ts says.

import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { WeirError } from '../../errors.ts';
import { HttpError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { HeldBody } from '../../http/held-body.ts';
import type { Deadlines, HasDeadline } from '../../util/deadlines.ts';

const TICK_MS = 200; // below the sweep of Deadlines: each sweep is a tick
const FIRST_MS = 250; // the bytes of that time go at once, with the head
const RESERVE = 1024; // bytes at the end of what may go that go slowly, one a second
const RESERVE_TICK_MS = 1000;

export interface TrickleOptions {
  readonly deadlines: Deadlines;
  /** Bytes a second. */
  readonly rateBytes: number;
  /** Bytes of the end that stay, at least 1. */
  readonly tailBytes: number;
  /** Length of the whole, or null. */
  readonly length: number | null;
}

/**
 * Bytes that may be sent before the verdict.
 *
 * @param received  bytes that have arrived
 * @param length  bytes of the whole; null: not known, so any byte may be the last
 * @param tail  bytes of the end that stay; of a body shorter than twice that, half
 */
export function releasable(received: number, length: number | null, tail: number): number {
  const whole = length ?? received;
  const most = whole > 2 * tail ? whole - tail : Math.floor(whole / 2);
  return Math.min(received, most);
}

export class Trickle implements HasDeadline {
  deadlineAt = 0;
  /** For the client. */
  readonly body: Body;
  readonly #options: TrickleOptions;
  readonly #hash: Hash = createHash('sha256'); // of what was sent
  #held: HeldBody;
  #sent = 0;
  #tickedAt = performance.now();
  #credit = 0; // bytes, with fractions
  #reading = false;
  #full = false;
  #over = false;
  #final: Body | null = null;

  constructor(held: HeldBody, options: TrickleOptions) {
    this.#held = held;
    this.#options = options;
    this.body = new Body(
      { resume: () => this.#resume(), cancel: (reason) => this.#cancel(reason) },
      options.length,
    );
    this.#credit = (options.rateBytes * FIRST_MS) / 1000;
    options.deadlines.add(this);
    this.onDeadline();
  }

  /** Bytes that the client has got ahead of the verdict. */
  get sent(): number {
    return this.#sent;
  }

  /** Another service works on the message now, and its copy is the one to read from. */
  goOnWith(held: HeldBody): void {
    this.#held = held;
  }

  onDeadline(): void {
    const now = performance.now();
    this.deadlineAt = now + TICK_MS;
    if (this.#over || this.#full || this.#reading) return;
    const budget = this.#budget(now);
    if (budget === 0) return;
    this.#reading = true;
    void this.#held.peek(this.#sent, budget).then((bytes) => {
      this.#reading = false;
      if (this.#over || bytes.length === 0) return;
      this.#hash.update(bytes);
      this.#sent += bytes.length;
      this.#full = !this.body.push(bytes);
    });
  }

  /**
   * The scan is over: sends the rest of the message as it is now.
   * The body fails with `ERR_PATIENCE_MODIFIED` where what was sent is not its beginning.
   */
  finish(final: Body | null): void {
    this.#stop();
    if (final === null) return this.#sent === 0 ? this.body.end() : this.cut(modified(this.#sent));
    this.#final = final;
    const sent = this.#hash.digest();
    const hash = createHash('sha256');
    let left = this.#sent;
    final.consume({
      onData: (chunk) => {
        if (left === 0) return this.body.push(chunk);
        const known = chunk.subarray(0, left);
        hash.update(known);
        left -= known.length;
        if (left > 0) return true;
        if (!hash.digest().equals(sent)) {
          this.cut(modified(this.#sent));
          return true;
        }
        const fresh = chunk.subarray(known.length);
        return fresh.length === 0 || this.body.push(fresh);
      },
      onEnd: (trailers) => {
        if (left > 0) this.cut(modified(this.#sent));
        else this.body.end(trailers);
      },
      onError: (error) => this.body.fail(error),
    });
  }

  /** The rest will not come: the client must not take what it has for the whole. */
  cut(error: WeirError): void {
    this.#stop();
    this.body.fail(error);
    this.#final?.cancel(error);
  }

  /** The last bytes that may go are spread, since nobody knows how long the scan will take. */
  #budget(now: number): number {
    const { rateBytes, tailBytes, length } = this.#options;
    const limit = releasable(this.#held.keptBytes, length, tailBytes);
    const left = limit - this.#sent;
    const reserve = Math.min(RESERVE, Math.floor(limit / 2));
    const elapsedMs = now - this.#tickedAt;
    if (left <= 0) return 0;
    if (left <= reserve) {
      if (elapsedMs < RESERVE_TICK_MS) return 0;
      this.#tickedAt = now;
      return 1;
    }
    this.#tickedAt = now;
    this.#credit = Math.min(this.#credit + (elapsedMs / 1000) * rateBytes, Math.max(rateBytes, 1));
    const budget = Math.min(Math.floor(this.#credit), left - reserve);
    this.#credit -= budget;
    return budget;
  }

  #resume(): void {
    this.#full = false;
    this.#final?.resume();
  }

  #cancel(reason: Error): void {
    this.#stop();
    this.#final?.cancel(reason);
  }

  #stop(): void {
    this.#over = true;
    this.#options.deadlines.delete(this);
  }
}

function modified(sent: number): HttpError {
  return new HttpError(
    'ERR_PATIENCE_MODIFIED',
    `the message was changed after ${sent} bytes of it had been trickled`,
    { sent },
  );
}

// A message body in flight: one producer pushes bytes, one consumer takes them, and each can slow or
// stop the other. It replaces node streams on the hot path: a body that is already complete costs a
// queue of slices and no events. Nothing is copied; memory is bounded by the high-water mark, which a
// producer respects by stopping when `push` returns false.
//
//   producer: push() … end()/fail()          told by source.resume() / source.cancel()
//   consumer: consume(sink), resume(), cancel()

import type { RawHeaders } from '../icap/codec/http-head.ts';
import { HttpError } from '../errors.ts';

/** Bytes that may wait in a body before its producer must stop. */
export const BODY_HIGH_WATER = 64 * 1024;

export interface BodySink {
  /** Takes one chunk. `false` means: full, hold the rest until `body.resume()`. */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: RawHeaders): void;
  onError(error: Error): void;
}

/** Sees a body pass; the bytes are its for the length of the call only. */
export interface BodyWatcher {
  onData(chunk: Buffer): void;
  /** All of it was delivered. Not called where it breaks off or nobody wants the rest. */
  onEnd(): void;
}

export interface BodySource {
  /** The consumer has taken everything and wants more. Called after `push` returned false or `stop()`. */
  resume(): void;
  /** Nobody wants the rest. */
  cancel(reason: Error): void;
  /** Nothing refers to the pushed bytes any more: their memory may be used again. */
  released?(): void;
}

/** Made once: an error with its stack costs more than a whole small exchange. */
const NOT_WANTED = new HttpError('ERR_ABORTED', 'body not wanted');
const NO_TRAILERS: RawHeaders = [];
const NO_SOURCE: BodySource = { resume() {}, cancel() {} };

export class Body {
  /** Bytes announced by Content-Length, or null when the end is found otherwise. */
  readonly declaredLength: number | null;
  readonly #source: BodySource;
  #queue: Buffer[] = [];
  #queued = 0;
  #pushed = 0;
  #ended = false;
  #delivered = false; // the sink has seen onEnd or onError, or the body was cancelled
  #error: Error | null = null;
  #trailers: RawHeaders = NO_TRAILERS;
  #sink: BodySink | null = null;
  #paused = false;
  #stopped = false; // the producer waits for resume()
  #flushing = false;
  #pinned = false;
  #waiter: { bytes: number; ready: () => void } | null = null;
  #watcher: BodyWatcher | null = null;

  constructor(source: BodySource = NO_SOURCE, declaredLength: number | null = null) {
    this.#source = source;
    this.declaredLength = declaredLength;
  }

  /** A body that is already here. */
  static of(...chunks: Buffer[]): Body {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    const body = new Body(NO_SOURCE, length);
    for (const chunk of chunks) {
      // In pieces, so that a slow reader is seen to make progress.
      for (let at = 0; at < chunk.length; at += BODY_HIGH_WATER) {
        body.push(chunk.length <= BODY_HIGH_WATER ? chunk : chunk.subarray(at, at + BODY_HIGH_WATER));
      }
    }
    body.end();
    return body;
  }

  /** Bytes that wait for the consumer. */
  get queuedBytes(): number {
    return this.#queued;
  }

  /** Bytes that the producer has delivered so far. */
  get pushedBytes(): number {
    return this.#pushed;
  }

  /** The producer has delivered everything; what waits in the queue is the rest of the body. */
  get ended(): boolean {
    return this.#ended;
  }

  get error(): Error | null {
    return this.#error;
  }

  /** The consumer has seen the end or an error, or cancelled. */
  get settled(): boolean {
    return this.#delivered;
  }

  /** Trailer fields; known once `ended`. */
  get trailers(): RawHeaders {
    return this.#trailers;
  }

  // --- producer ---

  /** Adds bytes. `false`: stop until `source.resume()`. Bytes pushed after a cancel are dropped. */
  push(chunk: Buffer): boolean {
    if (this.#delivered || this.#ended || chunk.length === 0) return true;
    this.#pushed += chunk.length;
    this.#watcher?.onData(chunk);
    if (this.#sink !== null && !this.#paused && this.#queued === 0 && !this.#flushing) {
      if (!this.#sink.onData(chunk)) this.#paused = true;
      if (this.#delivered) return true;
      if (this.#paused) this.#stopped = true;
      return !this.#paused;
    }
    this.#queue.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued >= BODY_HIGH_WATER || this.#paused) this.#stopped = true;
    this.#checkWaiter();
    return !this.#stopped;
  }

  /** All bytes were pushed. */
  end(trailers: RawHeaders = NO_TRAILERS): void {
    if (this.#delivered || this.#ended) return;
    this.#ended = true;
    this.#trailers = trailers;
    this.#stopped = false;
    this.#watcher?.onEnd();
    if (this.#sink !== null && this.#queued === 0 && !this.#flushing) this.#deliverEnd();
    this.#checkWaiter();
  }

  /** The body broke off: queued bytes are dropped and the consumer learns why. */
  fail(error: Error): void {
    if (this.#delivered || this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#queue = [];
    this.#queued = 0;
    if (this.#sink !== null) {
      this.#delivered = true;
      this.#sink.onError(error);
    }
    this.#checkWaiter();
  }

  /** The producer goes on only when the consumer has taken everything and wants more (a preview's end). */
  stop(): void {
    this.#stopped = true;
    this.#checkWaiter();
    if (this.#sink !== null && !this.#paused && this.#queued === 0 && !this.#flushing) this.#wantMore();
  }

  // --- consumer ---

  /** Attaches the one consumer; what is queued is delivered at once. */
  consume(sink: BodySink): void {
    if (this.#sink !== null) throw new TypeError('body has a consumer already');
    this.#sink = sink;
    if (this.#error !== null) {
      // Broken off or cancelled before: who comes late must not wait for ever.
      this.#delivered = true;
      sink.onError(this.#error);
      return;
    }
    this.#flush();
  }

  /** The sink has room again. */
  resume(): void {
    if (!this.#paused || this.#delivered) return;
    this.#paused = false;
    this.#flush();
  }

  /** Nobody wants the rest: the producer is told, later pushes are dropped. */
  cancel(reason: Error = NOT_WANTED): void {
    if (this.#delivered) return;
    this.#delivered = true;
    this.#queue = [];
    this.#queued = 0;
    const ended = this.#ended;
    this.#ended = true;
    this.#error ??= reason;
    this.#checkWaiter();
    if (!ended) this.#source.cancel(reason);
  }

  /** Somebody keeps the bytes beyond the sink: `released` has no effect from now on. */
  pin(): void {
    this.#pinned = true;
  }

  /**
   * The last consumer is done with all bytes that it was given, down to the socket. To be called only by
   * who consumed this body and has passed no slice of it on.
   */
  released(): void {
    if (!this.#pinned) this.#source.released?.();
  }

  /** Shows all bytes to `watcher`, those that wait included; before any were taken. It slows nobody. */
  watch(watcher: BodyWatcher): void {
    for (const chunk of this.#queue) watcher.onData(chunk);
    if (this.#ended && this.#error === null) watcher.onEnd();
    this.#watcher = watcher;
  }

  /** Takes what is queued without attaching a consumer. Up to `max` bytes, at chunk boundaries if it can. */
  take(max: number): Buffer[] {
    const taken: Buffer[] = [];
    let room = max;
    while (this.#queue.length > 0 && room > 0) {
      const chunk = this.#queue[0]!;
      if (chunk.length <= room) {
        taken.push(chunk);
        this.#queue.shift();
        room -= chunk.length;
      } else {
        taken.push(chunk.subarray(0, room));
        this.#queue[0] = chunk.subarray(room);
        room = 0;
      }
    }
    this.#queued -= max - room;
    return taken;
  }

  /** Puts bytes back in front of the queue; the counterpart of `take`. */
  unshift(chunks: readonly Buffer[]): void {
    if (this.#sink !== null) throw new TypeError('body has a consumer already');
    for (const chunk of chunks) this.#queued += chunk.length;
    this.#queue.unshift(...chunks);
  }

  /** True when `bytes` are queued, or when waiting would not bring more without a consumer. */
  readyFor(bytes: number): boolean {
    return this.#queued >= bytes || this.#ended || this.#stopped;
  }

  /** Calls `ready` once `readyFor(bytes)` holds; at once if it does. One waiter at a time. */
  whenReady(bytes: number, ready: () => void): void {
    if (this.readyFor(bytes)) ready();
    else this.#waiter = { bytes, ready };
  }

  #checkWaiter(): void {
    const waiter = this.#waiter;
    if (waiter === null || !this.readyFor(waiter.bytes)) return;
    this.#waiter = null;
    waiter.ready();
  }

  #flush(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const sink = this.#sink!;
    while (this.#queue.length > 0 && !this.#paused && !this.#delivered) {
      const chunk = this.#queue.shift()!;
      this.#queued -= chunk.length;
      if (!sink.onData(chunk)) this.#paused = true;
    }
    this.#flushing = false;
    if (this.#delivered || this.#queue.length > 0) return;
    if (this.#error !== null) {
      this.#delivered = true;
      sink.onError(this.#error);
    } else if (this.#ended) this.#deliverEnd();
    else if (this.#stopped && !this.#paused) this.#wantMore();
  }

  #deliverEnd(): void {
    this.#delivered = true;
    this.#sink!.onEnd(this.#trailers);
  }

  #wantMore(): void {
    this.#stopped = false;
    this.#source.resume();
  }
}

/** Reads a whole body that is known to be small. Rejects past `maxBytes` and cancels the body then. */
export function collectBody(body: Body, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    body.consume({
      onData(chunk) {
        size += chunk.length;
        if (size > maxBytes) {
          const error = new HttpError('ERR_HTTP_FRAMING', `body longer than ${maxBytes} bytes`);
          reject(error);
          body.cancel(error);
          return true;
        }
        chunks.push(chunk);
        return true;
      },
      onEnd: () => resolve(Buffer.concat(chunks, size)),
      onError: reject,
    });
  });
}

// A body in the shapes that undici sends: a buffer where all of it is here and small, otherwise an async
// iterable that takes one chunk at a time, so that a slow origin slows the sender.

import type { Body } from '../../http/body.ts';

const ONE_BUFFER = 16 * 1024; // bytes

/**
 * Consumes `body`.
 *
 * @param length  value of Content-Length
 * @param onSent  called when undici has taken the last byte of an iterable
 */
export function bodyForUndici(
  body: Body,
  length: number,
  onSent: () => void,
): Buffer | AsyncIterable<Buffer> {
  if (body.ended && body.error === null && length <= ONE_BUFFER && body.queuedBytes === length) {
    const chunks = body.take(length);
    body.cancel();
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length);
  }
  return { [Symbol.asyncIterator]: () => new BodyIterator(body, onSent) };
}

type Waiting = { resolve: (result: IteratorResult<Buffer>) => void; reject: (error: Error) => void };

class BodyIterator implements AsyncIterator<Buffer> {
  readonly #body: Body;
  readonly #onSent: () => void;
  #started = false;
  #waiting: Waiting | null = null;
  #ready: Buffer | null = null;
  #ended = false;
  #error: Error | null = null;

  constructor(body: Body, onSent: () => void) {
    this.#body = body;
    this.#onSent = onSent;
  }

  next(): Promise<IteratorResult<Buffer>> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (!this.#started) this.#start();
      else if (this.#error === null && !this.#ended) this.#body.resume();
      this.#answer();
    });
  }

  /** Undici wants no more. */
  return(): Promise<IteratorResult<Buffer>> {
    this.#body.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    this.#started = true;
    this.#body.consume({
      onData: (chunk) => {
        this.#ready = chunk;
        this.#answer();
        return false; // until the next call of `next`
      },
      onEnd: () => {
        this.#ended = true;
        this.#answer();
      },
      onError: (error) => {
        this.#error = error;
        this.#answer();
      },
    });
  }

  #answer(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    if (this.#ready !== null) {
      const value = this.#ready;
      this.#ready = null;
      this.#waiting = null;
      waiting.resolve({ done: false, value });
    } else if (this.#error !== null) {
      this.#waiting = null;
      waiting.reject(this.#error);
    } else if (this.#ended) {
      this.#waiting = null;
      this.#onSent();
      waiting.resolve({ done: true, value: undefined });
    }
  }
}

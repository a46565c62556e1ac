// A stream of HTTP/2 that carries the bytes of another protocol, as node's Duplex: what an extended CONNECT
// becomes. RFC 8441 §5.

import { Duplex } from 'node:stream';
import { HttpError } from '../errors.ts';
import { CANCEL } from './codec/codec-error.ts';
import { streamErrorName } from './error-codes.ts';
import type { ServerStream, StreamOwner } from './server-stream.ts';

export class StreamDuplex extends Duplex implements StreamOwner {
  readonly #stream: ServerStream;
  #written: ((error?: Error | null) => void) | null = null;
  #finished: ((error?: Error | null) => void) | null = null;

  /** Becomes the stream's owner. */
  constructor(stream: ServerStream) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    stream.owner = this;
    if (stream.remoteDone) this.push(null);
  }

  // --- node's side ---

  override _read(): void {
    this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#stream.closed || this.#stream.write(chunk)) return done();
    this.#written = done;
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#stream.closed) return done();
    this.#finished = done;
    this.#stream.end();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.reset(CANCEL);
    done(error);
  }

  // --- the stream's side ---

  onData(data: Buffer): boolean {
    return this.push(data);
  }

  onEnd(): void {
    this.push(null);
  }

  onReset(code: number): void {
    this.destroy(new HttpError('ERR_ABORTED', `the client gave up the stream (${streamErrorName(code)})`));
  }

  onDrain(): void {
    const written = this.#written;
    this.#written = null;
    written?.();
  }

  onFinish(): void {
    this.onDrain();
    const finished = this.#finished;
    this.#finished = null;
    finished?.();
  }

  onClose(): void {}
}

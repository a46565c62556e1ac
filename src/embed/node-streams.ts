// Bodies to node streams and back: whoever embeds Weir has streams, everything below works on Body.
// Backpressure crosses in both directions, and so does breaking off: half a body is never ended as if it
// were whole.

import { Readable } from 'node:stream';
import { HttpError, messageOf } from '../errors.ts';
import { Body } from '../http/body.ts';

/** What an embedder may give as a body. */
export type BodyInput =
  string | Uint8Array | Readable | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/**
 * A body of anything that holds bytes; text is UTF-8.
 * @returns null for null and undefined: the message has no body
 * @throws {HttpError} `ERR_EMBED_INPUT` for anything else, at once or, for what an iterable yields, as the
 *         body's error
 */
export function bodyOf(input: BodyInput | null | undefined): Body | null {
  if (input == null) return null;
  if (typeof input === 'string') return Body.of(Buffer.from(input));
  if (input instanceof Uint8Array) return Body.of(bytesOf(input));
  if (input instanceof Readable) return bodyFromStream(input);
  if (typeof input === 'object' && (Symbol.asyncIterator in input || Symbol.iterator in input)) {
    return bodyFromStream(Readable.from(input, { objectMode: true }));
  }
  throw notBytes(input);
}

/** A body that is read from a stream. Cancelling it destroys the stream. */
export function bodyFromStream(stream: Readable, declaredLength: number | null = null): Body {
  const body = new Body(
    { resume: () => void stream.resume(), cancel: () => void stream.destroy() },
    declaredLength,
  );
  if (stream.errored !== null || stream.destroyed) {
    body.fail(stream.errored ?? new HttpError('ERR_HTTP_ABORTED', 'the stream of the body is destroyed'));
    return body;
  }
  stream.on('error', (error) => body.fail(asHttpError(error)));
  stream.on('end', () => body.end());
  // After `end` this changes nothing.
  stream.on('close', () => {
    body.fail(new HttpError('ERR_HTTP_ABORTED', 'the stream of the body was closed before its end'));
  });
  stream.on('data', (chunk: unknown) => {
    try {
      if (!body.push(bytesOf(chunk))) stream.pause();
    } catch (error) {
      body.fail(asHttpError(error));
      stream.destroy();
    }
  });
  return body;
}

/** A stream of a body. Destroying it cancels the body; a body that breaks off destroys it with the error. */
export function streamFromBody(body: Body): Readable {
  let begun = false;
  const stream: Readable = new Readable({
    read() {
      if (begun) return body.resume();
      begun = true;
      body.consume({
        onData: (chunk) => stream.push(chunk),
        onEnd: () => void stream.push(null),
        onError: (error) => void stream.destroy(error),
      });
    },
    destroy(error, callback) {
      body.cancel(error ?? new HttpError('ERR_ABORTED', 'the stream was destroyed'));
      callback(error);
    },
  });
  return stream;
}

/**
 * The bytes of a chunk, not copied; text is UTF-8 unless `encoding` says otherwise.
 * @throws {HttpError} `ERR_EMBED_INPUT`
 */
export function bytesOf(chunk: unknown, encoding: BufferEncoding = 'utf8'): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (typeof chunk === 'string') return Buffer.from(chunk, encoding);
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  throw notBytes(chunk);
}

function notBytes(found: unknown): HttpError {
  const type = found === null ? 'null' : Array.isArray(found) ? 'an array' : typeof found;
  return new HttpError('ERR_EMBED_INPUT', `body: expected text, bytes or a stream of them, got ${type}`);
}

function asHttpError(error: unknown): Error {
  if (typeof (error as { code?: unknown }).code === 'string') return error as Error;
  return new HttpError('ERR_HTTP_ABORTED', `the body broke off: ${messageOf(error)}`, {}, error);
}

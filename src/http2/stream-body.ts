// Bodies on HTTP/2 streams, both ways and at both ends: node's stream into a Body and a Body into node's
// stream, each in step with the other side's flow-control window. A body that breaks off, or is not as long as
// it was announced, never ends its stream. RFC 9113 §5.2, §8.1.

import { EventEmitter } from 'node:events';
import { constants } from 'node:http2';
import type { Http2Stream } from 'node:http2';
import { HttpError } from '../errors.ts';
import { Body } from '../http/body.ts';
import { safeTrailers } from '../http/framing.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import { http2Fields, regularFields } from './fields.ts';

/** A whole body up to this size is copied into one write, so that its memory is free at once. */
const ONE_WRITE = 16 * 1024; // bytes

const NO_TRAILERS: RawHeaders = [];

export interface IncomingEvents {
  /** The body is complete. */
  onEnd(): void;
  /** Something arrived, or will be read again. */
  onProgress(): void;
  /** Nobody reads: nothing more comes until somebody does. */
  onHeld?(): void;
  /** Nobody wants the rest. */
  onUnwanted(reason: Error): void;
  /** Not as long as announced, or with trailers that cannot be passed on: the body is to be failed. */
  onMalformed(error: Error): void;
}

/**
 * Makes a Body of what a stream brings. The caller watches the stream's end without completion (`close`,
 * `aborted`) and fails the body then. A reset with NO_ERROR counts as completion where no length says
 * otherwise: that is how servers of node end their answers (decision 0013).
 *
 * @param declaredLength  Content-Length, or null
 */
export function readBody(stream: Http2Stream, declaredLength: number | null, events: IncomingEvents): Body {
  let trailers = NO_TRAILERS;
  const body = new Body(
    {
      resume: () => {
        events.onProgress();
        stream.resume();
      },
      cancel: (reason) => events.onUnwanted(reason),
    },
    declaredLength,
  );
  stream.on('data', (chunk: Buffer) => {
    events.onProgress();
    if (body.push(chunk)) return;
    stream.pause();
    events.onHeld?.();
  });
  stream.on('trailers', (_fields: unknown, _flags: number, raw?: readonly string[]) => {
    try {
      trailers = safeTrailers(regularFields(raw ?? []));
    } catch (error) {
      events.onMalformed(error as Error);
    }
  });
  stream.on('end', () => {
    if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) return; // node ends what was cancelled, too
    if (declaredLength !== null && !body.settled && body.pushedBytes !== declaredLength) {
      const text = `body has ${body.pushedBytes} bytes, its Content-Length says ${declaredLength}`;
      return events.onMalformed(new HttpError('ERR_HTTP_FRAMING', text));
    }
    body.end(trailers);
    events.onEnd();
  });
  return body;
}

export interface OutgoingEvents {
  /** All of it was taken by the other side's window. */
  onDone(): void;
  /** The stream must be reset: the peer must not take the body for complete. */
  onBroken(error: Error): void;
}

/** Whether a body can be sent by {@link sendWhole}. */
export function isSmallAndWhole(body: Body, length: number | null): boolean {
  if (!body.ended || body.error !== null || body.trailers.length > 0 || body.queuedBytes > ONE_WRITE)
    return false;
  return length === null || length === body.queuedBytes;
}

/** Sends a body that is here already, and ends the stream. */
export function sendWhole(stream: Http2Stream, body: Body): void {
  const chunks = body.take(body.queuedBytes);
  body.cancel();
  const copy = Buffer.concat(chunks);
  body.released();
  if (copy.length === 0) stream.end();
  else stream.end(copy);
}

/**
 * Sends a body as it comes. The head must have been sent with `waitForTrailers`.
 *
 * @param length  that it must have, or null
 * @returns what to call when the stream has drained
 */
export function sendBody(
  stream: Http2Stream,
  body: Body,
  length: number | null,
  events: OutgoingEvents,
): () => void {
  let sent = 0;
  let over = false;
  const broken = (error: Error): void => {
    if (over) return;
    over = true;
    events.onBroken(error);
  };
  body.consume({
    onData(chunk) {
      if (over) return true;
      sent += chunk.length;
      if (length !== null && sent > length) {
        const error = new HttpError(
          'ERR_HTTP_FRAMING',
          `body is longer than its Content-Length of ${length}`,
        );
        body.cancel(error);
        broken(error);
        return true;
      }
      return stream.write(chunk);
    },
    onEnd(trailers) {
      if (over) return;
      if (length !== null && sent !== length) {
        const text = `body has ${sent} bytes, its Content-Length says ${length}`;
        return broken(new HttpError('ERR_HTTP_FRAMING', text));
      }
      let waitingFor = 2; // trailers are asked for when the last byte has left, before or after `finish`
      const step = (): void => {
        if (--waitingFor > 0 || over) return;
        over = true;
        events.onDone();
      };
      stream.once('wantTrailers', () => {
        if (stream.destroyed || stream.closed) return;
        stream.sendTrailers(http2Fields(trailers));
        setImmediate(step); // they leave in a turn of their own
      });
      stream.once('finish', () => {
        body.released();
        step();
      });
      stream.end();
    },
    onError: broken,
  });
  return () => body.resume();
}

/**
 * Cuts a closed stream off from whoever listened to it. Node keeps closed streams until the next full garbage
 * collection, and with them whatever their listeners know: half the time of small exchanges.
 */
export function releaseStream(stream: Http2Stream): void {
  // That of readable streams would think about it once more in a later tick.
  EventEmitter.prototype.removeAllListeners.call(stream);
}

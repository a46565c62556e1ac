// Sends a body over a socket by its framing, in step with the socket: bytes as they are, or in chunks.
// A body that breaks off or does not have the announced length never looks complete: the socket is cut.
// RFC 9112 §6, §7.1; C-39.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { HttpError } from '../errors.ts';
import { lastChunk } from '../icap/codec/chunked.ts';
import type { RawHeaders } from '../icap/codec/http-head.ts';
import { encodeWithBody, writeChunk } from '../icap/codec/serializer.ts';
import { SocketBatch } from '../util/socket-batch.ts';
import type { Body } from './body.ts';

export type OutgoingFraming =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  /** The end of the connection is the end of the body. */
  | { readonly kind: 'close' };

/** A head and its body up to this size leave in one write. */
const ONE_WRITE = 16 * 1024; // bytes

export interface BodyWriteEvents {
  onDone(): void;
  /** The socket must be destroyed: the peer must not take the body for complete. */
  onBroken(error: Error): void;
}

/** True when the whole body is here and small, so that it can be encoded without waiting. */
function isSmallAndComplete(body: Body): boolean {
  return body.ended && body.error === null && body.queuedBytes <= ONE_WRITE;
}

/**
 * A head with its complete small body as one buffer, or null where the body must be streamed.
 * Consumes the body.
 */
export function encodeSmallMessage(head: string, body: Body, framing: OutgoingFraming): Buffer | null {
  if (!isSmallAndComplete(body)) return null;
  const bytes = body.queuedBytes;
  if (framing.kind === 'length' && framing.length !== bytes) return null;
  const chunks = body.take(bytes);
  const { trailers } = body;
  body.cancel();
  if (framing.kind === 'chunked') {
    const encoded = encodeWithBody(head, chunks, bytes, lastChunk(trailers));
    body.released();
    return encoded;
  }
  const buffer = Buffer.allocUnsafe(head.length + bytes);
  let at = buffer.write(head, 0, 'latin1');
  for (const chunk of chunks) {
    buffer.set(chunk, at);
    at += chunk.length;
  }
  body.released();
  return buffer;
}

/**
 * Writes `head` and streams `body` behind it.
 * @returns what to call when the socket has drained
 */
export function writeMessage(
  socket: Socket,
  head: string,
  body: Body,
  framing: OutgoingFraming,
  events: BodyWriteEvents,
): () => void {
  let sent = 0;
  const chunked = framing.kind === 'chunked';
  const broken = (error: Error): void => {
    if (framing.kind === 'close') cutOff(socket);
    events.onBroken(error);
  };
  const batch = new SocketBatch(socket);
  const released = (error?: Error | null): void => {
    if (error == null) body.released();
  };
  batch.writeText(head);
  body.consume({
    onData(chunk) {
      sent += chunk.length;
      if (chunked) return writeChunk(batch, chunk);
      if (framing.kind === 'length' && sent > framing.length) {
        const error = new HttpError(
          'ERR_HTTP_FRAMING',
          `body is longer than its Content-Length of ${framing.length}`,
        );
        body.cancel(error);
        broken(error);
        return true;
      }
      if (framing.kind === 'length' && sent === framing.length) batch.write(chunk, released);
      else batch.write(chunk);
      return batch.room;
    },
    onEnd(trailers: RawHeaders) {
      if (chunked) batch.writeText(lastChunk(trailers), released);
      else if (framing.kind === 'length' && sent !== framing.length) {
        const text = `body has ${sent} bytes, its Content-Length says ${framing.length}`;
        return broken(new HttpError('ERR_HTTP_FRAMING', text));
      }
      batch.flush();
      events.onDone();
    },
    onError: broken,
  });
  return () => body.resume();
}

/**
 * Ends a connection so that its peer cannot take the end for an orderly one: TCP resets. That goes for TLS
 * as well, where it can be had: most programs take an end without close_notify for complete.
 */
export function cutOff(socket: Socket): void {
  // Node offers no reset for TLS; the socket below has gone by this name since its first versions.
  const below = socket instanceof TLSSocket ? (socket as { _parent?: Socket })._parent : socket;
  below?.resetAndDestroy();
  socket.destroy();
}

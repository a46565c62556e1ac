// Sends the answers of one connection: heads at once, bodies as they come and as the client takes them.
// What an answer says, and what follows when it breaks off, connection.ts decides.

import type { Socket } from 'node:net';
import type { Body } from '../../http/body.ts';
import { SocketBatch } from '../../util/socket-batch.ts';
import { LAST_CHUNK, lastChunk } from '../codec/chunked.ts';
import { encodeWithBody, writeChunk } from '../codec/serializer.ts';

const SMALL_BODY = 64 * 1024; // bytes up to which head and body go out in one write

export interface StreamEvents {
  /** Everything was handed to the socket. */
  onDone(): void;
  /** The body failed: its last chunk must never be sent (S-08, C-39). */
  onBroken(error: Error): void;
  /** The client takes no more at the moment. */
  onFull(): void;
}

export class AnswerWriter {
  readonly #socket: Socket;
  #body: Body | null = null; // being sent, resumed on drain

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** A body is being sent and the client has not taken what was written. */
  get stalled(): boolean {
    return this.#body !== null && this.#socket.writableNeedDrain;
  }

  /** Writes latin-1 text; nothing when the socket is gone. */
  write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  /** Head and body in one write, where the whole body is here and not large. Returns whether it was. */
  writeWhole(head: string, body: Body): boolean {
    if (!body.ended || body.queuedBytes > SMALL_BODY) return false;
    const bytes = body.queuedBytes;
    const tail = body.trailers.length === 0 ? LAST_CHUNK : lastChunk(body.trailers);
    this.#socket.write(encodeWithBody(head, body.take(bytes), bytes, tail));
    body.cancel();
    return true;
  }

  /** Head, then the body chunk by chunk. */
  stream(head: string, body: Body, events: StreamEvents): void {
    const batch = new SocketBatch(this.#socket);
    batch.writeText(head);
    this.#body = body;
    body.consume({
      onData: (chunk) => {
        const more = writeChunk(batch, chunk);
        if (!more) events.onFull();
        return more;
      },
      onEnd: (trailers) => {
        this.#body = null;
        batch.writeText(lastChunk(trailers));
        batch.flush();
        events.onDone();
      },
      onError: (error) => events.onBroken(error),
    });
  }

  /** The socket has room again. */
  resume(): void {
    this.#body?.resume();
  }

  /** Stops sending a body. */
  cancel(reason: Error): void {
    const body = this.#body;
    this.#body = null;
    body?.cancel(reason);
  }
}

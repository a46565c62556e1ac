// Sends the answers of one connection: heads at once, bodies as they come and as the client takes them.
// What an answer says, and what follows when it breaks off, connection.ts decides.

import type { Socket } from 'node:net';
import type { Body } from '../../http/body.ts';
import { SocketBatch } from '../../util/socket-batch.ts';
import { LAST_CHUNK, lastChunk } from '../codec/chunked.ts';
import type { RawHeaders } from '../codec/http-head.ts';
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

  /**
   * Head and body in one write, where there is no body, or all of it is here and not large.
   * @param extension  of the last chunk, or ''
   * @returns false where nothing was written: the body is to be streamed
   */
  writeWhole(head: string, body: Body | null, extension: string): boolean {
    if (body === null) {
      this.write(head);
      return true;
    }
    if (!body.ended || body.queuedBytes > SMALL_BODY) return false;
    const bytes = body.queuedBytes;
    this.#socket.write(encodeWithBody(head, body.take(bytes), bytes, ending(body.trailers, extension)));
    body.cancel();
    return true;
  }

  /** Head, then the body chunk by chunk. */
  stream(head: string, body: Body, extension: string, events: StreamEvents): void {
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
        batch.writeText(ending(trailers, extension));
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

function ending(trailers: RawHeaders, extension: string): string {
  return trailers.length === 0 && extension === '' ? LAST_CHUNK : lastChunk(trailers, extension);
}

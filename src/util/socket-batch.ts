// Gathers the writes of a streamed body, so that several TLS records or chunks leave in one system call.
// A batch goes out when it is large enough, or at the end of the event loop's turn, whichever is first.
// It also decides when a socket is full: node's own mark of 16 KiB would stop the sender at every record.

import type { Socket } from 'node:net';

const BATCH = 64 * 1024; // bytes
const FULL = 128 * 1024; // bytes waiting in the socket beyond which the sender must stop

export class SocketBatch {
  readonly #socket: Socket;
  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  #bytes = 0;
  #corked = false;
  #scheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Adds bytes to the batch; `room` tells whether the sender may go on. `written`: they have left us. */
  write(data: Buffer, written?: (error?: Error | null) => void): void {
    this.#open();
    this.#bytes += data.length;
    this.#socket.write(data, written);
  }

  /** Adds latin-1 text to the batch. */
  writeText(text: string, written?: (error?: Error | null) => void): void {
    this.#open();
    this.#bytes += text.length;
    this.#socket.write(text, 'latin1', written);
  }

  /** Sends a full batch. `false`: stop until the socket's `drain`. */
  get room(): boolean {
    if (this.#bytes >= BATCH) this.flush();
    return this.#socket.writableLength < FULL;
  }

  /** Sends what was gathered. */
  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#bytes = 0;
    this.#socket.uncork();
  }

  #open(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flushLater);
  }
}

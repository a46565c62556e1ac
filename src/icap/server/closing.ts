// The orderly end of a connection: half-close, then read what is still on its way, so that no RST destroys
// the last answer before the client has read it. S-09, S-11.

import type { Socket } from 'node:net';

export class OrderlyClose {
  readonly #socket: Socket;
  readonly #maxBytes: number;
  #begun = false;
  #dropped = 0; // bytes

  constructor(socket: Socket, maxBytes: number) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  get begun(): boolean {
    return this.#begun;
  }

  /** Sends FIN behind what was written. The caller cuts a client that does not close. */
  begin(): void {
    this.#begun = true;
    this.#socket.end();
    this.#socket.resume();
  }

  /** Takes note of bytes that arrived afterwards; too many end the connection at once. */
  drop(bytes: number): void {
    this.#dropped += bytes;
    if (this.#dropped > this.#maxBytes) this.#socket.destroy();
  }
}

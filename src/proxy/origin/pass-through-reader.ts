// Reads an origin's connection whose bytes go straight on to one socket, as in a tunnel that is passed on.
// What a write has handed to the kernel at once may be overwritten by the next read, so nothing is allocated
// while the receiver keeps up: a small buffer a tunnel, and a large one, lent, while much is coming.
// Uses the `onread` option of net.connect; such a socket emits no `data`. See SlabReader for bodies.

import type { Duplex, Readable } from 'node:stream';

const SMALL = 8 * 1024; // bytes: what an idle tunnel keeps
const LARGE = 128 * 1024; // bytes
const MAX_SPARE = 16; // large buffers that are kept for the next tunnel

const spare: Buffer[] = [];

export class PassThroughReader {
  /** For the options of `net.connect`. */
  readonly onread = {
    buffer: (): Uint8Array => this.#buffer,
    callback: (bytes: number): boolean => this.#onRead(bytes),
  };
  readonly #small: Buffer = Buffer.allocUnsafeSlow(SMALL);
  #buffer: Buffer = this.#small;
  #to: Duplex | null = null;
  #early: Buffer | null = null;
  #isOwn = true;

  /** The connection cannot take `onread`: it emits `data`. */
  readFrom(_socket: Readable): void {
    this.#isOwn = false;
  }

  /** Forgets what was read: it came from a connection that is given up for another. */
  discard(): void {
    this.#early = null;
  }

  /**
   * Names who gets the bytes. The caller resumes the connection, now and at every `drain` of the receiver.
   * @returns false where the connection emits `data`, which the caller has to pass on
   */
  pourInto(to: Duplex): boolean {
    if (!this.#isOwn) return false;
    this.#to = to;
    if (this.#early !== null) to.write(this.#early);
    this.#early = null;
    return true;
  }

  /** @returns false to stop reading */
  #onRead(bytes: number): boolean {
    const chunk = this.#buffer.subarray(0, bytes);
    if (this.#to === null) {
      this.#early = this.#early === null ? Buffer.from(chunk) : Buffer.concat([this.#early, chunk]);
      return false;
    }
    const hasRoom = this.#to.write(chunk);
    if (this.#to.writableLength === 0) {
      // The kernel has it all, whatever the stream's mark says.
      this.#fit(bytes);
      return true;
    }
    // To be overwritten only after `drain`, when it has left; if reading goes on before, never.
    if (hasRoom) this.#buffer = Buffer.allocUnsafeSlow(SMALL);
    return hasRoom;
  }

  /** Chooses the buffer for the next read; nothing of the present one is under way. */
  #fit(bytes: number): void {
    const isLarge = this.#buffer.length === LARGE;
    if (!isLarge && bytes === SMALL) {
      this.#buffer = spare.pop() ?? Buffer.allocUnsafeSlow(LARGE);
    } else if (isLarge && bytes < SMALL) {
      if (spare.length < MAX_SPARE) spare.push(this.#buffer);
      this.#buffer = this.#small;
    }
  }
}

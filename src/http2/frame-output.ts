// What leaves on a connection of HTTP/2: frames are copied one behind the other into a slab, and the slab goes
// to the socket when it is full or when the event loop's turn ends, so that all streams that are answered in
// one turn share a write and its TLS record. RFC 9113 §4.1.

import type { Socket } from 'node:net';
import { writeFrameHead } from './codec/frame-writer.ts';
import { DATA, END_STREAM, FRAME_HEAD } from './codec/frame-types.ts';

const SLAB = 64 * 1024; // bytes
const SPARE_SLABS = 2;
const FULL = 128 * 1024; // bytes waiting in the socket beyond which bodies must stop

export class FrameOutput {
  readonly #socket: Socket;
  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };
  #slab: Buffer | null = null;
  #end = 0;
  #scheduled = false;
  readonly #spare: Buffer[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the client has not taken. */
  get waiting(): number {
    return this.#end + this.#socket.writableLength;
  }

  /** `false`: bodies stop until the socket's `drain`. */
  get room(): boolean {
    return this.#socket.writableLength < FULL;
  }

  /** Copies a frame. */
  write(frame: Buffer): void {
    frame.copy(this.reserve(frame.length), this.#end);
    this.#end += frame.length;
  }

  /** Copies a piece of a body into one DATA frame. */
  writeData(stream: number, body: Buffer, from: number, to: number, endStream: boolean): void {
    const into = this.reserve(FRAME_HEAD + to - from);
    const at = writeFrameHead(into, this.#end, to - from, DATA, endStream ? END_STREAM : 0, stream);
    body.copy(into, at, from, to);
    this.#end = at + to - from;
  }

  /** Makes room for so many bytes from {@link end} on, for who writes them and then calls {@link advance}. */
  reserve(bytes: number): Buffer {
    if (this.#slab !== null && this.#slab.length - this.#end < bytes) this.flush();
    this.#slab ??=
      bytes <= SLAB ? (this.#spare.pop() ?? Buffer.allocUnsafeSlow(SLAB)) : Buffer.allocUnsafe(bytes);
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushLater);
    }
    return this.#slab;
  }

  /** Where the next byte goes in the slab. */
  get end(): number {
    return this.#end;
  }

  advance(to: number): void {
    this.#end = to;
  }

  /** Hands what was gathered to the socket. */
  flush(): void {
    const slab = this.#slab;
    if (slab === null || this.#end === 0) return;
    const bytes = this.#end;
    this.#slab = null;
    this.#end = 0;
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.write(slab.subarray(0, bytes), () => {
      if (slab.length === SLAB && this.#spare.length < SPARE_SLABS) this.#spare.push(slab);
    });
  }
}

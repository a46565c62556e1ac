// permessage-deflate: inflates what one end sends, and deflates for the other. Both work off the event loop and
// chunk by chunk, so that a small message that becomes a large one waits for whoever takes it. RFC 7692 §7.2.

import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib';
import type { DeflateRaw, InflateRaw } from 'node:zlib';
import { messageOf } from '../../errors.ts';
import { brokenFrame, INVALID_DATA } from './frames.ts';
import type { DeflateSide } from './extensions.ts';

/** What a sender leaves away at the end of a message. */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** A message, or the rest of one, in which there is nothing (RFC 7692 §7.2.3.6). */
const EMPTY_BLOCK = Buffer.from([0x00]);
const MIN_WINDOW_BITS = 9; // zlib makes no streams with less

export interface InflaterSink {
  onData(chunk: Buffer): void;
  /** What was written is worked off: more may come. */
  onDrain(): void;
  /** The end of a message is reached. */
  onEnd(): void;
  onError(error: Error): void;
}

/** Inflates messages one after the other. */
export class Inflater {
  readonly #sink: InflaterSink;
  readonly #noContextTakeover: boolean;
  #zlib: InflateRaw | null = null;
  #ended = false; // the flush at the end of a message is through
  #paused = false;

  constructor({ noContextTakeover }: DeflateSide, sink: InflaterSink) {
    this.#noContextTakeover = noContextTakeover;
    this.#sink = sink;
  }

  /** `false`: hold the rest until `onDrain`. */
  write(chunk: Buffer): boolean {
    return this.#open().write(chunk);
  }

  /** The message is complete; nothing is to be written until `onEnd`. */
  end(): void {
    const zlib = this.#open();
    zlib.write(TAIL);
    zlib.flush(constants.Z_SYNC_FLUSH, () => {
      if (zlib !== this.#zlib) return;
      this.#ended = true;
      this.#checkEnd(zlib);
    });
  }

  pause(): void {
    this.#paused = true;
    this.#zlib?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#zlib?.resume();
  }

  close(): void {
    const zlib = this.#zlib;
    this.#zlib = null;
    zlib?.removeAllListeners();
    zlib?.on('error', () => {});
    zlib?.close();
  }

  #open(): InflateRaw {
    if (this.#zlib !== null) return this.#zlib;
    const zlib = createInflateRaw();
    this.#zlib = zlib;
    zlib.on('data', (chunk: Buffer) => {
      this.#sink.onData(chunk);
      if (this.#ended) this.#checkEnd(zlib);
    });
    zlib.on('drain', () => this.#sink.onDrain());
    zlib.on('error', (error) => {
      this.close();
      this.#sink.onError(brokenFrame(`compressed data cannot be read: ${messageOf(error)}`, INVALID_DATA));
    });
    if (this.#paused) zlib.pause();
    return zlib;
  }

  #checkEnd(zlib: InflateRaw): void {
    if (zlib.readableLength > 0 || zlib !== this.#zlib) return;
    this.#ended = false;
    // A last block ends zlib's stream, but not the connection's: the next message begins anew.
    if (this.#noContextTakeover || zlib.readableEnded) this.close();
    this.#sink.onEnd();
  }
}

/** Compresses messages one after the other. */
export class Deflater {
  /** Whether messages can be compressed the way it was agreed on. */
  readonly able: boolean;
  readonly #side: DeflateSide;
  #zlib: DeflateRaw | null = null;
  #output: Buffer[] = [];
  #reject: ((error: Error) => void) | null = null;

  constructor(side: DeflateSide) {
    this.#side = side;
    this.able = side.windowBits >= MIN_WINDOW_BITS;
  }

  /**
   * Payload of one frame of a message.
   * @param final  it is the message's last; nothing else may be going on
   * @throws {Error} zlib's, or that the connection was closed meanwhile
   */
  compress(chunk: Buffer, final: boolean): Promise<Buffer> {
    const zlib = this.#open();
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (chunk.length > 0) zlib.write(chunk);
      zlib.flush(constants.Z_SYNC_FLUSH, () => {
        this.#reject = null;
        const bytes = Buffer.concat(this.#output);
        this.#output = [];
        if (final && this.#side.noContextTakeover) this.close();
        if (!final) return resolve(bytes);
        const length = bytes.length - TAIL.length;
        resolve(length > 0 ? bytes.subarray(0, length) : EMPTY_BLOCK);
      });
    });
  }

  close(): void {
    const zlib = this.#zlib;
    this.#zlib = null;
    this.#output = [];
    zlib?.removeAllListeners();
    zlib?.on('error', () => {});
    zlib?.close();
    this.#reject?.(new Error('the connection was closed'));
    this.#reject = null;
  }

  #open(): DeflateRaw {
    if (this.#zlib !== null) return this.#zlib;
    const zlib = createDeflateRaw({ windowBits: this.#side.windowBits });
    this.#zlib = zlib;
    zlib.on('data', (chunk: Buffer) => this.#output.push(chunk));
    zlib.on('error', (error) => {
      this.#reject?.(error);
      this.#reject = null;
    });
    return zlib;
  }
}

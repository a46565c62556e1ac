// Reads a socket into slabs of our own instead of one fresh 64 KiB buffer a read: small answers cost no
// allocation, and the TLS records of a large body lie side by side, so that they travel on as one piece.
// A slab is written anew only when nothing of it is out: whoever takes bytes beyond the sink's call holds
// a lease. Uses the `onread` option of net.connect and tls.connect; such a socket emits no `data`.

import type { Readable } from 'node:stream';

const FIRST_SLAB = 24 * 1024; // bytes: many connections carry one small answer
const SLAB = 128 * 1024; // bytes
const MIN_ROOM = 16 * 1024; // bytes: a whole TLS record must fit
const FULL_RECORD = 16 * 1024; // bytes of a TLS record that is surely followed by another
const FLUSH = 64 * 1024; // bytes that are gathered at most

interface Slab {
  readonly bytes: Buffer;
  /** Leases on it; with any, its bytes stay as they are. */
  leases: number;
}

/** Keeps the slabs of one body from being written anew until `release`. */
export interface SlabLease {
  /** To be called in the sink, for each slice that is kept beyond it. */
  touch(): void;
  /** Nothing refers to the slices any more. Never called: their slabs are left to the garbage collector. */
  release(): void;
}

export class SlabReader {
  /** For the options of `net.connect` and `tls.connect`. */
  readonly onread = {
    buffer: (): Uint8Array => this.#room(),
    callback: (bytes: number): boolean => this.#onRead(bytes),
  };
  #sink: ((bytes: Buffer) => void) | null = null;
  #slab: Slab = { bytes: Buffer.allocUnsafeSlow(FIRST_SLAB), leases: 0 };
  #spare: Slab | null = null;
  #start = 0; // of what was read and not handed on
  #end = 0;
  #scheduled = false;
  #source: Readable | null = null;

  /** Reads a socket that cannot take `onread`, as it was connected before: its `data` goes to the sink. */
  readFrom(socket: Readable): void {
    this.#source = socket;
  }

  /** Names who gets the bytes; what was read before is handed over at once. */
  set sink(sink: (bytes: Buffer) => void) {
    this.#sink = sink;
    this.#source?.on('data', sink).resume();
    this.flush();
  }

  /** Hands on what was gathered; to be called before the end of the stream is acted on. */
  flush(): void {
    if (this.#start === this.#end || this.#sink === null) return;
    const bytes = this.#slab.bytes.subarray(this.#start, this.#end);
    this.#start = this.#end;
    this.#sink(bytes);
  }

  /** Forgets what was read and not handed on: it came from a connection that is given up for another. */
  discard(): void {
    this.#start = this.#end;
  }

  lease(): SlabLease {
    // Only the last slab of a body is remembered: remembering all would keep a large body in memory.
    let held: Slab | null = null;
    return {
      touch: () => {
        if (held === this.#slab) return;
        held = this.#slab;
        held.leases++;
      },
      release: () => {
        if (held !== null && --held.leases === 0) this.#onFree(held);
        held = null;
      },
    };
  }

  /** Where the next read goes. Called after every read, before the next one. */
  #room(): Uint8Array {
    const waiting = this.#end - this.#start;
    if (waiting === 0 && this.#slab.leases === 0) {
      this.#start = 0;
      this.#end = 0;
    }
    if (this.#slab.bytes.length - this.#end < MIN_ROOM) {
      const old = this.#slab.bytes.subarray(this.#start, this.#end);
      this.#slab = this.#spare ?? { bytes: Buffer.allocUnsafeSlow(SLAB), leases: 0 };
      this.#spare = null;
      old.copy(this.#slab.bytes);
      this.#start = 0;
      this.#end = waiting;
    }
    return this.#end === 0 ? this.#slab.bytes : this.#slab.bytes.subarray(this.#end);
  }

  /** A slab that was full comes back: it is written next. */
  #onFree(slab: Slab): void {
    if (slab !== this.#slab && slab.bytes.length === SLAB) this.#spare = slab;
  }

  #onRead(bytes: number): boolean {
    this.#end += bytes;
    if (bytes !== FULL_RECORD || this.#end - this.#start >= FLUSH) this.flush();
    else if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#flushLater);
    }
    return true;
  }

  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };
}

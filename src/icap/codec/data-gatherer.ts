// Joins the data of the many small chunks that one read may hold into one piece: every piece costs the
// whole way through the proxy, and some servers send 512 bytes a chunk. Chunks are moved together where
// they lie if the buffer may be changed, otherwise in a copy; a single slice is handed on as it is.

const EMPTY = Buffer.alloc(0);

export class DataGatherer {
  readonly #inPlace: boolean;
  #bytes: Buffer = EMPTY;
  #start = 0; // of the piece, in #bytes
  #end = 0;
  #shift = 0; // how far offsets of the caller's buffer are ahead of #bytes, once it is a copy
  #copied = false;

  /** @param inPlace  the caller's buffers may be overwritten up to the bytes that were decoded */
  constructor(inPlace: boolean) {
    this.#inPlace = inPlace;
  }

  /** Adds `bytes[from, to)`; all slices between two `take`s must be of one buffer, in order. */
  add(bytes: Buffer, from: number, to: number): void {
    if (this.#start === this.#end) {
      this.#bytes = bytes;
      this.#start = from;
      this.#end = to;
      return;
    }
    if (!this.#inPlace && !this.#copied) {
      this.#copied = true;
      this.#bytes = Buffer.allocUnsafeSlow(bytes.length - this.#start);
      bytes.copy(this.#bytes, 0, this.#start);
      this.#shift = this.#start;
      this.#start = 0;
      this.#end -= this.#shift;
    }
    this.#bytes.copyWithin(this.#end, from - this.#shift, to - this.#shift);
    this.#end += to - from;
  }

  /** What was added since the last call, or null. */
  take(): Buffer | null {
    if (this.#start === this.#end) return null;
    const whole = this.#start === 0 && this.#end === this.#bytes.length;
    const taken = whole ? this.#bytes : this.#bytes.subarray(this.#start, this.#end);
    this.#bytes = EMPTY;
    this.#start = 0;
    this.#end = 0;
    this.#shift = 0;
    this.#copied = false;
    return taken;
  }
}

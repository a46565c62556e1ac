// Pulls bytes out of a chunked source in the pieces that a format asks for. Holds at most the chunk at
// hand and what was put back; all formats of this folder are read through it.

/** Bytes in order. A chunk stays valid; producers do not reuse its memory. */
export type Chunks = AsyncIterable<Buffer>;

/** A stretch of the source. */
export interface Section {
  chunks(): AsyncGenerator<Buffer>;
  /** Passes over what was not read; returns how many bytes the source lacked. */
  finish(): Promise<number>;
}

export class ChunkReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(source: Chunks) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next bytes, at most `limit` of them and never an empty chunk; null at the end. */
  async next(limit = Infinity): Promise<Buffer | null> {
    while (this.#held.length === 0) {
      if (this.#ended) return null;
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else this.#held = value;
    }
    const taken = this.#held.length > limit ? this.#held.subarray(0, limit) : this.#held;
    this.#held = this.#held.subarray(taken.length);
    return taken;
  }

  /** Puts bytes back in front of what comes next. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([bytes, this.#held]);
  }

  /** Exactly `length` bytes, or fewer where the source ends before. */
  async read(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let got = 0;
    while (got < length) {
      const part = await this.next(length - got);
      if (part === null) break;
      parts.push(part);
      got += part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  }

  /** At least `length` bytes (fewer at the end of the source) without consuming them. */
  async peek(length: number): Promise<Buffer> {
    const bytes = await this.read(length);
    this.unread(bytes);
    return bytes;
  }

  /** The next `length` bytes as a stream of their own; call `finish` before reading on. */
  section(length: number): Section {
    let left = length;
    const next = this.next.bind(this);
    const skip = this.skip.bind(this);
    return {
      async *chunks() {
        while (left > 0) {
          const part = await next(left);
          if (part === null) return;
          left -= part.length;
          yield part;
        }
      },
      finish: () => skip(left),
    };
  }

  /** Passes over `length` bytes; returns how many the source lacked. */
  async skip(length: number): Promise<number> {
    let left = length;
    while (left > 0) {
      const part = await this.next(left);
      if (part === null) break;
      left -= part.length;
    }
    return left;
  }

  /** Everything that is left. */
  async *rest(): AsyncGenerator<Buffer> {
    for (let part = await this.next(); part !== null; part = await this.next()) yield part;
  }

  /** Tells the source that nothing more is wanted. */
  async cancel(): Promise<void> {
    this.#ended = true;
    this.#held = Buffer.alloc(0);
    await this.#source.return?.();
  }
}

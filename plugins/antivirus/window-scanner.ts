// Scans content of any length through one buffer: when it is full it is scanned, and its end is kept as
// the next window's beginning, so that nothing hides on a border. Memory is the window, whatever comes.

import type { Hit, RuleEngine } from './engine.ts';

/** Longest match that is found across a border. */
export const OVERLAP_BYTES = 64 * 1024;

export class WindowScanner {
  readonly #engine: RuleEngine;
  readonly #buffer: Buffer;
  #filled = 0;
  /** Where the buffer's first byte stands in the content. */
  #offset = 0;
  /** Bytes at the buffer's start that were scanned with the window before. */
  #overlap = 0;

  /** @param windowBytes buffer size; must exceed `OVERLAP_BYTES` */
  constructor(engine: RuleEngine, windowBytes: number) {
    this.#engine = engine;
    this.#buffer = Buffer.allocUnsafeSlow(windowBytes);
  }

  /** Scans one content from its first byte; stops reading it at the first hit. */
  async scan(chunks: AsyncIterable<Buffer>): Promise<Hit | null> {
    this.#filled = this.#offset = this.#overlap = 0;
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        const copied = chunk.copy(this.#buffer, this.#filled, at);
        at += copied;
        this.#filled += copied;
        if (this.#filled < this.#buffer.length) continue;
        const hit = this.#scanWindow();
        if (hit !== null) return hit;
        this.#buffer.copyWithin(0, this.#filled - OVERLAP_BYTES, this.#filled);
        this.#offset += this.#filled - OVERLAP_BYTES;
        this.#filled = this.#overlap = OVERLAP_BYTES;
      }
    }
    return this.#filled > this.#overlap ? this.#scanWindow() : null;
  }

  #scanWindow(): Hit | null {
    return this.#engine.scan(this.#buffer.subarray(0, this.#filled), this.#offset);
  }
}

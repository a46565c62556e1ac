// Bodies that anybody can check who knows the number of the request: a stretch of an endless pattern that
// begins elsewhere for every request and direction, so that loss, repetition and mixed-up answers all show.

import { patternAt } from '../streams/pattern.ts';

const STEP = 64 * 1024; // bytes; pieces that contents are made and compared in
const SPREAD = 1_000_003; // prime: neighbours begin far from each other

/** Where in the pattern the body of a request begins that goes up, or the one that comes down. */
function startOf(number: number, direction: 'up' | 'down'): number {
  return number * SPREAD + (direction === 'up' ? 500_009 : 0);
}

/** The pieces of a body of `size` bytes, in order. */
export function* contentPieces(number: number, direction: 'up' | 'down', size: number): Generator<Buffer> {
  const start = startOf(number, direction);
  for (let at = 0; at < size; at += STEP) yield patternAt(start + at, Math.min(STEP, size - at));
}

/** Compares a body with what it has to be, as it comes. */
export class ContentCheck {
  bytes = 0;
  /** Offset of the first piece that differed, or null. */
  differsAt: number | null = null;
  readonly #start: number;

  constructor(number: number, direction: 'up' | 'down') {
    this.#start = startOf(number, direction);
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += STEP) {
      const part = chunk.subarray(at, at + STEP);
      if (!part.equals(patternAt(this.#start + this.bytes, part.length))) this.differsAt ??= this.bytes;
      this.bytes += part.length;
    }
  }
}

// A copy of the start of a body that passes: bytes up to a bound, in memory while they are few, else in a
// file. Slows nobody; what comes past the bound is counted and left out.

import type { Body } from '../http/body.ts';
import type { SpoolOptions } from '../http/spool.ts';
import { Spool } from '../http/spool.ts';

export class BodyCopy {
  /** All of it has passed, and all of it is here. */
  complete = false;
  /** Bytes that have passed. */
  seen = 0;
  readonly #spool: Spool;
  readonly #limit: number;
  #kept = 0;

  /** @param limit  bytes that are kept */
  constructor(limit: number, spool: SpoolOptions) {
    this.#limit = limit;
    this.#spool = new Spool(spool);
  }

  /** Starts a copy of a body of which nothing has been taken yet. */
  static of(body: Body, limit: number, spool: SpoolOptions): BodyCopy {
    const copy = new BodyCopy(limit, spool);
    body.watch({
      onData: (chunk) => copy.#add(chunk),
      onEnd: () => (copy.complete = copy.#kept === copy.seen),
    });
    return copy;
  }

  /** Bytes that are here. */
  get size(): number {
    return this.#kept;
  }

  /** Bytes from `from` on; fewer where less is here, none after the disk has failed. */
  part(from: number, length: number): Promise<Buffer> {
    return this.#spool.peek(from, length);
  }

  /** Frees them. */
  dispose(): void {
    this.#spool.dispose();
  }

  #add(chunk: Buffer): void {
    this.seen += chunk.length;
    const part = chunk.subarray(0, this.#limit - this.#kept);
    if (part.length === 0) return;
    this.#kept += part.length;
    this.#spool.append(Buffer.from(part), () => {}); // what passes may be overwritten soon
  }
}

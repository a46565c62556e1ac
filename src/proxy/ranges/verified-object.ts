// An object that was fetched whole and has its verdict: its bytes, in memory or in a file, its head, and what
// inspection came to. It lives as long as somebody refers to it. Who may have it is object-store.ts.

import { HttpError } from '../../errors.ts';
import { Body } from '../../http/body.ts';
import type { SpoolOptions } from '../../http/spool.ts';
import { readFilePart, Spool } from '../../http/spool.ts';
import type { ResponseHead } from '../../icap/codec/http-head.ts';
import type { PipelineOutput } from '../adaptation/pipeline.ts';

/** What all who get a part of it have to log. */
export type ObjectVerdict = Pick<PipelineOutput, 'verdict' | 'threat' | 'incident' | 'coverage'>;

export interface ObjectFacts {
  /** Of the transaction that fetched it. */
  readonly id: string;
  /** As it goes to clients: end-to-end fields. */
  readonly head: ResponseHead;
  /** As the origin sent it. */
  readonly origin: ResponseHead;
  /** Bytes that the origin announced; null where it did not. */
  readonly announced: number | null;
  readonly verdict: ObjectVerdict;
  /** When its head came, milliseconds of Date.now(). */
  readonly receivedAt: number;
}

export class VerifiedObject {
  readonly facts: ObjectFacts;
  readonly #spool: Spool;
  #references = 1;

  private constructor(facts: ObjectFacts, spool: Spool) {
    this.facts = facts;
    this.#spool = spool;
  }

  /**
   * Keeps a body to its end.
   * @param limit  bytes
   * @returns the object, with one reference, which is the caller's
   * @throws the body's error; {HttpError} `ERR_SPOOL`, also past `limit`
   */
  static async keep(
    facts: ObjectFacts,
    body: Body | null,
    options: SpoolOptions,
    limit: number,
  ): Promise<VerifiedObject> {
    const spool = new Spool(options);
    try {
      if (body !== null) await fill(spool, body, limit);
      await spool.flush();
      if (spool.error !== null) throw spool.error;
      return new VerifiedObject(facts, spool);
    } catch (error) {
      spool.dispose();
      body?.cancel(error as Error);
      throw error;
    }
  }

  get size(): number {
    return this.#spool.size;
  }

  retain(): this {
    this.#references++;
    return this;
  }

  /** Without references its bytes are freed. */
  release(): void {
    if (--this.#references === 0) this.#spool.dispose();
  }

  /** Bytes `from` up to, but without, `to`, as a body; a reference is held until it has been read or cancelled. */
  part(from: number, to: number): Body {
    const { memory, path } = this.#spool;
    if (memory !== null) return Body.of(...slices(memory, from, to));
    this.retain();
    return readFilePart(path!, from, to, () => this.release());
  }
}

function fill(spool: Spool, body: Body, limit: number): Promise<void> {
  return new Promise((resolve, reject) => {
    body.pin();
    body.consume({
      onData(chunk) {
        const more = spool.append(chunk, () => body.resume());
        const error =
          spool.error ??
          (spool.size > limit
            ? new HttpError('ERR_SPOOL', `the object is longer than ${limit} bytes`)
            : null);
        if (error !== null) {
          reject(error);
          body.cancel(error);
        }
        return more;
      },
      onEnd: () => resolve(),
      onError: reject,
    });
  });
}

function slices(chunks: readonly Buffer[], from: number, to: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (part.length > 0) found.push(part);
    at += chunk.length;
  }
  return found;
}

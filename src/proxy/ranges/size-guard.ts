// Passes a body on up to a number of bytes; one that turns out to be longer fails, and its source is told.

import { HttpError } from '../../errors.ts';
import { Body } from '../../http/body.ts';

export class SizeGuard {
  readonly body: Body;
  #exceeded = false;

  /** @param limit  bytes */
  constructor(source: Body, limit: number) {
    this.body = new Body(
      {
        resume: () => source.resume(),
        cancel: (reason) => source.cancel(reason),
        released: () => source.released(),
      },
      source.declaredLength,
    );
    let size = 0;
    source.consume({
      onData: (chunk) => {
        size += chunk.length;
        if (size <= limit) return this.body.push(chunk);
        this.#exceeded = true;
        const error = new HttpError('ERR_ABORTED', `the object is longer than ${limit} bytes`);
        this.body.fail(error);
        source.cancel(error);
        return true;
      },
      onEnd: (trailers) => this.body.end(trailers),
      onError: (error) => this.body.fail(error),
    });
  }

  /** The body has failed for its length. */
  get exceeded(): boolean {
    return this.#exceeded;
  }
}

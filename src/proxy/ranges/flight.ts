// One fetch of an object for all who want a part of it at that time. It goes on while one of them is left, and
// is cancelled with the last. What is fetched, and what becomes of it, is range-objects.ts.

import { HttpError } from '../../errors.ts';
import { Cancellation } from '../../util/cancellation.ts';

export class Flight<Outcome> {
  /** Of the fetch itself; a client that leaves does not touch it unless it is the last one. */
  readonly cancellation = new Cancellation();
  readonly #outcome: Promise<Outcome>;
  readonly #onEmpty: () => void;
  #waiting = 0;

  /**
   * @param run  fetches, under the given cancellation
   * @param onEmpty  nobody has to do with it any more
   */
  constructor(run: (cancellation: Cancellation) => Promise<Outcome>, onEmpty: () => void) {
    this.#onEmpty = onEmpty;
    this.#outcome = run(this.cancellation);
    this.#outcome.catch(() => {}); // all may have left before it failed
  }

  /** The fetch was given up: who comes now needs another. */
  get cancelled(): boolean {
    return this.cancellation.reason !== null;
  }

  /**
   * Waits for the outcome. Call `leave` of the result when it is used up; with the client's cancellation it
   * happens by itself.
   * @throws the reason of `client`, or what the fetch failed with
   */
  async join(client: Cancellation): Promise<{ readonly outcome: Outcome; leave(): void }> {
    this.#waiting++;
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      stop();
      if (--this.#waiting > 0) return;
      this.cancellation.cancel(client.reason ?? new HttpError('ERR_ABORTED', 'nobody waits for the object'));
      this.#onEmpty();
    };
    let stop = (): void => {};
    const gone = new Promise<never>((_, reject) => {
      stop = client.onCancel((reason) => {
        reject(reason);
        queueMicrotask(leave);
      });
    });
    try {
      return { outcome: await Promise.race([this.#outcome, gone]), leave };
    } catch (error) {
      leave();
      throw error;
    }
  }
}

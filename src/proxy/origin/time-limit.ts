// One deadline over the steps that lead to a connection: when it passes, the step under way is stopped and
// fails with what was being waited for.

export interface Settle<T> {
  resolve(value: T): void;
  reject(error: Error): void;
}

export class TimeLimit {
  readonly #timer: NodeJS.Timeout;
  #expired: Error | null = null;
  #expire: ((error: Error) => void) | null = null;
  /** The error of whatever is waited for at the moment. */
  reason: () => Error;

  constructor(ms: number, reason: () => Error) {
    this.reason = reason;
    this.#timer = setTimeout(() => {
      this.#expired = this.reason();
      this.#expire?.(this.#expired);
    }, ms);
  }

  /**
   * Runs one step.
   * @param start  begins it and returns how to stop it; called once
   * @throws what `reason` makes when the time is over
   */
  run<T>(start: (settle: Settle<T>) => () => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#expired !== null) return reject(this.#expired);
      let over = false;
      const ending =
        <V>(settle: (value: V) => void) =>
        (value: V): void => {
          over = true;
          this.#expire = null;
          settle(value);
        };
      const fail = ending(reject);
      const stop = start({ resolve: ending(resolve), reject: fail });
      if (over) return;
      this.#expire = (error) => {
        stop();
        fail(error);
      };
    });
  }

  /** Waits for what cannot be stopped; its outcome after the deadline is ignored. */
  wait<T>(promise: Promise<T>): Promise<T> {
    return this.run((settle) => {
      promise.then(settle.resolve, settle.reject);
      return () => {};
    });
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

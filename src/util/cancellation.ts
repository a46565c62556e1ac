// One-shot cancellation that costs one small object: an AbortSignal is made only for whoever asks.

export class Cancellation {
  #reason: Error | null = null;
  #listeners: ((reason: Error) => void)[] = [];
  #controller: AbortController | null = null;

  /** Why it was cancelled, or null. */
  get reason(): Error | null {
    return this.#reason;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== null) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  cancel(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener(reason);
    this.#controller?.abort(reason);
  }

  /** Calls `listener` on cancellation; at once when it has happened. Returns its removal. */
  onCancel(listener: (reason: Error) => void): () => void {
    if (this.#reason !== null) {
      listener(this.#reason);
      return () => {};
    }
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at >= 0) this.#listeners.splice(at, 1);
    };
  }
}

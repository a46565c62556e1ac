// Counts who uses something that is to be replaced while it is in use, so that it can be closed when the
// last of them is done and not before.

export class Usage {
  #users = 0;
  #whenFree: (() => void)[] = [];

  /** Users now. */
  get users(): number {
    return this.#users;
  }

  enter(): void {
    this.#users++;
  }

  leave(): void {
    this.#users--;
    if (this.#users > 0) return;
    for (const resolve of this.#whenFree.splice(0)) resolve();
  }

  /** Resolves as soon as nobody uses it; at once when that is so already. */
  free(): Promise<void> {
    if (this.#users === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenFree.push(resolve));
  }
}

// Deadlines of many connections with one timer: each holds a moment, and a sweep a few times a second
// calls those that have passed. Moving a deadline is an assignment, so it costs nothing per message.
// Precision is SWEEP_MS, which is ample for time-outs of seconds.

const SWEEP_MS = 250;

/** Something that has a deadline; `Infinity` for none. */
export interface HasDeadline {
  /** Milliseconds on the clock of `coarseNow`. */
  deadlineAt: number;
  onDeadline(): void;
}

export class Deadlines {
  readonly #items = new Set<HasDeadline>();
  #timer: NodeJS.Timeout | null = null;

  add(item: HasDeadline): void {
    this.#items.add(item);
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  delete(item: HasDeadline): void {
    this.#items.delete(item);
    if (this.#items.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #sweep(): void {
    const now = performance.now();
    for (const item of this.#items) {
      if (item.deadlineAt > now) continue;
      item.deadlineAt = Infinity;
      item.onDeadline();
    }
  }
}

// Keeps a flood of equal events from flooding the log: the first few of a kind are let through, after them
// one a minute, which says how many were left out.

const FREELY = 5; // events of a kind that are let through
const WINDOW_MS = 60_000;
const MAX_KINDS = 1000;

interface Kind {
  count: number;
  leftOut: number;
  /** When it began, or when one was let through after the first few. */
  since: number;
}

export class FloodGuard {
  readonly #kinds = new Map<string, Kind>();
  readonly #now: () => number;

  /** @param now  milliseconds on any steady clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Counts an event.
   * @param kind  what makes events equal, e.g. code and network
   * @returns null when it is to be left out, otherwise how many of its kind were since the last
   */
  pass(kind: string): number | null {
    const now = this.#now();
    let known = this.#kinds.get(kind);
    if (known !== undefined && known.leftOut === 0 && now - known.since >= WINDOW_MS) {
      this.#kinds.delete(kind); // quiet for a while: begins anew
      known = undefined;
    }
    if (known === undefined) {
      if (this.#kinds.size >= MAX_KINDS) this.#kinds.delete(this.#kinds.keys().next().value!);
      known = { count: 0, leftOut: 0, since: now };
      this.#kinds.set(kind, known);
    }
    known.count++;
    if (known.count <= FREELY) return 0;
    if (known.count > FREELY + 1 && now - known.since < WINDOW_MS) {
      known.leftOut++;
      return null;
    }
    const { leftOut } = known;
    known.leftOut = 0;
    known.since = now;
    return leftOut;
  }
}

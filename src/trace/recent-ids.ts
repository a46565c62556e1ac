// Where the latest traces lie, by transaction id and by the id on the page: a bounded index in memory, so
// that a running Weir finds them without reading its files.

export interface TracePlace {
  readonly file: string;
  /** In bytes. */
  readonly offset: number;
  readonly length: number;
}

export class RecentIds {
  readonly #places = new Map<string, TracePlace>();
  readonly #limit: number;

  /** @param limit  ids that are remembered */
  constructor(limit: number) {
    this.#limit = limit;
  }

  set(id: string, place: TracePlace): void {
    this.#places.set(id, place);
    if (this.#places.size > this.#limit) this.#places.delete(this.#places.keys().next().value!);
  }

  get(id: string): TracePlace | null {
    return this.#places.get(id) ?? null;
  }
}

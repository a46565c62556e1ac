// What is counted while traffic runs: plain numbers by label values, added to on the hot path and read only
// when somebody asks. What is counted is meters.ts, what it is called catalog.ts. Everything is bounded, so
// that a label value that nobody expected costs a row and never the memory.

/** Between the label values of a key; no name, code or status has it. */
const SEPARATOR = '\n';

const MAX_COUNTERS = 1000; // rows of one counter
const MAX_HISTOGRAMS = 200; // rows of one histogram, each of about 20 numbers

/** Upper bounds of the buckets of every histogram, in milliseconds; one more bucket takes the rest. */
export const BUCKETS_MS: readonly number[] = [
  ...[0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1000, 2500, 5000, 10_000, 30_000],
];

/** Rows as plain data: label values with a number. */
export type CounterRows = readonly (readonly [key: string, value: number])[];

/** Rows as plain data: label values with the numbers of a {@link Histogram}. */
export type HistogramRows = readonly (readonly [key: string, counts: readonly number[], sumMs: number])[];

/** The key of a row. */
export function keyOf(...labels: readonly string[]): string {
  return labels.join(SEPARATOR);
}

/** Label values of a key, in the order in which they were given. */
export function labelsOf(key: string): string[] {
  return key === '' ? [] : key.split(SEPARATOR);
}

/** One counter with its rows. */
export class Counters {
  readonly #values = new Map<string, number>();

  /** @param key  label values, as {@link keyOf} or a template makes it; `''` for a counter without labels */
  add(key: string, by = 1): void {
    const values = this.#values;
    const value = values.get(key);
    if (value !== undefined) return void values.set(key, value + by);
    if (values.size < MAX_COUNTERS) return void values.set(key, by);
    const other = otherKey(key);
    values.set(other, (values.get(other) ?? 0) + by);
  }

  rows(): CounterRows {
    return [...this.#values];
  }
}

/** How long something took, by buckets. */
interface Histogram {
  /** One for each of BUCKETS_MS, not cumulative, and one for all that is longer. */
  readonly counts: number[];
  sumMs: number;
}

/** One histogram of durations with its rows. */
export class Histograms {
  readonly #values = new Map<string, Histogram>();

  observe(key: string, ms: number): void {
    let histogram = this.#values.get(key);
    histogram ??= this.#add(key);
    histogram.counts[bucketOf(ms)]!++;
    histogram.sumMs += ms;
  }

  /** Adds what another one has counted. */
  merge(rows: HistogramRows): void {
    for (const [key, counts, sumMs] of rows) {
      const histogram = this.#values.get(key) ?? this.#add(key);
      counts.forEach((count, index) => (histogram.counts[index]! += count));
      histogram.sumMs += sumMs;
    }
  }

  rows(): HistogramRows {
    return [...this.#values].map(([key, { counts, sumMs }]) => [key, [...counts], sumMs]);
  }

  #add(key: string): Histogram {
    const isFull = this.#values.size >= MAX_HISTOGRAMS;
    const place = isFull ? otherKey(key) : key;
    const known = this.#values.get(place);
    if (known !== undefined) return known;
    const histogram = { counts: new Array<number>(BUCKETS_MS.length + 1).fill(0), sumMs: 0 };
    this.#values.set(place, histogram);
    return histogram;
  }
}

function bucketOf(ms: number): number {
  let bucket = 0;
  while (bucket < BUCKETS_MS.length && ms > BUCKETS_MS[bucket]!) bucket++;
  return bucket;
}

/** Where rows go that there is no room for. */
function otherKey(key: string): string {
  return labelsOf(key)
    .map(() => 'other')
    .join(SEPARATOR);
}

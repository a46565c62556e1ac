// Numbers of one run turned into what the tables say: percentiles, medians, ratios and their spelling.
// Pure; what is measured and which ratio is compared with which target is decided elsewhere.

/**
 * The value that `share` of the samples do not exceed (nearest rank).
 *
 * @param ascending  samples in rising order, at least one
 * @param share  0 to 1, e.g. 0.99
 * @throws {RangeError} no samples, or a share outside 0..1
 */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`share: expected 0..1, got ${share}`);
  const rank = Math.max(Math.ceil(share * ascending.length), 1);
  const value = ascending[rank - 1];
  if (value === undefined) throw new RangeError('percentile of no samples');
  return value;
}

/**
 * The middle value; of an even number of samples the mean of the two in the middle.
 *
 * @throws {RangeError} no samples
 */
export function median(samples: readonly number[]): number {
  const ascending = [...samples].sort((left, right) => left - right);
  const upper = ascending[Math.floor(ascending.length / 2)];
  const lower = ascending[Math.ceil(ascending.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('median of no samples');
  return (lower + upper) / 2;
}

/**
 * Median of the ratios of samples taken in the same round. Rounds that one side lacks (it failed) are
 * left out; `undefined` when no round has both, or a divisor is 0.
 */
export function medianOfRatios(
  numerators: ReadonlyMap<number, number>,
  denominators: ReadonlyMap<number, number>,
): number | undefined {
  const ratios: number[] = [];
  for (const [round, numerator] of numerators) {
    const denominator = denominators.get(round);
    if (denominator !== undefined && denominator > 0) ratios.push(numerator / denominator);
  }
  return ratios.length === 0 ? undefined : median(ratios);
}

/** A span of time in the unit that leaves it readable: `330 µs`, `5.20 ms`, `1.40 s`. */
export function formatMicros(micros: number): string {
  if (micros < 1000) return `${micros.toFixed(0)} µs`;
  if (micros < 100_000) return `${(micros / 1000).toFixed(2)} ms`;
  if (micros < 1_000_000) return `${(micros / 1000).toFixed(0)} ms`;
  return `${(micros / 1_000_000).toFixed(2)} s`;
}

/** Exchanges per second: three digits at least where it is slow, thousands grouped where it is fast. */
export function formatRate(perSecond: number): string {
  if (perSecond < 10) return `${perSecond.toFixed(2)} /s`;
  if (perSecond < 100) return `${perSecond.toFixed(1)} /s`;
  return `${Math.round(perSecond).toLocaleString('en-US')} /s`;
}

/** Bytes in binary units: `812 B`, `127 KiB`, `96.5 MiB`. */
export function formatBytes(bytes: number): string {
  const size = Math.abs(bytes);
  if (size < 1024) return `${bytes.toFixed(0)} B`;
  if (size < 1024 ** 2) return `${(bytes / 1024).toFixed(0)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}

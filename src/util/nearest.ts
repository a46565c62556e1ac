// Spelling suggestions for names that a person typed: configuration keys, service and plugin names.

const MAX_WORD = 64; // characters compared; longer words are not typing mistakes of ours

/**
 * The candidate that a misspelt word most likely meant, or null when none is close.
 *
 * Close is: at most one edit (insertion, deletion, replacement, swap of neighbours) for each three
 * characters of the longer word (and not all of them), or one word beginning with the other (three characters at least).
 * Case does not count.
 *
 * @param word what was typed; only its first 64 characters are compared
 * @param candidates known names; of two equally near ones the first wins
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  const typed = word.slice(0, MAX_WORD).toLowerCase();
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const known = candidate.slice(0, MAX_WORD).toLowerCase();
    const allowed = Math.max(1, Math.floor(Math.max(typed.length, known.length) / 3));
    let distance = editDistance(typed, known);
    if (distance > allowed || distance >= Math.max(typed.length, known.length)) {
      const shorter = Math.min(typed.length, known.length);
      if (shorter < 3 || !(known.startsWith(typed) || typed.startsWith(known))) continue;
      distance = allowed + 1; // a true typing mistake wins over a common beginning
    }
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance: edits and swaps of neighbours, each counting one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] ?? 0) + 1);
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

// What differs between two texts, line by line, with some lines around each difference.

export interface DiffLine {
  readonly kind: 'same' | 'added' | 'removed' | 'gap';
  readonly text: string;
}

const AROUND = 2; // lines
const MOST = 600; // lines compared each with each; beyond, all between the first and last difference is shown

export function diffOf(before: string, after: string): DiffLine[] {
  const old = before.split('\n');
  const now = after.split('\n');
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < now.length - start &&
    old[old.length - 1 - end] === now[now.length - 1 - end]
  )
    end++;
  const middle = compared(old.slice(start, old.length - end), now.slice(start, now.length - end));
  if (middle.length === 0) return [];
  const same = (text: string): DiffLine => ({ kind: 'same', text });
  return shortened([
    ...old.slice(0, start).map(same),
    ...middle,
    ...old.slice(old.length - end, end === 0 ? 0 : undefined).map(same),
  ]);
}

/** By the longest common subsequence. */
function compared(old: readonly string[], now: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: 'removed', text });
  const added = (text: string): DiffLine => ({ kind: 'added', text });
  if (old.length > MOST || now.length > MOST) return [...old.map(removed), ...now.map(added)];
  const width = now.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = now.length - 1; column >= 0; column--) {
      common[row * width + column] =
        old[row] === now[column]
          ? common[(row + 1) * width + column + 1]! + 1
          : Math.max(common[(row + 1) * width + column]!, common[row * width + column + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < old.length && column < now.length) {
    if (old[row] === now[column]) {
      lines.push({ kind: 'same', text: old[row++]! });
      column++;
    } else if (common[(row + 1) * width + column]! >= common[row * width + column + 1]!) {
      lines.push(removed(old[row++]!));
    } else {
      lines.push(added(now[column++]!));
    }
  }
  return [...lines, ...old.slice(row).map(removed), ...now.slice(column).map(added)];
}

/** Equal lines far from every difference become one gap. */
function shortened(lines: readonly DiffLine[]): DiffLine[] {
  const near = new Uint8Array(lines.length);
  lines.forEach(({ kind }, at) => {
    if (kind !== 'same') near.fill(1, Math.max(0, at - AROUND), at + AROUND + 1);
  });
  const kept: DiffLine[] = [];
  lines.forEach((line, at) => {
    if (near[at] === 1) kept.push(line);
    else if (kept.at(-1)?.kind !== 'gap') kept.push({ kind: 'gap', text: '…' });
  });
  return kept;
}

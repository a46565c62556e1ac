// Numbers that a seed decides, so that the same seed asks for the same things. What comes of them still
// depends on the machine's timing.

export interface Random {
  /** A number from 0 up to, but not, 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** True in so many of 1 cases. */
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** @param seed  whole number; streams of neighbouring seeds have nothing to do with each other */
export function randomFrom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
  // mulberry32: 32 bits of state are plenty for choosing requests
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (share) => next() < share,
    pick: (items) => items[Math.floor(next() * items.length)]!,
  };
}

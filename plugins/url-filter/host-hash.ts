// The hash that list entries are stored as: 56 bits, seeded, taken from the end of the host to its
// beginning, so that one pass over a host gives the hash of each domain that it is under. The seed is new
// at each load: nobody can look for a name that collides with an entry.

/** Two running 32-bit halves; only `finish` makes an entry's key of them. */
export interface HashState {
  a: number;
  b: number;
}

/** What an entry stands for; part of its hash. */
export const KIND = {
  /** A domain and all below it. */
  domain: 0x00,
  /** One host alone. */
  host: 0x3d, // =
  /** A path of a domain, and all below it; the path's characters follow. */
  path: 0x2f, // /
} as const;

export function startHash(seed: number): HashState {
  return { a: 0xdeadbeef ^ seed, b: 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1) };
}

/** Adds one character code to the hash. */
export function addCode(state: HashState, code: number): void {
  state.a = Math.imul(state.a ^ code, 2654435761);
  state.a = (state.a << 13) | (state.a >>> 19);
  state.b = Math.imul(state.b ^ code, 1597334677);
  state.b = (state.b << 17) | (state.b >>> 15);
}

/** The upper 32 bits of a key, unsigned. */
export function highBits({ a, b }: HashState): number {
  return mix(a ^ Math.imul(b ^ (b >>> 13), 3266489909));
}

/** The lower 24 bits of a key. */
export function lowBits({ a, b }: HashState): number {
  return mix(b ^ Math.imul(a ^ (a >>> 15), 2246822507)) >>> 8;
}

/** Adds a host from its last character to its first. */
export function addHost(state: HashState, host: string): void {
  for (let i = host.length - 1; i >= 0; i -= 1) addCode(state, host.charCodeAt(i));
}

export function addText(state: HashState, text: string): void {
  for (let i = 0; i < text.length; i += 1) addCode(state, text.charCodeAt(i));
}

function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 2246822507);
  h = Math.imul(h ^ (h >>> 13), 3266489909);
  return (h ^ (h >>> 16)) >>> 0;
}

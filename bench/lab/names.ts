// Host names that no proxy has seen and no wildcard can cover: each is a registrable name of its own.
// They come in blocks, since one origin certificate vouches for a block.

/** Names in one origin certificate: few enough that the certificate stays small on the wire. */
export const BLOCK_SIZE = 25;

/** The n-th name, e.g. `n00003-000078.test`; its block number stands first, for the origin to find. */
export function uniqueName(index: number): string {
  const block = Math.floor(index / BLOCK_SIZE);
  return `n${String(block).padStart(5, '0')}-${String(index).padStart(6, '0')}.test`;
}

/** The block in a name made by `uniqueName`, as it is spelled there; `undefined` for any other name. */
export function blockOf(name: string): string | undefined {
  return /^n(\d{5})-\d{6}\.test$/.exec(name)?.[1];
}

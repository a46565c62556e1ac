import type { Chunks } from './chunk-reader.ts';

/** One thing found in a container. */
export interface Member {
  /** As `memberPath` makes it. Peer bytes: never a path to write to. */
  readonly path: string;
  /** Its content, once; the next member comes after it. What is left unread is passed over. */
  readonly chunks: Chunks;
  /** Of a multipart body within another content; `''` where it names none. */
  readonly boundary?: string;
}

/** Path of a member within its container: names from the outside in, joined by `!/`. */
export function memberPath(container: string, name: string): string {
  return container === '' ? name : `${container}!/${name}`;
}

// Joins two sockets, or what carries bytes like one, into a tunnel: bytes both ways with backpressure, a
// half-close is passed on, and the end of one is the end of both.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { PassThroughReader } from './origin/pass-through-reader.ts';

/**
 * Moves bytes until both sides are closed. `fromA` and `fromB` were read before and go first.
 * @param readerOfB  where `b` was connected with one
 */
export function joinSockets(
  a: Duplex,
  fromA: Buffer,
  b: Duplex,
  fromB: Buffer,
  readerOfB: PassThroughReader | null = null,
): void {
  pour(a, b, fromA, null);
  pour(b, a, fromB, readerOfB);
}

function pour(from: Duplex, to: Duplex, first: Buffer, reader: PassThroughReader | null): void {
  if (first.length > 0) to.write(first);
  if (reader?.pourInto(to) !== true) {
    from.on('data', (chunk: Buffer) => {
      // A stream says that it is full before it has tried; what the kernel has taken needs no waiting.
      if (!to.write(chunk) && to.writableLength > 0) from.pause();
    });
  }
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => (to instanceof Socket ? to.destroySoon() : to.end()));
  from.resume();
}

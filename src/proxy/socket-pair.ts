// Joins two sockets, or what carries bytes like one, into a tunnel: bytes both ways with backpressure, a
// half-close is passed on, and the end of one is the end of both.

import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Moves bytes until both sides are closed. `fromA` and `fromB` were read before and go first. */
export function joinSockets(a: Duplex, fromA: Buffer, b: Duplex, fromB: Buffer): void {
  pour(a, b, fromA);
  pour(b, a, fromB);
}

function pour(from: Duplex, to: Duplex, first: Buffer): void {
  if (first.length > 0) to.write(first);
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => (to instanceof Socket ? to.destroySoon() : to.end()));
  from.resume();
}

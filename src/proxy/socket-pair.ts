// Joins two sockets into a tunnel: bytes both ways with backpressure, a half-close is passed on, and the
// end of one is the end of both.

import type { Socket } from 'node:net';

/** Moves bytes until both sides are closed. `fromA` and `fromB` were read before and go first. */
export function joinSockets(a: Socket, fromA: Buffer, b: Socket, fromB: Buffer): void {
  pour(a, b, fromA);
  pour(b, a, fromB);
}

function pour(from: Socket, to: Socket, first: Buffer): void {
  if (first.length > 0) to.write(first);
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroySoon());
  from.resume();
}

// The connections that this process has made, by the address and port of its own end: a transparent listener
// must not take one of them for a client's. Nothing is noted until somebody asks for it.

import type { Socket } from 'node:net';
import { plainAddress } from './networks.ts';

const open = new Set<string>();
let watched = false;

/** Notes connections from now on. */
export function watchOwnConnections(): void {
  watched = true;
}

/** A connection stands. */
export function noteOwnConnection(socket: Socket): void {
  if (!watched || socket.localAddress === undefined) return;
  const key = keyOf(socket.localAddress, socket.localPort);
  open.add(key);
  socket.once('close', () => open.delete(key));
}

/** Whether the other end of an accepted connection is one of ours. */
export function isOwnConnection({ remoteAddress, remotePort }: Socket): boolean {
  return remoteAddress !== undefined && open.has(keyOf(remoteAddress, remotePort));
}

function keyOf(address: string, port: number | undefined): string {
  return `${plainAddress(address)} ${port}`;
}

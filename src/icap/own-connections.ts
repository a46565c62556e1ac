// The ICAP connections that this process has made, by both their ends: a gateway in the same process knows by
// them which transactions a proxy here has asked for over TCP, so that nobody tells of them twice. Its worker
// processes are told with each connection. Through a relay or a balancer it cannot be known.

import type { Socket } from 'node:net';
import { plainAddress } from '../util/networks.ts';

const open = new Set<string>();

/** A connection to an ICAP server stands; it is forgotten when it closes. One to a Unix socket is not noted. */
export function noteOwnConnection(socket: Socket): void {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localAddress === undefined || remoteAddress === undefined) return;
  note(socket, keyOf(localAddress, localPort, remoteAddress, remotePort));
}

/** A connection was handed to this process by the one that has also made it. */
export function noteOwnAccepted(socket: Socket): void {
  note(socket, acceptedConnection(socket));
}

/** Of a connection that was accepted: what `isOwnConnection` asks for. */
export function acceptedConnection(socket: Socket): string {
  const { localAddress = '', localPort, remoteAddress = '', remotePort } = socket;
  return keyOf(remoteAddress, remotePort, localAddress, localPort);
}

/**
 * Whether the other end is ours as well. Asked when a request has come: its connection is noted by then.
 * @param connection  of `acceptedConnection`
 */
export function isOwnConnection(connection: string): boolean {
  return open.has(connection);
}

function note(socket: Socket, key: string): void {
  open.add(key);
  socket.once('close', () => open.delete(key));
}

function keyOf(from: string, fromPort: number | undefined, to: string, toPort: number | undefined): string {
  return `${plainAddress(from)} ${fromPort} ${plainAddress(to)} ${toPort}`;
}

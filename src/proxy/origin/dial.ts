// One TCP connection to any of several addresses: the next one is begun when the one before has failed or
// has not answered for a quarter of a second, and the first that is connected wins. All under way go on, so a
// slow path is not given up for being slow. RFC 8305 §5.

import type { Socket } from 'node:net';
import { noteOwnConnection } from '../../util/own-connections.ts';

const STAGGER_MS = 250;
const MAX_ATTEMPTS = 8; // addresses

export interface DialEvents {
  /** The connection stands; the caller takes over its events in this call. */
  onConnected(socket: Socket, address: string): void;
  /** No address answered. The error that says most. */
  onFailed(error: NodeJS.ErrnoException): void;
  /** For each address that failed, or was overtaken. */
  onAddressFailed?(address: string): void;
}

/**
 * Connects to one of the addresses.
 *
 * @param addresses  at least one, in order of preference
 * @param open  begins a connection; the socket emits `connect`
 * @returns stops it; nothing is told afterwards
 */
export function dial(
  addresses: readonly string[],
  open: (address: string) => Socket,
  events: DialEvents,
): () => void {
  const pending = new Map<Socket, string>();
  const errors: NodeJS.ErrnoException[] = [];
  const count = Math.min(addresses.length, MAX_ATTEMPTS);
  let next = 0;
  let timer: NodeJS.Timeout | null = null;
  let over = false;

  const stop = (): void => {
    over = true;
    if (timer !== null) clearTimeout(timer);
    for (const [socket, address] of pending) {
      giveUp(socket);
      events.onAddressFailed?.(address);
    }
    pending.clear();
  };
  const tryNext = (): void => {
    timer = null;
    const address = addresses[next++]!;
    const socket = open(address);
    pending.set(socket, address);
    const failed = (error?: NodeJS.ErrnoException): void => {
      if (!pending.delete(socket)) return;
      giveUp(socket);
      events.onAddressFailed?.(address);
      errors.push(error ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
      if (next < count) {
        if (timer !== null) clearTimeout(timer);
        tryNext();
      } else if (pending.size === 0) {
        over = true;
        events.onFailed(mostTelling(errors));
      }
    };
    const closed = (): void => failed();
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('connect', () => {
      noteOwnConnection(socket);
      if (over || !pending.delete(socket)) return;
      stop();
      socket.off('error', failed);
      socket.off('close', closed);
      events.onConnected(socket, address);
    });
    if (next < count) timer = setTimeout(tryNext, STAGGER_MS);
  };
  tryNext();
  return stop;
}

function giveUp(socket: Socket): void {
  socket.removeAllListeners();
  socket.on('error', () => {});
  socket.destroy();
}

/** That this machine has no route says less than what another address answered. */
function mostTelling(errors: readonly NodeJS.ErrnoException[]): NodeJS.ErrnoException {
  const NO_ROUTE = ['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'];
  return errors.find(({ code = '' }) => !NO_ROUTE.includes(code)) ?? errors[0]!;
}

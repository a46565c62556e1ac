// Sessions of origins, so that the next connection to one costs neither side a signature. Only connections
// that were verified leave a session, and a resumed one is not verified again, so that a session is
// forgotten after an hour at most. RFC 8446 §2.2; RFC 5077.

import type { TLSSocket } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { OriginTarget } from './engine.ts';

const MAX_ORIGINS = 1_000; // sessions of 1 to 3 KiB each
const MAX_AGE_MS = 3_600_000;

export class TlsSessions {
  readonly #sessions = new LRUCache<string, { session: Buffer; until: number }>({ max: MAX_ORIGINS });

  get size(): number {
    return this.#sessions.size;
  }

  /** What a handshake may resume; undefined: nothing. */
  of(target: OriginTarget): Buffer | undefined {
    const key = keyOf(target);
    const found = this.#sessions.get(key);
    if (found === undefined || Date.now() < found.until) return found?.session;
    this.#sessions.delete(key);
    return undefined;
  }

  /**
   * Keeps the sessions that an origin offers on a connection which is verified.
   * @param offered  one that came before it was
   */
  keepFrom(socket: TLSSocket, target: OriginTarget, offered: Buffer | null): void {
    const key = keyOf(target);
    // A chain of resumptions ends where its first handshake was an hour ago.
    const until =
      (socket.isSessionReused() ? this.#sessions.get(key)?.until : undefined) ?? Date.now() + MAX_AGE_MS;
    const keep = (session: Buffer): void => void this.#sessions.set(key, { session, until });
    if (offered !== null) keep(offered);
    socket.on('session', keep);
  }

  forget(target: OriginTarget): void {
    this.#sessions.delete(keyOf(target));
  }
}

function keyOf({ host, port, serverName }: OriginTarget): string {
  return `${host} ${port} ${serverName}`;
}

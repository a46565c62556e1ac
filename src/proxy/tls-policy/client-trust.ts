// What is known of clients from their handshakes: who has ever accepted a certificate of ours, and which
// hosts each has rejected of late. Bounded, in memory only, and kept apart for each client: what one does
// says nothing about another.

import { LRUCache } from 'lru-cache';

const MAX_CLIENTS = 10_000;
const MAX_HOSTS = 32; // of one client
const MAX_ACCEPTED = 64; // hosts of one client, the last ones
const TOLD_AGAIN_MS = 24 * 3_600_000;

export interface Rejection {
  /** By the clock, milliseconds since the epoch. */
  readonly at: number;
  /** Name of the alert, or how it went away. */
  readonly how: string;
}

interface KnownClient {
  /** It has accepted a certificate, and used the connection. */
  hasAccepted: boolean;
  /** Hosts whose certificate it has accepted, the latest last. */
  readonly accepted: Set<string>;
  /** Oldest first. Emptied of a host that is accepted. */
  readonly rejected: Map<string, Rejection[]>;
  toldAt: number;
}

/** What a rejection means. */
export interface Standing {
  /** Rejections of this host within the time, oldest first. */
  readonly rejections: readonly Rejection[];
  /** Hosts that it has rejected within the time. */
  readonly hosts: readonly string[];
  readonly hasAccepted: boolean;
}

export class ClientTrust {
  readonly #clients = new LRUCache<string, KnownClient>({ max: MAX_CLIENTS });

  /** A certificate was accepted: for that host nothing counts any more. */
  accepted(client: string, host: string): void {
    const known = this.#of(client);
    known.hasAccepted = true;
    known.rejected.delete(host);
    known.accepted.delete(host);
    known.accepted.add(host);
    if (known.accepted.size > MAX_ACCEPTED) known.accepted.delete(known.accepted.keys().next().value!);
  }

  /** Whether it has accepted the certificate of that host of late, so that it does not pin it. */
  uses(client: string, host: string): boolean {
    return this.#clients.get(client)?.accepted.has(host) ?? false;
  }

  /** @param keep  rejections of a host that are remembered @param withinMs  and for how long */
  rejected(client: string, host: string, rejection: Rejection, keep: number, withinMs: number): Standing {
    const known = this.#of(client);
    const since = rejection.at - withinMs;
    for (const [name, rejections] of known.rejected) {
      if (rejections.at(-1)!.at <= since) known.rejected.delete(name);
    }
    const before = known.rejected.get(host) ?? [];
    const rejections = [...before.filter(({ at }) => at > since), rejection].slice(-keep);
    known.rejected.delete(host);
    known.rejected.set(host, rejections);
    if (known.rejected.size > MAX_HOSTS) known.rejected.delete(known.rejected.keys().next().value!);
    return { rejections, hosts: [...known.rejected.keys()], hasAccepted: known.hasAccepted };
  }

  /** Nothing that it has rejected counts any more. */
  forget(client: string, host: string): void {
    this.#clients.get(client)?.rejected.delete(host);
  }

  /** True once a day for a client: what there is to say about it is said then. */
  mayTell(client: string, now: number): boolean {
    const known = this.#of(client);
    if (now - known.toldAt < TOLD_AGAIN_MS) return false;
    known.toldAt = now;
    return true;
  }

  #of(client: string): KnownClient {
    let known = this.#clients.get(client);
    if (known === undefined) {
      known = { hasAccepted: false, accepted: new Set(), rejected: new Map(), toldAt: -Infinity };
      this.#clients.set(client, known);
    }
    return known;
  }
}

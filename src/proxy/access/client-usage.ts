// What each client uses at the moment: open connections, and requests as a bucket that fills again. A client
// is an IPv4 address or an IPv6 network of 64 bits, of which one device has as many addresses as it likes.
// Outlives reloads; which limits hold comes with each question.

import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';
import { networkOf } from '../../util/networks.ts';

export interface RequestRate {
  readonly perSecond: number;
  /** Requests that may come at once. */
  readonly burst: number;
}

const MAX_CLIENTS = 20_000; // whose requests are counted; the one unseen longest is forgotten

interface Bucket {
  tokens: number;
  at: number;
}

export class ClientUsage {
  readonly #connections = new Map<string, number>();
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_CLIENTS });
  readonly #now: () => number;

  /** @param now  milliseconds on any steady clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Counts a connection.
   * @returns to be called when it has ended; null when the client has so many already
   */
  connect(address: string, most: number): (() => void) | null {
    const client = clientOf(address);
    const open = this.#connections.get(client) ?? 0;
    if (open >= most) return null;
    this.#connections.set(client, open + 1);
    return () => {
      const left = this.#connections.get(client)! - 1;
      if (left === 0) this.#connections.delete(client);
      else this.#connections.set(client, left);
    };
  }

  /**
   * Counts a request.
   * @returns milliseconds after which it would be taken; 0 when it is
   */
  request(address: string, { perSecond, burst }: RequestRate): number {
    const client = clientOf(address);
    const now = this.#now();
    const bucket = this.#buckets.get(client);
    const filled = bucket === undefined ? burst : bucket.tokens + ((now - bucket.at) / 1000) * perSecond;
    const tokens = Math.min(burst, filled);
    const taken = tokens >= 1;
    if (bucket === undefined) this.#buckets.set(client, { tokens: tokens - 1, at: now });
    else Object.assign(bucket, { tokens: taken ? tokens - 1 : tokens, at: now });
    return taken ? 0 : ((1 - tokens) / perSecond) * 1000;
  }
}

function clientOf(address: string): string {
  return isIPv6(address) ? networkOf(address) : address;
}

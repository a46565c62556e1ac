// When OPTIONS is asked: before the first message, early before the answer expires, and when a service shows
// another ISTag; one request for however many wait, and never in a hurry. What the answer says is
// options.ts, how it is asked service-client.ts. K-01, K-02, K-06.

import type { WeirError } from '../../errors.ts';
import type { ServiceOptions } from './options.ts';
import { MIN_REFRESH_MS } from './options.ts';

export interface OptionsKeeperEvents {
  ask(): Promise<ServiceOptions>;
  onAnswer(options: ServiceOptions): void;
  onFailure(error: WeirError): void;
}

export class OptionsKeeper {
  readonly #events: OptionsKeeperEvents;
  #known: ServiceOptions | null = null;
  #fetching: Promise<ServiceOptions> | null = null;
  #tagNoticedAt = -Infinity; // on performance.now()

  constructor(events: OptionsKeeperEvents) {
    this.#events = events;
  }

  /** As last received; null before, and after a failure. */
  get known(): ServiceOptions | null {
    return this.#known;
  }

  /** What holds for a message now. Rejects as OPTIONS fails. */
  current(): ServiceOptions | Promise<ServiceOptions> {
    const known = this.#known;
    if (known === null) return this.fetch();
    const now = performance.now();
    if (now < known.refreshAt) return known;
    if (now >= known.expiresAt) return this.fetch();
    this.fetch().catch(() => {}); // still good: refreshed beside the message
    return known;
  }

  /**
   * A tag other than the known one: what OPTIONS said may not hold any more. Servers with a tag of its own for
   * each answer (V-34) are asked no more often than others.
   */
  noticeTag(tag: string): void {
    const known = this.#known;
    if (known === null || known.istag === '' || tag === known.istag || this.#fetching !== null) return;
    const now = performance.now();
    if (now < this.#tagNoticedAt + MIN_REFRESH_MS) return;
    this.#tagNoticedAt = now;
    this.fetch().catch(() => {});
  }

  /** Asks now, or joins who asks already. */
  fetch(): Promise<ServiceOptions> {
    this.#fetching ??= this.#events.ask().then(
      (options) => {
        this.#fetching = null;
        this.#known = options;
        this.#events.onAnswer(options);
        return options;
      },
      (error: WeirError) => {
        this.#fetching = null;
        this.#known = null;
        this.#events.onFailure(error);
        throw error;
      },
    );
    return this.#fetching;
  }
}

// Slows down whoever guesses passwords: after a few wrong ones from one network each further attempt
// waits, longer and longer. Passwords that are known to be right never come here, so that others behind the
// same address are not kept waiting once they have logged in.

import { HttpError } from '../errors.ts';
import { networkOf } from '../util/networks.ts';

const FREE_ATTEMPTS = 5;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 8000;
const FORGOTTEN_MS = 60_000; // after the last wrong password
const MAX_WAITING = 8; // attempts of one network
const MAX_NETWORKS = 10_000;

interface Failures {
  count: number;
  waiting: number;
  lastAt: number;
}

export interface ThrottleClock {
  /** Milliseconds on any steady clock. */
  now(): number;
  wait(ms: number): Promise<void>;
}

const REAL_CLOCK: ThrottleClock = {
  now: () => performance.now(),
  wait: (ms) => new Promise((resolve) => void setTimeout(resolve, ms).unref()),
};

export class FailureThrottle {
  readonly #networks = new Map<string, Failures>();
  readonly #clock: ThrottleClock;

  constructor(clock: ThrottleClock = REAL_CLOCK) {
    this.#clock = clock;
  }

  /**
   * Waits as long as an attempt from this address has to.
   * @throws rejects with {HttpError} `ERR_AUTH_BUSY` when too many from there wait already
   */
  async pause(address: string): Promise<void> {
    const failures = this.#known(networkOf(address));
    if (failures === undefined || failures.count < FREE_ATTEMPTS) return;
    if (failures.waiting >= MAX_WAITING) {
      throw new HttpError('ERR_AUTH_BUSY', `too many wrong passwords came from ${address}`);
    }
    failures.waiting++;
    const doubled = FIRST_WAIT_MS * 2 ** (failures.count - FREE_ATTEMPTS);
    await this.#clock.wait(Math.min(doubled, LONGEST_WAIT_MS));
    failures.waiting--;
  }

  /** Counts a wrong password. @returns how many there were lately */
  failed(address: string): number {
    const network = networkOf(address);
    const failures = this.#known(network) ?? { count: 0, waiting: 0, lastAt: 0 };
    failures.count++;
    failures.lastAt = this.#clock.now();
    this.#networks.delete(network); // the latest stands last
    if (this.#networks.size >= MAX_NETWORKS) this.#networks.delete(this.#networks.keys().next().value!);
    this.#networks.set(network, failures);
    return failures.count;
  }

  #known(network: string): Failures | undefined {
    const failures = this.#networks.get(network);
    if (failures === undefined || this.#clock.now() - failures.lastAt < FORGOTTEN_MS) return failures;
    this.#networks.delete(network);
    return undefined;
  }
}

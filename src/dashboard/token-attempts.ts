// How often somebody may be wrong about the token. Ours cannot be guessed anyhow; one from the configuration
// perhaps can.

const MAX_WRONG = 20; // of one address within the time
const WITHIN_MS = 60_000;
const MAX_ADDRESSES = 1000;

export class TokenAttempts {
  readonly #wrong = new Map<string, { count: number; since: number }>();
  readonly #now: () => number;

  /** @param now  milliseconds on any steady clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether an address has to wait, whatever it shows. */
  isBlocked(address: string): boolean {
    const known = this.#wrong.get(address);
    if (known === undefined) return false;
    if (this.#now() - known.since < WITHIN_MS) return known.count >= MAX_WRONG;
    this.#wrong.delete(address);
    return false;
  }

  /** It has shown a wrong one. */
  wrong(address: string): void {
    const known = this.#wrong.get(address);
    if (known !== undefined && this.#now() - known.since < WITHIN_MS) return void known.count++;
    this.#wrong.delete(address);
    if (this.#wrong.size >= MAX_ADDRESSES) this.#wrong.delete(this.#wrong.keys().next().value!);
    this.#wrong.set(address, { count: 1, since: this.#now() });
  }
}

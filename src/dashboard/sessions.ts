// Who has logged in: a cookie that a browser gets for the token once, and that says nothing of it. It is made
// from the token and a time, so that nothing has to be kept, it outlives a restart, and another token ends it.

import { createHmac, timingSafeEqual } from 'node:crypto';

const LIFE_MS = 30 * 24 * 3_600_000;
const VALUE = /^(\d{13})\.([A-Za-z0-9_-]{43})$/;
const MAX_COOKIES = 100; // of one request that are looked at

export class Sessions {
  /** Names the port: cookies do not tell two instances on one machine apart. */
  readonly cookieName: string;
  readonly #token: string;
  readonly #now: () => number;

  /** @param now  milliseconds since 1970, for tests */
  constructor(token: string, port: number, now: () => number = Date.now) {
    this.#token = token;
    this.cookieName = `weir-${port}`;
    this.#now = now;
  }

  /** Set-Cookie for whoever has shown the token. */
  open(): string {
    const until = String(this.#now() + LIFE_MS).padStart(13, '0');
    const value = `${until}.${this.#seal(until)}`;
    return `${this.cookieName}=${value}; Path=/; Max-Age=${LIFE_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  /** Set-Cookie that ends a session in its browser. */
  end(): string {
    return `${this.cookieName}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict`;
  }

  /** Whether a Cookie field holds a session of ours. */
  holds(cookie: string | undefined): boolean {
    for (const pair of (cookie ?? '').split(';', MAX_COOKIES)) {
      const [name, value = ''] = pair.trim().split('=', 2);
      if (name === this.cookieName && this.#isOurs(value)) return true;
    }
    return false;
  }

  #isOurs(value: string): boolean {
    const [, until, seal] = VALUE.exec(value) ?? [];
    if (until === undefined || seal === undefined || Number(until) <= this.#now()) return false;
    return timingSafeEqual(Buffer.from(seal), Buffer.from(this.#seal(until)));
  }

  #seal(until: string): string {
    return createHmac('sha256', this.#token)
      .update(`weir dashboard session ${this.cookieName} ${until}`)
      .digest('base64url');
  }
}

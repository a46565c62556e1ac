// Checks Basic credentials. A password is verified once and then remembered by a keyed digest, so that a
// request on a busy connection costs microseconds; how many are verified at a time, wait, and are
// remembered is bounded, because strangers may send them. Who knows the passwords is a PasswordVerifier:
// a file (password-verifier.ts) or a program (helper.ts). RFC 7617.

import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { IcapError } from '../errors.ts';
import type { WeirError } from '../errors.ts';
import type { FailureThrottle } from './failure-throttle.ts';

const MAX_FIELD = 2048; // characters of a field value
const AT_A_TIME = 2; // the thread pool has four threads, and files and names need some
const MAX_WAITING = 64;
const MAX_RIGHT = 10_000;
const MAX_WRONG = 1000;
const WRONG_FOR_MS = 10_000;

/** Whoever knows which password is right. */
export interface PasswordVerifier {
  /**
   * @returns name that the user is known by from now on, usually `user`; null when the password is wrong
   * @throws rejects with {WeirError} when it cannot be found out
   */
  verify(user: string, password: Buffer): Promise<string | null>;
}

export interface BasicOptions {
  /** Milliseconds on any steady clock. */
  readonly now?: () => number;
  /** Passwords that are verified at the same time, default 2. */
  readonly atATime?: number;
  /** Time that a right password is remembered; default for ever. */
  readonly rememberMs?: number;
  /** Slows down guessing; default null: nothing does. */
  readonly throttle?: FailureThrottle | null;
  /** What is thrown when too many wait. */
  readonly busy?: (message: string) => WeirError;
}

export class BasicAuthenticator {
  readonly #verifier: PasswordVerifier;
  readonly #now: () => number;
  readonly #atATime: number;
  readonly #rememberMs: number;
  readonly #throttle: FailureThrottle | null;
  readonly #busy: (message: string) => WeirError;
  readonly #key = randomBytes(32);
  readonly #right = new LRUCache<string, { readonly user: string; readonly until: number }>({
    max: MAX_RIGHT,
  });
  readonly #wrong = new LRUCache<string, number>({ max: MAX_WRONG }); // digest to the moment when it is forgotten
  readonly #running = new Map<string, Promise<string | null>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(verifier: PasswordVerifier, options: BasicOptions = {}) {
    this.#verifier = verifier;
    this.#now = options.now ?? (() => performance.now());
    this.#atATime = options.atATime ?? AT_A_TIME;
    this.#rememberMs = options.rememberMs ?? Infinity;
    this.#throttle = options.throttle ?? null;
    this.#busy = options.busy ?? ((message) => new IcapError('ERR_ICAP_OVERLOADED', message));
  }

  /**
   * Checks the value of an `Authorization` or `Proxy-Authorization` field.
   *
   * @param client  address that it comes from, for the throttle
   * @returns the user, or null when the value is no Basic one or is wrong; at once where it was checked before
   * @throws {WeirError} or rejects: `ERR_ICAP_OVERLOADED` or as the options say when too many passwords wait
   *         to be checked; what the verifier throws
   */
  check(value: string, client = ''): string | null | Promise<string | null> {
    const credentials = decodeBasic(value);
    if (credentials === null) return null;
    const digest = createHmac('sha256', this.#key).update(credentials.bytes).digest('base64');
    const known = this.#right.get(digest);
    if (known !== undefined && known.until > this.#now()) return known.user;
    if ((this.#wrong.get(digest) ?? -Infinity) > this.#now()) return null;
    let running = this.#running.get(digest);
    if (running === undefined) {
      running = this.#verify(credentials, digest, client).finally(() => this.#running.delete(digest));
      this.#running.set(digest, running);
    }
    return running;
  }

  async #verify({ user, password }: Credentials, digest: string, client: string): Promise<string | null> {
    await this.#throttle?.pause(client);
    await this.#turn();
    try {
      const name = await this.#verifier.verify(user, password);
      if (name !== null) this.#right.set(digest, { user: name, until: this.#now() + this.#rememberMs });
      else {
        this.#wrong.set(digest, this.#now() + WRONG_FOR_MS);
        this.#throttle?.failed(client);
      }
      return name;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#active--;
      else next(); // its turn now
    }
  }

  async #turn(): Promise<void> {
    if (this.#active < this.#atATime) {
      this.#active++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) throw this.#busy('too many passwords wait to be checked');
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

interface Credentials {
  readonly user: string;
  readonly password: Buffer;
  readonly bytes: Buffer;
}

/** User and password of a field value; null where it is not `Basic` with base64 of `user:password`. */
export function decodeBasic(value: string): Credentials | null {
  if (value.length > MAX_FIELD) return null;
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value);
  if (match === null) return null;
  const bytes = Buffer.from(match[1]!, 'base64');
  const colon = bytes.indexOf(0x3a);
  if (colon < 1) return null;
  return { user: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1), bytes };
}

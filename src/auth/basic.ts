// Checks Basic credentials against a password file. A password is hashed once and then remembered by a
// keyed digest, so that a request on a busy connection costs microseconds; how many are hashed at a time,
// wait, and are remembered is bounded, because strangers may send them. RFC 7617.

import { createHmac, randomBytes } from 'node:crypto';
import { IcapError } from '../errors.ts';
import type { PasswordHash } from './password-hash.ts';
import { matchesHash, unmatchableHash } from './password-hash.ts';

const MAX_FIELD = 2048; // characters of a field value
const AT_A_TIME = 2; // hashes; the thread pool has four threads, and files and names need some
const MAX_WAITING = 64;
const MAX_REMEMBERED = 1000; // right and wrong ones each
const WRONG_FOR_MS = 10_000;

export interface BasicOptions {
  /** Milliseconds on any steady clock. */
  readonly now?: () => number;
}

export class BasicAuthenticator {
  readonly #users: ReadonlyMap<string, PasswordHash>;
  readonly #now: () => number;
  readonly #key = randomBytes(32);
  readonly #nobody = unmatchableHash();
  readonly #right = new Map<string, string>(); // digest to user
  readonly #wrong = new Map<string, number>(); // digest to the moment when it is forgotten
  readonly #running = new Map<string, Promise<string | null>>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(users: ReadonlyMap<string, PasswordHash>, options: BasicOptions = {}) {
    this.#users = users;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Checks the value of an `Authorization` or `Proxy-Authorization` field.
   *
   * @returns the user, or null when the value is no Basic one or is wrong; at once where it was checked before
   * @throws {IcapError} or rejects: `ERR_ICAP_OVERLOADED` when too many passwords wait to be checked
   */
  check(value: string): string | null | Promise<string | null> {
    const credentials = decodeBasic(value);
    if (credentials === null) return null;
    const digest = createHmac('sha256', this.#key).update(credentials.bytes).digest('base64');
    const user = this.#right.get(digest);
    if (user !== undefined) return user;
    if ((this.#wrong.get(digest) ?? -Infinity) > this.#now()) return null;
    let running = this.#running.get(digest);
    if (running === undefined) {
      running = this.#verify(credentials, digest).finally(() => this.#running.delete(digest));
      this.#running.set(digest, running);
    }
    return running;
  }

  async #verify({ user, password }: Credentials, digest: string): Promise<string | null> {
    await this.#turn();
    try {
      // A user that is not there costs as much time as one that is: the answer must not tell them apart.
      const matches = await matchesHash(password, this.#users.get(user) ?? this.#nobody);
      if (matches) remember(this.#right, digest, user);
      else remember(this.#wrong, digest, this.#now() + WRONG_FOR_MS);
      return matches ? user : null;
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#active--;
      else next(); // its turn now
    }
  }

  async #turn(): Promise<void> {
    if (this.#active < AT_A_TIME) {
      this.#active++;
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      throw new IcapError('ERR_ICAP_OVERLOADED', 'too many passwords wait to be checked');
    }
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

/** Keeps the latest; the oldest goes first. */
function remember<T>(memory: Map<string, T>, digest: string, value: T): void {
  if (memory.size >= MAX_REMEMBERED) memory.delete(memory.keys().next().value!);
  memory.set(digest, value);
}

// Hashes of passwords by kind: scrypt, which we make; bcrypt and argon2id of other programs, which are
// compared in a thread of their own. Which costs are accepted is decided here and in scrypt-hash.ts: a hash
// that is too cheap protects nobody, one that is too costly stops everybody. Whose it is, password-file.ts knows.

import { randomBytes } from 'node:crypto';
import { compareInThread } from './hash-thread.ts';
import type { ScryptHash } from './scrypt-hash.ts';
import {
  formatScrypt,
  makeScryptHash,
  matchesScrypt,
  parseScrypt,
  unmatchableScrypt,
} from './scrypt-hash.ts';

/** A hash in the form that other programs write. */
export interface EncodedHash {
  readonly kind: 'bcrypt' | 'argon2id';
  /** Equal for hashes that cost the same to compare; ends in `$`. */
  readonly cost: string;
  /** As it stands in the file. */
  readonly encoded: string;
}

export type PasswordHash = ScryptHash | EncodedHash;

const BCRYPT = /^(\$2[abxy]\$(\d\d)\$)[./A-Za-z0-9]{53}$/;
const BCRYPT_COSTS = [5, 15] as const; // htpasswd -B makes 5 unless told otherwise; 15 takes seconds
const BCRYPT_BYTES = 72; // of a password; every implementation leaves out the rest
const ARGON2 = /^(\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$)([\w+/]{11,86})\$([\w+/]{22,86})$/;
const ARGON2_MEMORY = [4096, 256 * 1024] as const; // KiB
const MAX_ARGON2_WORK = 4 * 1024 * 1024; // KiB times passes: some seconds

/** Hashes a new password. Runs in the thread pool. */
export function hashPassword(password: Buffer): Promise<PasswordHash> {
  return makeScryptHash(password);
}

/**
 * Compares in constant time, in another thread.
 * @throws rejects with {WeirError} `ERR_AUTH_UNAVAILABLE` when that thread cannot be used
 */
export async function matchesHash(password: Buffer, stored: PasswordHash): Promise<boolean> {
  if (stored.kind === 'scrypt') return matchesScrypt(password, stored);
  // Programs in C stop at a NUL, so that more than one password would match.
  if (password.length === 0 || password.includes(0)) return false;
  const counted = stored.kind === 'bcrypt' ? password.subarray(0, BCRYPT_BYTES) : password;
  return compareInThread(stored.kind, counted, stored.encoded);
}

/** A hash that no password matches, as costly to compare as that of a user. */
export function unmatchableHash(like?: PasswordHash): PasswordHash {
  if (like === undefined || like.kind === 'scrypt') return unmatchableScrypt(like);
  const random = (characters: number): string => randomBytes(characters).toString('hex').slice(0, characters);
  const { kind, cost } = like;
  // The last letters of salt and hash have spare bits, which `.` and `O` leave empty.
  if (kind === 'bcrypt') return { kind, cost, encoded: `${cost}${random(21)}O${random(30)}O` };
  const text = (bytes: number): string => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  return { kind, cost, encoded: `${cost}${text(16)}$${text(32)}` };
}

export function formatHash(hash: PasswordHash): string {
  return hash.kind === 'scrypt' ? formatScrypt(hash) : hash.encoded;
}

/** Null for a hash of no kind that is accepted, a weak one, or one that would cost too much to compare. */
export function parseHash(text: string): PasswordHash | null {
  const [, bcryptCost, rounds] = BCRYPT.exec(text) ?? [];
  if (bcryptCost !== undefined) {
    return isWithin(Number(rounds), BCRYPT_COSTS)
      ? { kind: 'bcrypt', cost: bcryptCost, encoded: text }
      : null;
  }
  const [, argonCost, memory, passes, lanes] = ARGON2.exec(text) ?? [];
  if (argonCost !== undefined) {
    const work = Number(memory) * Number(passes);
    const sound = isWithin(Number(memory), ARGON2_MEMORY) && isWithin(Number(lanes), [1, 16]);
    if (!sound || work === 0 || work > MAX_ARGON2_WORK) return null;
    return { kind: 'argon2id', cost: argonCost, encoded: text };
  }
  return parseScrypt(text);
}

function isWithin(value: number, [least, most]: readonly [number, number]): boolean {
  return value >= least && value <= most;
}

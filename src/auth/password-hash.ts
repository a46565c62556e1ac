// Password hashes: made and compared with scrypt, written as PHC strings, e.g.
// `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`. Whose hash it is, password-file.ts knows. RFC 7914.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

export interface PasswordHash {
  /** Binary logarithm of the cost N. */
  readonly costBits: number;
  readonly blockSize: number;
  readonly parallel: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const COST_BITS = 15; // with r = 8: 32 MiB and some 60 ms a password
const BLOCK_SIZE = 8;
const PARALLEL = 1;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MAX_MEMORY = 256 * 1024 * 1024; // bytes that one comparison may take

/** Hashes a new password. Runs in the thread pool. */
export async function hashPassword(password: Buffer): Promise<PasswordHash> {
  const salt = randomBytes(SALT_BYTES);
  const parameters = { costBits: COST_BITS, blockSize: BLOCK_SIZE, parallel: PARALLEL, salt };
  return { ...parameters, hash: await derive(password, parameters, HASH_BYTES) };
}

/** Compares in constant time. Runs in the thread pool. */
export async function matchesHash(password: Buffer, stored: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, stored, stored.hash.length), stored.hash);
}

/** A hash that no password matches, as costly to compare as that of a user. */
export function unmatchableHash(): PasswordHash {
  return {
    costBits: COST_BITS,
    blockSize: BLOCK_SIZE,
    parallel: PARALLEL,
    salt: randomBytes(SALT_BYTES),
    hash: randomBytes(HASH_BYTES),
  };
}

export function formatHash({ costBits, blockSize, parallel, salt, hash }: PasswordHash): string {
  return `$scrypt$ln=${costBits},r=${blockSize},p=${parallel}$${base64(salt)}$${base64(hash)}`;
}

/** Null for anything that is no scrypt hash, is a weak one, or would take too much memory to compare. */
export function parseHash(text: string): PasswordHash | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]{11,86})\$([\w+/]{22,86})$/.exec(
    text,
  );
  if (match === null) return null;
  const [costBits, blockSize, parallel] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const memory = 128 * blockSize * 2 ** costBits;
  if (costBits < 10 || blockSize < 1 || parallel < 1 || parallel > 16 || memory > MAX_MEMORY) return null;
  const [salt, hash] = [Buffer.from(match[4]!, 'base64'), Buffer.from(match[5]!, 'base64')];
  return { costBits, blockSize, parallel, salt, hash };
}

function derive(password: Buffer, by: Omit<PasswordHash, 'hash'>, bytes: number): Promise<Buffer> {
  const options = { N: 2 ** by.costBits, r: by.blockSize, p: by.parallel, maxmem: 2 * MAX_MEMORY };
  return new Promise((resolve, reject) => {
    scrypt(password, by.salt, bytes, options, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

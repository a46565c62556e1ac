// scrypt hashes, which are the ones that we make: written as PHC strings, e.g.
// `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, and computed in node's thread pool. RFC 7914.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

export interface ScryptHash {
  readonly kind: 'scrypt';
  /** Binary logarithm of the cost N. */
  readonly costBits: number;
  readonly blockSize: number;
  readonly parallel: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const COST = { kind: 'scrypt', costBits: 15, blockSize: 8, parallel: 1 } as const; // 32 MiB and some 60 ms
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const MAX_MEMORY = 256 * 1024 * 1024; // bytes that one comparison may take

/** Hashes a new password. */
export async function makeScryptHash(password: Buffer): Promise<ScryptHash> {
  const parameters = { ...COST, salt: randomBytes(SALT_BYTES) };
  return { ...parameters, hash: await derive(password, parameters, HASH_BYTES) };
}

/** Compares in constant time. */
export async function matchesScrypt(password: Buffer, stored: ScryptHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, stored, stored.hash.length), stored.hash);
}

/** A hash that no password matches, as costly to compare as the one given, or as new ones. */
export function unmatchableScrypt(like: ScryptHash = { ...COST, salt: NONE, hash: NONE }): ScryptHash {
  return { ...like, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) };
}

const NONE = Buffer.alloc(0);

export function formatScrypt({ costBits, blockSize, parallel, salt, hash }: ScryptHash): string {
  return `$scrypt$ln=${costBits},r=${blockSize},p=${parallel}$${base64(salt)}$${base64(hash)}`;
}

/** Null for anything that is no scrypt hash, is a weak one, or would take too much memory to compare. */
export function parseScrypt(text: string): ScryptHash | null {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/]{11,86})\$([\w+/]{22,86})$/.exec(
    text,
  );
  if (match === null) return null;
  const [costBits, blockSize, parallel] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const memory = 128 * blockSize * 2 ** costBits;
  if (costBits < 10 || blockSize < 1 || parallel < 1 || parallel > 16 || memory > MAX_MEMORY) return null;
  const [salt, hash] = [Buffer.from(match[4]!, 'base64'), Buffer.from(match[5]!, 'base64')];
  return { kind: 'scrypt', costBits, blockSize, parallel, salt, hash };
}

type Parameters = Omit<ScryptHash, 'kind' | 'hash'>;

function derive(password: Buffer, by: Parameters, bytes: number): Promise<Buffer> {
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

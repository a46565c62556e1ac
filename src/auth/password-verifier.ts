// Verifies passwords against the hashes of a file. A user that is not there costs as much time as one that
// is: the answer must not tell them apart.

import type { PasswordVerifier } from './basic.ts';
import type { PasswordHash } from './password-hash.ts';
import { matchesHash, unmatchableHash } from './password-hash.ts';

export class HashVerifier implements PasswordVerifier {
  readonly #users: ReadonlyMap<string, PasswordHash>;
  readonly #nobody: PasswordHash;

  constructor(users: ReadonlyMap<string, PasswordHash>) {
    this.#users = users;
    this.#nobody = unmatchableHash(mostCommon([...users.values()]));
  }

  async verify(user: string, password: Buffer): Promise<string | null> {
    const known = this.#users.get(user);
    return (await matchesHash(password, known ?? this.#nobody)) && known !== undefined ? user : null;
  }
}

/** A hash of the kind and cost that most users have; undefined without users. */
function mostCommon(hashes: readonly PasswordHash[]): PasswordHash | undefined {
  const counts = new Map<string, { count: number; hash: PasswordHash }>();
  for (const hash of hashes) {
    const entry = counts.get(costOf(hash)) ?? { count: 0, hash };
    entry.count++;
    counts.set(costOf(hash), entry);
  }
  return [...counts.values()].sort((a, b) => b.count - a.count)[0]?.hash;
}

function costOf(hash: PasswordHash): string {
  return hash.kind === 'scrypt' ? `${hash.costBits} ${hash.blockSize} ${hash.parallel}` : hash.cost;
}

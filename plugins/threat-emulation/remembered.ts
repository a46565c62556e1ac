// Verdicts of before, in memory: what was emulated is not emulated again for the same bytes under the same name
// and address. Both count, since a script sees them; that is why the gateway, which remembers by content alone,
// does not do it. What verdicts depend on beside the message comes as a fingerprint.

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { BladeMessage, Verdict } from 'weir';

const MAX_VERDICTS = 10_000;
const MAX_BYTES = 4 * 2 ** 20; // of a body: hashing it must not hold up others

export class RememberedVerdicts {
  readonly #verdicts = new LRUCache<string, Verdict>({ max: MAX_VERDICTS });

  /** What the message is remembered by; null where it is too large, or not in memory. */
  key(message: BladeMessage, name: string, fingerprint: string): string | null {
    const memory = message.body?.memory ?? null;
    if (memory === null || memory.length > MAX_BYTES) return null;
    const coding = ['content-type', 'content-encoding'].map((field) => message.header(field) ?? '');
    const facts = [
      fingerprint,
      message.direction,
      message.url,
      name,
      ...coding,
      message.limits?.depth ?? null,
    ];
    return createHash('sha256').update(JSON.stringify(facts)).update(memory).digest('base64url');
  }

  get(key: string | null): Verdict | null {
    return key === null ? null : (this.#verdicts.get(key) ?? null);
  }

  add(key: string | null, verdict: Verdict): void {
    if (key !== null) this.#verdicts.set(key, verdict);
  }
}

// What happens to a suite whose foreign program is not installed: skipped aloud at a desk, failed in CI.

import { describe, test } from '@jest/globals';
import { hasPeer } from './find.mjs';
import { missingPeersText, type PeerName } from './requirePeer.ts';

/**
 * `describe` for suites that need peers. Without them the suite is skipped and says so on the terminal;
 * with CI=true it fails, so that a missing peer cannot pass for a green run.
 */
export function describeWithPeer(needed: PeerName | readonly PeerName[], body: () => void): void {
  const names = typeof needed === 'string' ? [needed] : [...needed];
  const absent = names.filter((name) => !hasPeer(name));
  const title = `with ${names.join(', ')}`;
  if (absent.length === 0) {
    describe(title, body);
  } else if (process.env.CI === 'true') {
    describe(title, () => {
      test(`has ${absent.join(', ')} installed`, () => {
        throw new Error(missingPeersText(absent));
      });
    });
  } else {
    process.stderr.write(`\n*** SKIPPED: ${missingPeersText(absent)}\n\n`);
    const skipped = describe.skip;
    skipped(title, body);
  }
}

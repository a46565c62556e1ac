// A plugin of the lab: a blade that takes its time, as a sandbox does that runs what it is given. It finds
// nothing but the lab's own marker, so that it shows what a profile does with a slow verdict.

import { setTimeout as delay } from 'node:timers/promises';
import { allow, block, definePlugin, type BladeMessage } from '../plugin/api.ts';

export const SANDBOX = 'lab-sandbox';
/** How long it takes over each file with the marker. */
export const SANDBOX_MS = 1000;
/** What it looks for, at the begin of a file. */
export const SANDBOX_MARKER = 'WEIR-LAB-PROGRAM';

export default definePlugin({
  name: SANDBOX,
  version: '1.0.0',
  setup({ blade }) {
    blade({
      name: SANDBOX,
      judges: 'content',
      async inspect(message, signal) {
        if (!isForIt(message)) return allow();
        await delay(SANDBOX_MS, undefined, { signal });
        return block({ threat: 'Lab.Program', reason: 'did something that it should not when it was run' });
      },
    });
  },
});

function isForIt({ direction, body }: BladeMessage): boolean {
  return (
    direction === 'response' && body?.memory?.subarray(0, SANDBOX_MARKER.length).toString() === SANDBOX_MARKER
  );
}

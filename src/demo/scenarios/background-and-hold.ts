// What a profile does while a slow blade makes up its mind. Background: the message passes, and the verdict
// stops whoever asks for the same content later. Hold: the user waits for the verdict.

import { setTimeout as delay } from 'node:timers/promises';
import { SANDBOX_MARKER, SANDBOX_MS } from '../sandbox.ts';
import type { Lab, Scenario } from '../scenario.ts';
import type { TraceRecord } from '../../trace/types.ts';

const ASK_EVERY_MS = 100;
const ASKS = 100; // then the verdict does not come

/** Not the same bytes: what is known of the one says nothing about the other. */
const program = (name: string): Buffer => Buffer.from(`${SANDBOX_MARKER} ${name}\n`);

export const backgroundAndHold: Scenario = {
  name: 'background-and-hold',
  title: 'Background against Hold',
  about: `A sandbox needs ${SANDBOX_MS / 1000} s for a program. In the background it reports what has passed, and stops it from then on; on hold the user waits.`,
  pages: {
    'background/tool': { type: 'application/octet-stream', body: program('one') },
    'hold/tool': { type: 'application/octet-stream', body: program('two') },
  },
  visit: 'hold/tool',
  ownGatewayOnly: true,
  async play(lab) {
    const first = await fetched(lab, 'background');
    await delay(Math.max(0, SANDBOX_MS - first.trace.ms));
    let later = await fetched(lab, 'background');
    for (let asked = 1; later.status < 400 && asked < ASKS; asked++) {
      await delay(ASK_EVERY_MS);
      later = await fetched(lab, 'background');
    }
    // Known is known: on a machine that was busy, the next answer comes at once.
    if (later.trace.ms >= SANDBOX_MS) later = await fetched(lab, 'background');
    const held = await fetched(lab, 'hold');
    return {
      acts: [
        { label: 'Background, the first download:', expected: 'allowed', trace: first.trace },
        { label: 'Background, once the verdict is there:', expected: 'blocked', trace: later.trace },
        { label: 'Hold, the first download:', expected: 'blocked', trace: held.trace },
      ],
      checks: [
        { what: 'in the background the first download did not wait', ok: first.status < 400 }, // or it had been blocked
        { what: 'the next one was stopped by what was known by then', ok: later.trace.ms < SANDBOX_MS },
        { what: 'on hold the user waited for the verdict', ok: held.trace.ms >= SANDBOX_MS * 0.9 },
      ],
    };
  },
};

async function fetched(
  { client, origin, traced }: Lab,
  host: string,
): Promise<{ status: number; trace: TraceRecord }> {
  const url = origin.url(host, '/tool');
  const { status } = await client.request(url);
  return { status, trace: await traced((record) => record.url === url) };
}

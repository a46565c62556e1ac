// The phases of a transaction on one time axis, from what its trace noted.

import type { TracedStep, TraceRecord } from '../../api/types.ts';
import type { Phase } from '../../charts/waterfall.tsx';
import { texts } from '../../texts/index.ts';

const words = texts.transaction.phases;

export function phasesOf(trace: TraceRecord): readonly Phase[] {
  const { tls, reqmod, origin, respmod } = trace;
  const phases: Phase[] = [];
  // The tunnel was there before the transaction began: it is drawn at its begin, on its own.
  if (tls?.ms != null)
    phases.push({ name: words.tunnel, at: 0, ms: tls.ms, colour: '--line-strong', step: 2 });
  phases.push(...scans(reqmod, 'REQMOD'));
  if (origin !== null) {
    const asked = reqmod.reduce((latest, one) => Math.max(latest, endOf(one)), 0);
    const connect = origin.connectMs ?? 0;
    if (connect > 0)
      phases.push({ name: words.connect, at: asked, ms: connect, colour: '--bypassed', step: 6 });
    if (origin.firstByteMs !== null) {
      phases.push({
        name: words.waiting,
        at: asked + connect,
        ms: origin.firstByteMs,
        colour: '--allowed',
        step: 6,
      });
    }
  }
  phases.push(...scans(respmod, 'RESPMOD'));
  const last = phases.reduce((latest, { at, ms }) => Math.max(latest, at + ms), 0);
  if (trace.ms > last)
    phases.push({ name: words.rest, at: last, ms: trace.ms - last, colour: '--line-strong', step: 6 });
  return phases;
}

const endOf = ({ at, services }: TracedStep): number =>
  at + services.reduce((latest, { ms }) => Math.max(latest, ms), 0);

function scans(steps: readonly TracedStep[], method: string): readonly Phase[] {
  return steps
    .filter(({ skipped }) => skipped === null)
    .flatMap(({ at, services }) =>
      services.map(({ service, ms, error }) => ({
        name: `${method} ${service}`,
        at,
        ms,
        colour: error === null ? '--modified' : '--error',
        step: 3,
      })),
    );
}

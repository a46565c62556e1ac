// Where the time of a transaction went: one line a phase, on one common axis. Lines are a list, so a screen
// reader hears name, begin and length of each.

import type { JSX } from 'preact';
import { duration } from '../format.ts';
import { texts } from '../texts/index.ts';

export interface Phase {
  readonly name: string;
  /** Milliseconds from the begin of the transaction. */
  readonly at: number;
  readonly ms: number;
  /** Custom property of its colour. */
  readonly colour: string;
  /** Step of the workflow, 1 to 6. */
  readonly step: number;
}

export function Waterfall({ phases, total }: { phases: readonly Phase[]; total: number }): JSX.Element {
  const end = Math.max(total, ...phases.map(({ at, ms }) => at + ms), 0.01);
  const percent = (ms: number): string => `${Math.min(100, (ms / end) * 100).toFixed(2)}%`;
  return (
    <ol class="waterfall" aria-label={texts.transaction.waterfall}>
      {phases.map(({ name, at, ms, colour, step }, index) => (
        <li key={index}>
          <span class="waterfall-name">
            <span class="step-dot">{step}</span>
            {name}
          </span>
          <span class="waterfall-track" aria-hidden="true">
            <span
              class="waterfall-bar"
              style={{ left: percent(at), width: percent(ms), background: `var(${colour})` }}
            />
          </span>
          <span class="waterfall-time">
            {duration(ms)}
            <span class="hidden-text">{texts.transaction.after(duration(at))}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}

// A verdict as a shape, a colour and a word: each of the three alone tells it, so that neither colour-blind
// people nor screen readers miss anything.

import type { JSX } from 'preact';
import { texts } from '../texts/index.ts';

export const VERDICTS = ['allowed', 'blocked', 'modified', 'bypassed', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

const SHAPES: Readonly<Record<Verdict, JSX.Element>> = {
  allowed: (
    <>
      <circle cx="8" cy="8" r="7" fill="currentColor" />
      <path d="m4.5 8.2 2.4 2.4 4.6-5" fill="none" stroke="var(--panel)" stroke-width="1.8" />
    </>
  ),
  blocked: (
    <>
      <path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z" fill="currentColor" />
      <path d="M4.5 8h7" stroke="var(--panel)" stroke-width="2.2" />
    </>
  ),
  modified: (
    <>
      <path d="m8 .5 7.5 7.5L8 15.5.5 8z" fill="currentColor" />
      <path d="M5.5 9.5 9 6l1.5 1.5L7 11H5.5z" fill="var(--panel)" />
    </>
  ),
  bypassed: (
    <>
      <path d="M1.5 2h13L8 14.5z" fill="none" stroke="currentColor" stroke-width="1.8" />
      <path d="M5.5 5.5h5" stroke="currentColor" stroke-width="1.6" />
    </>
  ),
  error: (
    <>
      <path d="M8 1.5 15 14H1z" fill="none" stroke="currentColor" stroke-width="1.8" />
      <path d="M8 6v4M8 11.5v1" stroke="currentColor" stroke-width="1.8" />
    </>
  ),
};

export function isVerdict(text: string): text is Verdict {
  return (VERDICTS as readonly string[]).includes(text);
}

export function VerdictShape({ verdict }: { verdict: Verdict }): JSX.Element {
  return (
    <svg class={`ink-${verdict}`} viewBox="0 0 16 16" aria-hidden="true">
      {SHAPES[verdict]}
    </svg>
  );
}

/** The verdict of a transaction, an ICAP answer or a blade; words of others are shown as they are. */
export function VerdictMark({ verdict }: { verdict: string }): JSX.Element {
  if (!isVerdict(verdict)) return <span class="verdict">{verdict}</span>;
  return (
    <span class="verdict">
      <VerdictShape verdict={verdict} />
      {texts.verdicts[verdict]}
    </span>
  );
}

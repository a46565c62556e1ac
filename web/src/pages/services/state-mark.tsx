// The state of a service as shape, colour and word.

import type { JSX } from 'preact';
import { VerdictShape } from '../../components/verdict.tsx';
import type { Verdict } from '../../components/verdict.tsx';
import { texts } from '../../texts/index.ts';

const SHAPES: Readonly<Record<string, Verdict>> = { up: 'allowed', down: 'blocked', failed: 'blocked' };

export function StateMark({ state, text }: { state: string; text?: string }): JSX.Element {
  const words: Readonly<Record<string, string>> = texts.services.states;
  return (
    <span class="verdict">
      <VerdictShape verdict={SHAPES[state] ?? 'bypassed'} />
      {text ?? words[state] ?? state}
    </span>
  );
}

// What the check of a configuration found, each with its line and what was probably meant.

import type { JSX } from 'preact';
import type { PolicyProblem } from '../../api/types.ts';
import { Notice } from '../../components/panel.tsx';
import { texts } from '../../texts/index.ts';

export function Problems({
  problems,
  tone,
}: {
  problems: readonly PolicyProblem[];
  tone: 'bad' | 'warn';
}): JSX.Element {
  const words = texts.policy.edit;
  return (
    <>
      {problems.map(({ path, line, message, suggestion }, at) => (
        <Notice key={at} tone={tone} title={`${line === null ? '' : words.line(line)}${path}`}>
          <p>{message}</p>
          {suggestion !== null && <p class="muted">{words.suggestion(suggestion)}</p>}
        </Notice>
      ))}
    </>
  );
}

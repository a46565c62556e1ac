// An error of the API: what happened, what to do, and a way to try again.

import type { JSX } from 'preact';
import type { ApiProblem } from '../api/client.ts';
import { texts } from '../texts/index.ts';
import { Notice } from './panel.tsx';

export function Problem({ problem, onRetry }: { problem: ApiProblem; onRetry?: () => void }): JSX.Element {
  return (
    <Notice tone="bad" title={problem.message}>
      {problem.hint !== '' && <p>{problem.hint}</p>}
      {onRetry !== undefined && (
        <div>
          <button type="button" class="small" onClick={onRetry}>
            {texts.common.retry}
          </button>
        </div>
      )}
    </Notice>
  );
}

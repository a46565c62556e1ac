// Whether this browser uses the proxy, and trusts its CA: the proxy alone answers for weir.local, over HTTP and,
// with a certificate of the CA, over HTTPS.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { Panel } from '../../components/panel.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import type { Verdict } from '../../components/verdict.tsx';
import { texts } from '../../texts/index.ts';

const LIMIT_MS = 10_000;

type State = 'idle' | 'asking' | 'elsewhere' | 'untrusted' | 'trusted';

const SHAPES: Readonly<Partial<Record<State, Verdict>>> = {
  elsewhere: 'bypassed',
  untrusted: 'blocked',
  trusted: 'allowed',
};

export function BrowserCheck(): JSX.Element {
  const [state, setState] = useState<State>('idle');
  const words = texts.trust.check;
  const check = async (): Promise<void> => {
    setState('asking');
    if (!(await answers('http://weir.local/here.json'))) setState('elsewhere');
    else setState((await answers('https://weir.local/here.json')) ? 'trusted' : 'untrusted');
  };
  const shape = SHAPES[state];
  return (
    <Panel title={words.title}>
      <div class="row">
        <button type="button" class="primary" disabled={state === 'asking'} onClick={() => void check()}>
          {words.run}
        </button>
        <span role="status" class="verdict wrap" data-state={state}>
          {shape !== undefined && <VerdictShape verdict={shape} />}
          {words.states[state]}
        </span>
      </div>
      {state === 'elsewhere' && <p class="muted">{words.elsewhereHow}</p>}
      {state === 'untrusted' && <p class="muted">{words.untrustedHow}</p>}
    </Panel>
  );
}

async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const reply = await fetch(url, { cache: 'no-store', credentials: 'omit', signal });
    const body = (await reply.json()) as { weir?: unknown };
    return typeof body.weir === 'string';
  } catch {
    return false;
  }
}

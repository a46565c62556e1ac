// What would happen to a URL under the policy in force, step by step.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyTestReply } from '../../api/types.ts';
import { Panel } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import type { Verdict } from '../../components/verdict.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { setFilters } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { Story } from '../transaction/overview-tab.tsx';

const SHAPES: Readonly<Record<PolicyTestReply['outcome'], Verdict>> = {
  inspected: 'allowed',
  'passed-uninspected': 'bypassed',
  refused: 'blocked',
};

/** @param url of a link to this page; tested at once */
export function UrlTest({ url: given }: { url: string }): JSX.Element {
  const words = texts.policy.test;
  const [url, setUrl] = useState(given);
  const [method, setMethod] = useState('GET');
  const [reply, setReply] = useState<PolicyTestReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const ask = async (): Promise<void> => {
    setProblem(null);
    try {
      setReply(await send<PolicyTestReply>('POST', '/api/policy/test', { url: url.trim(), method }));
    } catch (error) {
      setReply(null);
      if (error instanceof ApiProblem) setProblem(error);
    }
  };
  useEffect(() => {
    if (given !== '') void ask();
  }, []);
  const submit = (event: Event): void => {
    event.preventDefault();
    setFilters({ url: url.trim() });
    void ask();
  };
  return (
    <Panel title={words.title}>
      <form class="row" onSubmit={submit}>
        <select
          aria-label={words.method}
          value={method}
          onChange={(event) => setMethod(event.currentTarget.value)}
        >
          {['GET', 'POST', 'PUT', 'CONNECT'].map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <input
          class="search mono"
          type="url"
          required
          aria-label={words.url}
          placeholder="https://example.com/file.zip"
          value={url}
          onInput={(event) => setUrl(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          {words.ask}
        </button>
      </form>
      {problem !== null && <Problem problem={problem} />}
      {reply !== null && (
        <div role="status" class="stack">
          <p class="verdict">
            <VerdictShape verdict={SHAPES[reply.outcome]} />
            <strong>{words.outcomes[reply.outcome]}</strong>
          </p>
          <Story lines={reply.story} />
          <p class="muted small">{words.limits}</p>
        </div>
      )}
    </Panel>
  );
}

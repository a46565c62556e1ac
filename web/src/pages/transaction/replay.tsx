// The transaction once more, through another profile: what became of it then and what would now.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { type ApiProblem, send } from '../../api/client.ts';
import type { PolicyReply, ReplayOutcome, ReplayReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { VerdictMark } from '../../components/verdict.tsx';
import { texts } from '../../texts/index.ts';

const AS_CONFIGURED = '';

export function Replay({ id }: { id: string }): JSX.Element {
  const words = texts.transaction.replay;
  const { data: policy } = useResource<PolicyReply>('/api/policy');
  const [profile, setProfile] = useState(AS_CONFIGURED);
  const [state, setState] = useState<'idle' | 'running' | ReplayReply | ApiProblem>('idle');
  const run = (): void => {
    setState('running');
    send<ReplayReply>('POST', `/api/transactions/${encodeURIComponent(id)}/replay`, {
      ...(profile === AS_CONFIGURED ? {} : { profile }),
    }).then(setState, setState);
  };
  return (
    <>
      <h3>{words.title}</h3>
      <div class="row">
        <label>
          {words.profile}{' '}
          <select value={profile} onChange={(event) => setProfile(event.currentTarget.value)}>
            <option value={AS_CONFIGURED}>{words.asConfigured}</option>
            {(policy?.profiles ?? []).map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="button" class="small" disabled={state === 'running'} onClick={run}>
          {state === 'running' ? words.running : words.run}
        </button>
      </div>
      <div role="status">
        {state instanceof Error && (
          <p>
            {state.message}
            {state.hint === '' ? '' : `: ${state.hint}`}
          </p>
        )}
        {typeof state === 'object' && !(state instanceof Error) && <Comparison reply={state} />}
      </div>
    </>
  );
}

function Comparison({
  reply: { before, now, skipped, partial, changed },
}: {
  reply: ReplayReply;
}): JSX.Element {
  const words = texts.transaction.replay;
  if (now === null) return <p>{words.skipped(skipped ?? '')}</p>;
  return (
    <>
      <p>
        <strong>{changed ? words.changed : words.same}</strong>
        {partial ? ` ${words.partial}` : ''}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.when}</th>
            <th scope="col">{words.verdict}</th>
            <th scope="col">{words.found}</th>
            <th scope="col">{words.services}</th>
          </tr>
        </thead>
        <tbody>
          <Row when={words.before} outcome={before} />
          <Row when={words.now} outcome={now} />
        </tbody>
      </table>
      {now.error !== null && <p>{now.error}</p>}
    </>
  );
}

function Row({ when, outcome }: { when: string; outcome: ReplayOutcome }): JSX.Element {
  const { verdict, threat, notScanned, services } = outcome;
  return (
    <tr>
      <th scope="row">{when}</th>
      <td>
        <VerdictMark verdict={verdict} />
      </td>
      <td>{threat ?? (notScanned === null ? '' : texts.transaction.replay.notScanned(notScanned))}</td>
      <td>{services.join(', ')}</td>
    </tr>
  );
}

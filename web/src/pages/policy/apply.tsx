// The last step of every change: what would change in the file, what the check says of it, and the question
// whether it is to be written and put in force. Nothing is where the file has changed meanwhile.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyCheckReply, PolicyPutReply, PolicyReply } from '../../api/types.ts';
import { Notice } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { diffOf } from './diff.ts';
import { Problems } from './problems.tsx';

export interface Draft extends PolicyCheckReply {
  readonly yaml: string;
}

export interface Applying {
  readonly busy: boolean;
  readonly problem: ApiProblem | null;
  apply(yaml: string): Promise<void>;
}

/** @param onSaved  the file is written and in force */
export function useApply(policy: PolicyReply, onSaved: () => void): Applying {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const apply = async (yaml: string): Promise<void> => {
    const { saved, restart } = texts.policy.edit;
    setBusy(true);
    setProblem(null);
    try {
      const body = { yaml, digest: policy.digest };
      const { needsRestart } = await send<PolicyPutReply>('PUT', '/api/policy', body);
      onSaved();
      announce(needsRestart.length > 0 ? restart(needsRestart.join(', ')) : saved);
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
      setBusy(false);
    }
  };
  return { busy, problem, apply };
}

/** @param onReload  offered where the file is another one by now */
export function ApplyProblem({
  problem,
  onReload,
}: {
  problem: ApiProblem | null;
  onReload: () => void;
}): JSX.Element | null {
  if (problem === null) return null;
  return (
    <>
      <Problem problem={problem} />
      <Problems problems={problem.body?.problems ?? []} tone="bad" />
      {problem.status === 409 && (
        <div>
          <button type="button" onClick={onReload}>
            {texts.policy.edit.loadAgain}
          </button>
        </div>
      )}
    </>
  );
}

/** The question, as the buttons of a dialog. */
export function ApplyButtons({
  policy,
  draft,
  applying: { busy, apply },
  onClose,
}: {
  policy: PolicyReply;
  draft: Draft;
  applying: Applying;
  onClose: () => void;
}): JSX.Element {
  const words = texts.policy.change;
  const may = draft.ok && draft.yaml !== policy.yaml;
  return (
    <>
      <span class="grow">{may ? words.ask : null}</span>
      <button type="button" class="primary" disabled={busy || !may} onClick={() => void apply(draft.yaml)}>
        {texts.policy.edit.save}
      </button>
      <button type="button" onClick={onClose}>
        {texts.common.cancel}
      </button>
    </>
  );
}

/** Takes the focus, so that it is in view and read. */
export function Difference({ before, draft }: { before: string; draft: Draft }): JSX.Element {
  const words = texts.policy.change;
  const lines = diffOf(before, draft.yaml);
  const box = useRef<HTMLElement>(null);
  useEffect(() => box.current?.focus(), [draft]);
  return (
    <section class="stack" ref={box} tabIndex={-1} aria-label={words.difference}>
      <h3>{words.difference}</h3>
      <Problems problems={draft.problems} tone="bad" />
      <Problems problems={draft.warnings} tone="warn" />
      {lines.length === 0 ? (
        <Notice title={words.nothing} />
      ) : (
        <pre class="head diff" tabIndex={0} role="region" aria-label={words.difference}>
          {lines.map(({ kind, text }, at) => (
            <span key={at} class={kind}>{`${words.signs[kind]} ${text}\n`}</span>
          ))}
        </pre>
      )}
    </section>
  );
}

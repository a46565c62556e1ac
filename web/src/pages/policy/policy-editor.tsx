// Edits the configuration file: checked as it is typed, saved only when it is right and nobody else has changed
// it meanwhile, and in force at once. Comments stay, since it is the text itself that is edited.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyCheckReply, PolicyPutReply, PolicyReply } from '../../api/types.ts';
import { Notice } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { Problems } from './problems.tsx';

const TYPING_MS = 500;

export function PolicyEditor({ policy, onSaved }: { policy: PolicyReply; onSaved: () => void }): JSX.Element {
  const words = texts.policy.edit;
  const [yaml, setYaml] = useState(policy.yaml);
  const [check, setCheck] = useState<PolicyCheckReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [saving, setSaving] = useState(false);
  const changed = yaml !== policy.yaml;
  useEffect(() => {
    if (!changed) {
      setCheck(null);
      return undefined;
    }
    const timer = setTimeout(() => {
      send<PolicyCheckReply>('POST', '/api/policy/check', { yaml }).then(setCheck, (error: unknown) => {
        if (error instanceof ApiProblem) setProblem(error);
      });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [yaml, changed]);
  const save = async (): Promise<void> => {
    setSaving(true);
    setProblem(null);
    try {
      const reply = await send<PolicyPutReply>('PUT', '/api/policy', { yaml, digest: policy.digest });
      announce(reply.needsRestart.length > 0 ? words.restart(reply.needsRestart.join(', ')) : words.saved);
      onSaved();
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
    setSaving(false);
  };
  if (!policy.writable) {
    return (
      <Notice tone="warn" title={words.notWritable}>
        <p>{words.notWritableHow}</p>
      </Notice>
    );
  }
  const problems = problem?.body?.problems ?? check?.problems ?? [];
  return (
    <>
      <label class="hidden-text" for="policy-yaml">
        {words.label}
      </label>
      <textarea
        id="policy-yaml"
        rows={24}
        spellcheck={false}
        value={yaml}
        onInput={(event) => setYaml(event.currentTarget.value)}
        aria-describedby="policy-state"
      />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={!changed || saving || check?.ok === false}
          onClick={() => void save()}
        >
          {words.save}
        </button>
        <button type="button" disabled={!changed} onClick={() => setYaml(policy.yaml)}>
          {words.undo}
        </button>
        <span id="policy-state" role="status" class="muted">
          {!changed
            ? words.unchanged
            : check === null
              ? words.checking
              : check.ok
                ? words.right
                : words.wrong}
        </span>
      </div>
      {problem !== null && <Problem problem={problem} />}
      {problem?.status === 409 && (
        <div>
          <button type="button" onClick={onSaved}>
            {words.loadAgain}
          </button>
        </div>
      )}
      <Problems problems={problems} tone="bad" />
      <Problems problems={check?.warnings ?? []} tone="warn" />
    </>
  );
}

// Edits the text of the configuration file, checked as it is typed; saving shows what would change and asks first
// (apply.tsx). Comments stay, since it is the text itself that is edited.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyCheckReply, PolicyReply } from '../../api/types.ts';
import { Modal } from '../../components/modal.tsx';
import { Notice } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { texts } from '../../texts/index.ts';
import type { Draft } from './apply.tsx';
import { ApplyButtons, ApplyProblem, Difference, useApply } from './apply.tsx';
import { Problems } from './problems.tsx';

const TYPING_MS = 500;

export function PolicyEditor({ policy, onSaved }: { policy: PolicyReply; onSaved: () => void }): JSX.Element {
  const words = texts.policy.edit;
  const [yaml, setYaml] = useState(policy.yaml);
  const [check, setCheck] = useState<PolicyCheckReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const saved = (): void => {
    setDraft(null);
    onSaved();
  };
  const applying = useApply(policy, saved);
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
  if (!policy.writable) {
    return (
      <Notice tone="warn" title={words.notWritable}>
        <p>{words.notWritableHow}</p>
      </Notice>
    );
  }
  const close = (): void => setDraft(null);
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
        onInput={(event) => {
          setYaml(event.currentTarget.value);
          setCheck(null);
          setProblem(null);
        }}
        aria-describedby="policy-state"
      />
      <div class="row">
        <button
          type="button"
          class="primary"
          disabled={check?.ok !== true}
          onClick={() => setDraft({ ...check!, yaml })}
        >
          {words.review}
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
      <Problems problems={check?.problems ?? []} tone="bad" />
      <Problems problems={check?.warnings ?? []} tone="warn" />
      {draft !== null && (
        <Modal
          title={words.review}
          onClose={close}
          buttons={<ApplyButtons {...{ policy, draft, applying }} onClose={close} />}
        >
          <Difference before={policy.yaml} draft={draft} />
          <ApplyProblem problem={applying.problem} onReload={saved} />
        </Modal>
      )}
    </>
  );
}

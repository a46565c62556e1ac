// One change of the policy: its form where it has one, then what would change in the file and what the check
// says of it; written and in force only when somebody says so, and only where the file is still the same.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyChange, PolicyDraftReply, PolicyPutReply, PolicyReply } from '../../api/types.ts';
import { Modal } from '../../components/modal.tsx';
import { Notice } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { diffOf } from './diff.ts';
import { Problems } from './problems.tsx';

export interface Field {
  readonly key: string;
  readonly label: string;
  /** Of a choice; the first is what it is at the beginning where nothing else is given. */
  readonly options?: readonly (readonly [value: string, label: string])[];
  readonly hint?: string;
  readonly required?: boolean;
}

/** What is typed, by the key of its field. */
export type Values = Readonly<Record<string, string>>;

export interface Edit {
  readonly title: string;
  /** None: nothing is to be filled in. */
  readonly fields: readonly Field[];
  readonly values: Values;
  changeOf(values: Values): PolicyChange;
}

export function ChangeDialog({
  edit,
  policy,
  onClose,
  onSaved,
}: {
  edit: Edit;
  policy: PolicyReply;
  onClose: () => void;
  onSaved: () => void;
}): JSX.Element {
  const words = texts.policy.change;
  const [values, setValues] = useState<Values>(edit.values);
  const [draft, setDraft] = useState<PolicyDraftReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
    setBusy(false);
  };
  const look = (): Promise<void> =>
    attempt(async () => {
      const body = { yaml: policy.yaml, change: edit.changeOf(values) };
      setDraft(await send<PolicyDraftReply>('POST', '/api/policy/draft', body));
    });
  const apply = (yaml: string): Promise<void> =>
    attempt(async () => {
      const { needsRestart } = await send<PolicyPutReply>('PUT', '/api/policy', {
        yaml,
        digest: policy.digest,
      });
      const { saved, restart } = texts.policy.edit;
      announce(needsRestart.length > 0 ? restart(needsRestart.join(', ')) : saved);
      onSaved();
      onClose();
    });
  useEffect(() => {
    if (edit.fields.length === 0) void look();
  }, []);
  return (
    <Modal title={edit.title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void look();
        }}
      >
        {edit.fields.map((field) => (
          <FieldInput
            key={field.key}
            field={field}
            value={values[field.key] ?? ''}
            onInput={(value) => {
              setValues({ ...values, [field.key]: value });
              setDraft(null);
            }}
          />
        ))}
        {edit.fields.length > 0 && (
          <div>
            <button type="submit" class={draft === null ? 'primary' : ''} disabled={busy}>
              {words.look}
            </button>
          </div>
        )}
      </form>
      {draft !== null && <Difference before={policy.yaml} draft={draft} />}
      {problem !== null && <Problem problem={problem} />}
      {draft !== null && (
        <div class="row">
          <button
            type="button"
            class="primary"
            disabled={busy || !draft.ok || draft.yaml === policy.yaml}
            onClick={() => void apply(draft.yaml)}
          >
            {texts.policy.edit.save}
          </button>
          <span role="status" class="muted">
            {draft.ok ? words.right : words.wrong}
          </span>
        </div>
      )}
    </Modal>
  );
}

function FieldInput({
  field: { key, label, options, hint, required = false },
  value,
  onInput,
}: {
  field: Field;
  value: string;
  onInput: (value: string) => void;
}): JSX.Element {
  return (
    <label class="stack field">
      <span>{label}</span>
      {options === undefined ? (
        <input
          name={key}
          class="mono"
          required={required}
          spellcheck={false}
          placeholder={hint ?? ''}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
      ) : (
        <select name={key} value={value} onChange={(event) => onInput(event.currentTarget.value)}>
          {options.map(([option, shown]) => (
            <option key={option} value={option}>
              {shown}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}

function Difference({ before, draft }: { before: string; draft: PolicyDraftReply }): JSX.Element {
  const words = texts.policy.change;
  const lines = diffOf(before, draft.yaml);
  return (
    <>
      <h3>{words.difference}</h3>
      {lines.length === 0 ? (
        <Notice title={words.nothing} />
      ) : (
        <pre class="head diff" tabIndex={0} aria-label={words.difference}>
          {lines.map(({ kind, text }, at) => (
            <span key={at} class={kind}>{`${words.signs[kind]} ${text}\n`}</span>
          ))}
        </pre>
      )}
      <Problems problems={draft.problems} tone="bad" />
      <Problems problems={draft.warnings} tone="warn" />
    </>
  );
}

// One change of the policy: its form where it has one, then what would change in the file and the question
// whether it is to be (apply.tsx).

import type { JSX } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { ApiProblem, send } from '../../api/client.ts';
import type { PolicyChange, PolicyDraftReply, PolicyReply } from '../../api/types.ts';
import { Modal } from '../../components/modal.tsx';
import { Problem } from '../../components/problem.tsx';
import { texts } from '../../texts/index.ts';
import { ApplyButtons, ApplyProblem, Difference, useApply } from './apply.tsx';

export interface Field {
  readonly key: string;
  readonly label: string;
  /** Of a choice; the first is what it is at the beginning where nothing else is given. */
  readonly options?: readonly (readonly [value: string, label: string])[];
  readonly hint?: string;
  readonly required?: boolean;
  /** What it has to look like, as of an `input`, and how that is said. */
  readonly pattern?: readonly [expression: string, meaning: string];
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
  const form = useId();
  const [values, setValues] = useState<Values>(edit.values);
  const [draft, setDraft] = useState<PolicyDraftReply | null>(null);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const [looking, setLooking] = useState(false);
  const done = (): void => {
    onSaved();
    onClose();
  };
  const applying = useApply(policy, done);
  const look = async (): Promise<void> => {
    setLooking(true);
    setProblem(null);
    try {
      const body = { yaml: policy.yaml, change: edit.changeOf(values) };
      setDraft(await send<PolicyDraftReply>('POST', '/api/policy/draft', body));
    } catch (error) {
      if (error instanceof ApiProblem) setProblem(error);
    }
    setLooking(false);
  };
  useEffect(() => {
    if (edit.fields.length === 0) void look();
  }, []);
  const cancel = (
    <button type="button" onClick={onClose}>
      {texts.common.cancel}
    </button>
  );
  const show = (
    <button type="submit" form={form} class="primary" disabled={looking}>
      {words.look}
    </button>
  );
  return (
    <Modal
      title={edit.title}
      onClose={onClose}
      buttons={
        draft === null ? (
          <>
            {edit.fields.length > 0 && show}
            {cancel}
          </>
        ) : (
          <ApplyButtons {...{ policy, draft, applying, onClose }} />
        )
      }
    >
      {edit.fields.length > 0 && (
        <form
          id={form}
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
        </form>
      )}
      <span role="status" class="hidden-text">
        {draft === null ? '' : draft.ok ? words.right : words.wrong}
      </span>
      {draft !== null && <Difference before={policy.yaml} draft={draft} />}
      {problem !== null && <Problem problem={problem} />}
      <ApplyProblem problem={applying.problem} onReload={done} />
    </Modal>
  );
}

function FieldInput({
  field: { key, label, options, hint, required = false, pattern },
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
          autocomplete="off"
          placeholder={hint ?? ''}
          value={value}
          onInput={(event) => onInput(event.currentTarget.value)}
          {...(pattern === undefined ? {} : { pattern: pattern[0], title: pattern[1] })}
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

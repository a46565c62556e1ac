// The buttons beside a rule: change it, move it, take it away. Their names say which rule they are of.

import type { JSX } from 'preact';
import { texts } from '../../texts/index.ts';
import type { Edit } from './change-dialog.tsx';
import { plainEdit } from './edits.ts';

export function RuleActions({
  list,
  path,
  at,
  last,
  edit,
  onEdit,
}: {
  list: 'tls' | 'adaptation';
  path: string;
  at: number;
  /** Place of the last rule of the list. */
  last: number;
  edit: () => Edit;
  onEdit: (edit: Edit) => void;
}): JSX.Element {
  const words = texts.policy.change;
  const move = (to: number, title: string): void => onEdit(plainEdit(title, { list, do: 'move', at, to }));
  return (
    <span class="row">
      <Small label={words.edit(path)} text={words.short.edit} onClick={() => onEdit(edit())} />
      <Small
        label={words.up(path)}
        text="↑"
        disabled={at === 0}
        onClick={() => move(at - 1, words.up(path))}
      />
      <Small
        label={words.down(path)}
        text="↓"
        disabled={at === last}
        onClick={() => move(at + 1, words.down(path))}
      />
      <Small
        label={words.remove(path)}
        text={words.short.remove}
        onClick={() => onEdit(plainEdit(words.remove(path), { list, do: 'remove', at }))}
      />
    </span>
  );
}

export function Small({
  label,
  text,
  disabled = false,
  onClick,
}: {
  label: string;
  text: string;
  disabled?: boolean;
  onClick: () => void;
}): JSX.Element {
  return (
    <button
      type="button"
      class="small"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      {text}
    </button>
  );
}

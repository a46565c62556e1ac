// Any JSON as a tree that opens level by level; texts of strangers stay text. Long lists are cut, with a count
// of what is not shown.

import type { JSX } from 'preact';
import { texts } from '../texts/index.ts';

const MAX_CHILDREN = 200;
const OPEN_LEVELS = 4;

export function DataTree({
  value,
  name,
  level = 0,
}: {
  value: unknown;
  name: string;
  level?: number;
}): JSX.Element {
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="tree-leaf">
        <span class="muted">{name}</span> <code class={`tree-${typeof value}`}>{shown(value)}</code>
      </div>
    );
  }
  const entries = Object.entries(value);
  if (entries.length === 0) {
    return (
      <div class="tree-leaf">
        <span class="muted">{name}</span> <code>{Array.isArray(value) ? '[]' : '{}'}</code>
      </div>
    );
  }
  return (
    <details class="tree" open={level < OPEN_LEVELS}>
      <summary>
        {name} <span class="muted small">{texts.transaction.entries(entries.length)}</span>
      </summary>
      {entries.slice(0, MAX_CHILDREN).map(([key, child]) => (
        <DataTree key={key} name={key} value={child} level={level + 1} />
      ))}
      {entries.length > MAX_CHILDREN && (
        <div class="tree-leaf muted">{texts.transaction.more(entries.length - MAX_CHILDREN)}</div>
      )}
    </details>
  );
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : String(value));

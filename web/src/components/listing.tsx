// A table of what the server has: loading, failed, nothing there, or switched off, each said in the same way.

import type { ComponentChildren, JSX } from 'preact';
import type { Resource } from '../api/use-resource.ts';
import { texts } from '../texts/index.ts';
import { Empty, ScrollBox } from './panel.tsx';
import { Problem } from './problem.tsx';

const NOT_THERE: readonly number[] = [404, 501]; // what is switched off answers so

export interface Column {
  readonly title: string;
  /** Said to screen readers alone. */
  readonly hidden?: boolean;
  readonly numeric?: boolean;
}

export interface Words {
  readonly title: string;
  readonly none: string;
  readonly noneHow: string;
  /** Where it can be switched off. */
  readonly off?: string;
  readonly offHow?: string;
}

/**
 * @param words  of the list as a whole
 * @param row  a `tr` with its key
 * @param about  what stands above the table
 */
export function Listing<Item, Body extends { readonly items: readonly Item[] }>({
  resource: { data, problem, reload },
  words,
  columns,
  row,
  about,
}: {
  resource: Resource<Body>;
  words: Words;
  columns: readonly Column[];
  row: (item: Item) => JSX.Element;
  about?: (data: Body) => ComponentChildren;
}): JSX.Element {
  if (data === null) {
    if (problem === null) return <p class="muted panel-body">{texts.common.loading}</p>;
    if (words.off === undefined || !NOT_THERE.includes(problem.status)) {
      return <Problem problem={problem} onRetry={reload} />;
    }
    return <Empty title={words.off}>{problem.hint || words.offHow}</Empty>;
  }
  if (data.items.length === 0) return <Empty title={words.none}>{words.noneHow}</Empty>;
  return (
    <>
      {about?.(data)}
      <ScrollBox label={words.title} tall>
        <table>
          <thead>
            <tr>
              {columns.map(({ title, hidden = false, numeric = false }) => (
                <th key={title} class={numeric ? 'numeric' : ''}>
                  {hidden ? <span class="hidden-text">{title}</span> : title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>{data.items.map(row)}</tbody>
        </table>
      </ScrollBox>
    </>
  );
}

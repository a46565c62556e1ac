// Who and what comes up most among the recent transactions.

import type { JSX } from 'preact';
import type { OverviewReply, Ranked } from '../../api/types.ts';
import { Panel } from '../../components/panel.tsx';
import { count } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

export function TopLists({ overview }: { overview: OverviewReply }): JSX.Element {
  const { threats, hosts, clients } = overview.top;
  const words = texts.threats.top;
  return (
    <div class="grid-3">
      <List title={words.threats} items={threats} filter="q" />
      <List title={words.hosts} items={hosts} filter="host" />
      <List title={words.clients} items={clients} filter="client" />
    </div>
  );
}

function List({
  title,
  items,
  filter,
}: {
  title: string;
  items: readonly Ranked[];
  filter: string;
}): JSX.Element {
  const most = Math.max(1, ...items.map((item) => item.count));
  return (
    <Panel title={title}>
      {items.length === 0 ? (
        <p class="muted">{texts.common.none}</p>
      ) : (
        <ol class="ranked">
          {items.map((item) => (
            <li key={item.name}>
              <a class="break" href={hrefOf('live', '', { [filter]: item.name })}>
                {item.name}
              </a>
              <span class="numeric">{count(item.count)}</span>
              <span
                class="ranked-bar"
                aria-hidden="true"
                style={{ width: `${(item.count / most) * 100}%` }}
              />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

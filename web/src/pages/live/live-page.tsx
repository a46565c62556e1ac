// Transactions as they happen. What is asked for stands in the URL; the list stands still while somebody reads
// further down or has paused it, and says how many wait.

import type { JSX } from 'preact';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { useResource } from '../../api/use-resource.ts';
import type { StatusReply, TransactionSummary } from '../../api/types.ts';
import { Picture } from '../../components/icons.tsx';
import { VirtualList } from '../../components/virtual-list.tsx';
import { count } from '../../format.ts';
import type { Route } from '../../router.ts';
import { pause, stopWatching, useLive, watchTransactions } from '../../state/live-feed.ts';
import { useShortcuts } from '../../state/shortcuts.ts';
import { texts } from '../../texts/index.ts';
import { FilterBar } from './filter-bar.tsx';
import { filterOf, queryOf } from './filter.ts';
import { LiveHead, LiveRow, ROW_HEIGHT } from './live-row.tsx';
import { NoTransactions } from './no-transactions.tsx';

export function LivePage({ route }: { route: Route }): JSX.Element {
  const live = useLive();
  const { skipped, rate, paused, seeded } = live;
  const [stopped, setStopped] = useState(false);
  const [away, setAway] = useState(false);
  const status = useResource<StatusReply>('/api/status', 10_000).data;
  // What the own proxy asks the gateway is told by its transactions; others' ICAP is there when wanted.
  const withIcap = status?.features.proxy === false || route.query.has('icap');
  const rows = useMemo(() => shownOf(live.rows, withIcap), [live.rows, withIcap]);
  const waiting = useMemo(() => shownOf(live.waiting, withIcap), [live.waiting, withIcap]);
  const text = route.query.toString();
  const filter = useMemo(() => filterOf(new URLSearchParams(text)), [text]);
  const wanted = JSON.stringify(filter);
  useEffect(() => void watchTransactions(filter, queryOf(filter)), [wanted]);
  useEffect(
    () => () => {
      pause(false);
      stopWatching();
    },
    [],
  );
  useEffect(() => pause(stopped || away), [stopped, away]);
  const newest = (): void => {
    setStopped(false);
    document.querySelector('.virtual-rows')?.scrollTo({ top: 0 });
  };
  useShortcuts({
    ' ': () => setStopped(!stopped),
    '/': () => document.querySelector<HTMLInputElement>('#search')?.focus(),
    j: () => moveFocus(1),
    k: () => moveFocus(-1),
  });
  const leaveTop = useCallback((isAway: boolean) => setAway(isAway), []);
  const words = texts.live;
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts.pages.live}</h1>
        <p class="about">
          {words.rate(rate < 10 ? rate.toFixed(1) : count(Math.round(rate)))}
          {status !== null && words.since(count(status.counts.transactions), count(status.counts.blocked))}
          {skipped > 0 && (
            <span class="tag" title={words.skippedWhy}>
              {words.skipped(count(skipped))}
            </span>
          )}
        </p>
        {waiting.length > 0 && (
          <button type="button" class="primary" onClick={newest}>
            {words.waiting(count(waiting.length))}
          </button>
        )}
        <button type="button" onClick={() => setStopped(!stopped)} aria-pressed={stopped}>
          <span class="icon-small">
            <Picture name={stopped ? 'play' : 'pause'} />
          </span>
          {stopped ? words.goOn : words.pause}
        </button>
      </div>
      {status?.inspection === false && <p class="notice warn">{words.noInspection}</p>}
      <FilterBar query={route.query} />
      <section class="panel" aria-busy={!seeded}>
        {rows.length === 0 && seeded ? (
          <NoTransactions filtered={text !== ''} proxy={status?.addresses.proxy[0] ?? null} paused={paused} />
        ) : (
          <VirtualList
            label={words.list}
            items={rows}
            rowHeight={ROW_HEIGHT}
            keyOf={(row) => row.id}
            row={(row) => <LiveRow row={row} />}
            header={<LiveHead />}
            onLeaveTop={leaveTop}
          />
        )}
      </section>
    </div>
  );
}

function shownOf(rows: readonly TransactionSummary[], withIcap: boolean): readonly TransactionSummary[] {
  return withIcap ? rows : rows.filter(({ kind }) => kind === 'proxy');
}

/** Moves the focus along the rows in view; the browser scrolls as it likes. */
function moveFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLAnchorElement>('.row-link')];
  const at = links.indexOf(document.activeElement as HTMLAnchorElement);
  links[at === -1 ? 0 : at + step]?.focus();
}

// Everything about one transaction: the six steps, where the time went, both messages, what was said over ICAP,
// what was found. Without an id: a way to find one.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { TransactionReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Notice } from '../../components/panel.tsx';
import { Tabs } from '../../components/tabs.tsx';
import { DataTree } from '../../components/data-tree.tsx';
import { Problem } from '../../components/problem.tsx';
import type { Route } from '../../router.ts';
import { setFilters } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { Actions } from './actions.tsx';
import { FindTransaction } from './find-transaction.tsx';
import { Findings } from './findings.tsx';
import { IcapTab } from './icap-tab.tsx';
import { Messages } from './messages.tsx';
import { OverviewTab } from './overview-tab.tsx';
import { SixSteps } from './six-steps.tsx';
import { Summary } from './summary.tsx';

type TabKey = 'overview' | 'messages' | 'icap' | 'findings' | 'record';

export function TransactionPage({ route }: { route: Route }): JSX.Element {
  if (route.id === '') return <FindTransaction />;
  return <OneTransaction key={route.id} id={route.id} tab={route.query.get('tab') ?? 'overview'} />;
}

function OneTransaction({ id, tab }: { id: string; tab: string }): JSX.Element {
  const path = `/api/transactions/${encodeURIComponent(id)}`;
  const { data, problem, reload } = useResource<TransactionReply>(path);
  const words = texts.transaction;
  if (problem !== null && data === null) {
    return (
      <div class="page">
        <h1>{texts.pages.transaction}</h1>
        <Problem problem={problem} onRetry={reload} />
        <FindTransaction bare />
      </div>
    );
  }
  if (data === null) return <p class="muted">{texts.common.loading}</p>;
  return (
    <div class="page">
      <Summary reply={data} />
      <Actions id={id} reply={data} />
      {data.trace === null && (
        <Notice tone="warn" title={words.noTrace}>
          {data.traceMissing}
        </Notice>
      )}
      <SixSteps reply={data} />
      <section class="panel">
        <Details reply={data} tab={tab} />
      </section>
    </div>
  );
}

function Details({ reply, tab }: { reply: TransactionReply; tab: string }): JSX.Element {
  const words = texts.transaction.tabs;
  const [chosen, setChosen] = useState(tab in words ? (tab as TabKey) : 'overview');
  const choose = (key: string): void => {
    setChosen(key as TabKey);
    setFilters({ tab: key === 'overview' ? '' : key });
  };
  const views: Readonly<Record<TabKey, () => JSX.Element>> = {
    overview: () => <OverviewTab reply={reply} />,
    messages: () => <Messages reply={reply} />,
    icap: () => <IcapTab reply={reply} />,
    findings: () => <Findings reply={reply} />,
    record: () => <DataTree value={reply.trace ?? reply.summary} name={words.record} />,
  };
  const keys = Object.keys(views) as TabKey[];
  return (
    <Tabs
      label={texts.transaction.parts}
      tabs={keys.map((key) => ({ key, label: words[key] }))}
      chosen={chosen}
      onChoose={choose}
    >
      <div class="panel-body stack">{views[chosen]()}</div>
    </Tabs>
  );
}

// The policy in force as tables, what would happen to a URL, and the configuration file to edit.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { PolicyReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Problem } from '../../components/problem.tsx';
import { Tabs } from '../../components/tabs.tsx';
import type { Route } from '../../router.ts';
import { setFilters } from '../../router.ts';
import { useLiveMessages } from '../../state/live-feed.ts';
import { texts } from '../../texts/index.ts';
import { PolicyEditor } from './policy-editor.tsx';
import { PolicyTables } from './policy-tables.tsx';
import { UrlTest } from './url-test.tsx';
import { LearnedTable } from './learned-table.tsx';

const TABS = ['rules', 'learned', 'edit'] as const;

export function PolicyPage({ route }: { route: Route }): JSX.Element {
  const { data, problem, reload } = useResource<PolicyReply>('/api/policy');
  const asked = route.query.get('tab') ?? '';
  const [tab, setTab] = useState<string>((TABS as readonly string[]).includes(asked) ? asked : 'rules');
  const words = texts.policy;
  useLiveMessages((message) => {
    if (message.type === 'policy' && tab !== 'edit') reload(); // what is being typed stays
  });
  const choose = (key: string): void => {
    setTab(key);
    setFilters({ tab: key === 'rules' ? '' : key });
  };
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts.pages.policy}</h1>
        <p class="about">
          {data !== null && (data.file === null ? words.noFile : <code class="break">{data.file}</code>)}
        </p>
      </div>
      {problem !== null && <Problem problem={problem} onRetry={reload} />}
      <UrlTest url={route.query.get('url') ?? ''} />
      {data !== null && (
        <section class="panel">
          <Tabs
            label={words.parts}
            tabs={TABS.map((key) => ({ key, label: words.tabs[key] }))}
            chosen={tab}
            onChoose={choose}
          >
            <div class="panel-body stack">
              {tab === 'rules' && <PolicyTables policy={data} onSaved={reload} />}
              {tab === 'learned' && <LearnedTable />}
              {tab === 'edit' && <PolicyEditor key={data.digest} policy={data} onSaved={reload} />}
            </div>
          </Tabs>
        </section>
      )}
    </div>
  );
}

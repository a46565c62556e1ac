// What was stopped and what could not be looked at: coverage over time, incidents, and the quarantine.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { OverviewReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Problem } from '../../components/problem.tsx';
import { Tabs } from '../../components/tabs.tsx';
import type { Route } from '../../router.ts';
import { setFilters } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { ReportList } from '../report/report-list.tsx';
import { ReportView } from '../report/report-view.tsx';
import { Coverage } from './coverage.tsx';
import { Incidents } from './incidents.tsx';
import { Quarantine } from './quarantine.tsx';
import { TopLists } from './top-lists.tsx';

const TABS = ['incidents', 'quarantine', 'reports'] as const;
const PARTS = { incidents: Incidents, quarantine: Quarantine, reports: ReportList } as const;
const RANGES = ['15', '60', '360', '1440'] as const;
const EVERY_MS = 10_000;

/** The page, or one report where the address names it. */
export function ThreatsPage({ route }: { route: Route }): JSX.Element {
  return route.id === '' ? <Threats route={route} /> : <ReportView id={route.id} />;
}

function Threats({ route }: { route: Route }): JSX.Element {
  const words = texts.threats;
  const minutes = RANGES.find((range) => range === route.query.get('minutes')) ?? '60';
  const asked = route.query.get('tab') ?? '';
  const [tab, setTab] = useState(TABS.find((name) => name === asked) ?? 'incidents');
  const Part = PARTS[tab];
  const { data, problem, reload } = useResource<OverviewReply>(`/api/overview?minutes=${minutes}`, EVERY_MS);
  const choose = (key: string): void => {
    setTab(TABS.find((name) => name === key)!);
    setFilters({ tab: key === 'incidents' ? '' : key });
  };
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts.pages.threats}</h1>
        <p class="about">{words.about}</p>
        <label class="row">
          {words.range}
          <select
            value={minutes}
            onChange={(event) =>
              setFilters({ minutes: event.currentTarget.value === '60' ? '' : event.currentTarget.value })
            }
          >
            {RANGES.map((range) => (
              <option key={range} value={range}>
                {words.ranges[range]}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem !== null && <Problem problem={problem} onRetry={reload} />}
      {data !== null && (
        <>
          <Coverage overview={data} />
          <TopLists overview={data} />
        </>
      )}
      <section class="panel">
        <Tabs
          label={words.parts}
          tabs={TABS.map((key) => ({ key, label: words.tabs[key] }))}
          chosen={tab}
          onChoose={choose}
        >
          <Part />
        </Tabs>
      </section>
    </div>
  );
}

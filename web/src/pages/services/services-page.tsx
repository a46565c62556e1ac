// The ICAP services: how each is, how long it takes, what it says it can do, and what an examination finds.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { ServicesReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Empty, Panel, ScrollBox } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import type { Route } from '../../router.ts';
import { hrefOf } from '../../router.ts';
import { useLiveMessages } from '../../state/live-feed.ts';
import { texts } from '../../texts/index.ts';
import { PluginsPanel } from './plugins-panel.tsx';
import { ServicePanel } from './service-panel.tsx';
import { StateMark } from './state-mark.tsx';

const EVERY_MS = 5000;

export function ServicesPage(_: { route: Route }): JSX.Element {
  const { data, problem, reload } = useResource<ServicesReply>('/api/services', EVERY_MS);
  const [seen, setSeen] = useState('');
  useLiveMessages((message) => {
    if (message.type !== 'services') return;
    const states = message.services.map(({ name, state }) => `${name} ${state}`).join();
    if (states !== seen && seen !== '') reload();
    setSeen(states);
  });
  const words = texts.services;
  return (
    <div class="page">
      <div class="page-head">
        <h1>{texts.pages.services}</h1>
        <p class="about">{words.about}</p>
      </div>
      {problem !== null && <Problem problem={problem} onRetry={reload} />}
      {data === null && problem === null && <p class="muted">{texts.common.loading}</p>}
      {data !== null && data.services.length === 0 && (
        <section class="panel">
          <Empty title={words.none}>
            <p>{words.noneHow}</p>
            <a href={hrefOf('policy')}>{texts.pages.policy}</a>
          </Empty>
        </section>
      )}
      {data !== null && data.steps.length > 0 && (
        <Panel title={words.used} flush>
          <ScrollBox label={words.used}>
            <table>
              <thead>
                <tr>
                  <th>{words.name}</th>
                  <th>{words.ready}</th>
                  <th>{words.members}</th>
                  <th>{words.outliers}</th>
                </tr>
              </thead>
              <tbody>
                {data.steps.map(({ name, services, outliers, ready }) => (
                  <tr key={name}>
                    <th scope="row">{name}</th>
                    <td>
                      <StateMark
                        state={ready ? 'up' : 'down'}
                        text={ready ? words.isReady : words.notReady}
                      />
                    </td>
                    <td data-label={words.members}>{services.join(', ')}</td>
                    <td data-label={words.outliers}>{outliers.join(', ') || texts.common.none}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollBox>
        </Panel>
      )}
      {data?.services.map((service) => (
        <ServicePanel key={service.name} service={service} />
      ))}
      <PluginsPanel />
    </div>
  );
}

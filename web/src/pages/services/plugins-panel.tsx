// The plugins that are loaded, and the panels that they bring: plain data, shown as a tree.

import type { JSX } from 'preact';
import type { PanelReply, PluginsReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { DataTree } from '../../components/data-tree.tsx';
import { Empty, Panel, ScrollBox } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { texts } from '../../texts/index.ts';

const PANEL_EVERY_MS = 5000;

export function PluginsPanel(): JSX.Element | null {
  const { data, problem } = useResource<PluginsReply>('/api/plugins');
  const words = texts.services.plugins;
  if (problem !== null) return <Problem problem={problem} />;
  if (data === null) return null;
  return (
    <>
      <Panel title={words.title} flush>
        {data.items.length === 0 ? (
          <Empty title={words.none} />
        ) : (
          <ScrollBox label={words.title}>
            <table>
              <thead>
                <tr>
                  <th>{words.name}</th>
                  <th>{words.brings}</th>
                  <th>{words.path}</th>
                </tr>
              </thead>
              <tbody>
                {data.items.map(({ name, version, path, blades, services, hooks }) => (
                  <tr key={name}>
                    <th scope="row">
                      {name} <span class="muted">{version}</span>
                    </th>
                    <td>{[...blades, ...services, ...hooks].join(', ') || texts.common.none}</td>
                    <td class="break">
                      <code>{path}</code>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </ScrollBox>
        )}
      </Panel>
      {data.items.flatMap(({ name, panels }) =>
        panels.map(({ id, title }) => (
          <PluginPanel key={`${name}/${id}`} plugin={name} id={id} title={title} />
        )),
      )}
    </>
  );
}

function PluginPanel({ plugin, id, title }: { plugin: string; id: string; title: string }): JSX.Element {
  const path = `/api/panels/${encodeURIComponent(plugin)}/${encodeURIComponent(id)}`;
  const { data, problem } = useResource<PanelReply>(path, PANEL_EVERY_MS);
  return (
    <Panel title={`${plugin}: ${title}`}>
      {problem !== null && <Problem problem={problem} />}
      {data !== null && <DataTree value={data.data} name={title} />}
    </Panel>
  );
}

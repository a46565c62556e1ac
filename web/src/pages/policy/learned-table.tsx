// Hosts that Weir has learned not to intercept for a client, since the client did not accept its certificate;
// each can be forgotten.

import type { JSX } from 'preact';
import { ApiProblem, send } from '../../api/client.ts';
import type { LearnedItem, LearnedReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Empty, ScrollBox } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { dateTime } from '../../format.ts';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';

export function LearnedTable(): JSX.Element {
  const { data, problem, reload } = useResource<LearnedReply>('/api/learned');
  const words = texts.policy.learned;
  const forget = async ({ host, client }: LearnedItem): Promise<void> => {
    try {
      await send('DELETE', `/api/learned?${new URLSearchParams({ host, client }).toString()}`);
      announce(words.forgotten(host));
      reload();
    } catch (error) {
      if (error instanceof ApiProblem) announce(texts.common.failed(error.message));
    }
  };
  if (problem !== null) return <Problem problem={problem} onRetry={reload} />;
  if (data === null) return <p class="muted">{texts.common.loading}</p>;
  if (data.items.length === 0) return <Empty title={words.none}>{words.noneWhy}</Empty>;
  return (
    <ScrollBox label={words.title}>
      <table>
        <thead>
          <tr>
            <th>{words.host}</th>
            <th>{words.client}</th>
            <th>{words.reason}</th>
            <th>{words.until}</th>
            <th>
              <span class="hidden-text">{words.forget}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {data.items.map((item) => (
            <tr key={`${item.host} ${item.client}`}>
              <th scope="row">{item.host}</th>
              <td>{item.client}</td>
              <td>{item.reason}</td>
              <td>{item.until === null ? words.counted : dateTime(item.until)}</td>
              <td>
                <button type="button" class="small" onClick={() => void forget(item)}>
                  {words.forget}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

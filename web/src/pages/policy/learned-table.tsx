// Hosts that Weir has learned not to intercept for a client, since the client did not accept its certificate;
// each can be forgotten.

import type { JSX } from 'preact';
import { ApiProblem, send } from '../../api/client.ts';
import type { LearnedItem, LearnedReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Listing } from '../../components/listing.tsx';
import { dateTime } from '../../format.ts';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';

export function LearnedTable(): JSX.Element {
  const resource = useResource<LearnedReply>('/api/learned');
  const words = texts.policy.learned;
  const forget = async ({ host, client }: LearnedItem): Promise<void> => {
    try {
      await send('DELETE', `/api/learned?${new URLSearchParams({ host, client }).toString()}`);
      announce(words.forgotten(host));
      resource.reload();
    } catch (error) {
      if (error instanceof ApiProblem) announce(texts.common.failed(error.message));
    }
  };
  return (
    <Listing
      resource={resource}
      words={words}
      columns={[
        { title: words.host },
        { title: words.client },
        { title: words.reason },
        { title: words.until },
        { title: words.forget, hidden: true },
      ]}
      row={(item: LearnedItem) => (
        <tr key={`${item.host} ${item.client}`}>
          <th scope="row">{item.host}</th>
          <td>{item.client}</td>
          <td>{item.reason}</td>
          <td>{item.until === null ? words.counted : dateTime(item.until)}</td>
          <td>
            <button
              type="button"
              class="small"
              aria-label={`${words.forget} ${item.host}, ${item.client}`}
              onClick={() => void forget(item)}
            >
              {words.forget}
            </button>
          </td>
        </tr>
      )}
    />
  );
}

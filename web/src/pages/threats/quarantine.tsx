// What the quarantine holds: to look at, to hand out, to let go, or to delete.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiProblem, download, send } from '../../api/client.ts';
import type { QuarantineItem, QuarantineReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Confirm } from '../../components/confirm.tsx';
import { Listing } from '../../components/listing.tsx';
import { bytes, dateTime } from '../../format.ts';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { ReleaseDialog } from './release-dialog.tsx';

type Asked = 'release' | 'remove';

export function Quarantine(): JSX.Element {
  const resource = useResource<QuarantineReply>('/api/quarantine');
  const [asked, setAsked] = useState<readonly [what: Asked, item: QuarantineItem] | null>(null);
  const words = texts.threats.quarantine;
  const close = (): void => setAsked(null);
  const [what, item] = asked ?? [];
  return (
    <>
      <Listing
        resource={resource}
        words={words}
        columns={[
          { title: words.time },
          { title: words.found },
          { title: words.file },
          { title: words.actions },
        ]}
        about={({ bytes: used, maxBytes }) => (
          <p class="muted panel-body">
            {words.holds(bytes(used), maxBytes === null ? null : bytes(maxBytes))}
          </p>
        )}
        row={(each: QuarantineItem) => (
          <Row key={each.id} item={each} onAsk={(act) => setAsked([act, each])} />
        )}
      />
      {item !== undefined && what === 'release' && (
        <ReleaseDialog
          title={words.release}
          about={words.releaseWhat}
          path={`${pathOf(item)}/release`}
          onClose={close}
          onDone={resource.reload}
        />
      )}
      {item !== undefined && what === 'remove' && (
        <Confirm
          title={words.remove}
          about={words.removeWhat(item.fileName ?? item.url, item.threat)}
          act={async () => {
            await send('DELETE', pathOf(item));
            resource.reload();
          }}
          onClose={close}
        />
      )}
    </>
  );
}

function Row({ item, onAsk }: { item: QuarantineItem; onAsk: (what: Asked) => void }): JSX.Element {
  const words = texts.threats.quarantine;
  const save = (): void => {
    download(`${pathOf(item)}/download`, `${item.id}.quarantined`).catch((error: unknown) => {
      if (error instanceof ApiProblem) announce(texts.common.failed(error.message));
    });
  };
  return (
    <tr>
      <td class="nowrap muted">{dateTime(item.time)}</td>
      <td>
        <strong>{item.threat}</strong>
        <div class="muted small">{item.severity}</div>
      </td>
      <td class="break">
        {item.fileName ?? item.url}
        <div class="muted small">{`${bytes(item.bytes)} · ${item.sha256 ?? ''}`}</div>
      </td>
      <td>
        <div class="row">
          <button type="button" class="small" disabled={item.released} onClick={() => onAsk('release')}>
            {item.released ? words.released : words.release}
          </button>
          <button type="button" class="small" onClick={save}>
            {words.download}
          </button>
          <button type="button" class="small" onClick={() => onAsk('remove')}>
            {words.remove}
          </button>
        </div>
      </td>
    </tr>
  );
}

function pathOf({ id }: QuarantineItem): string {
  return `/api/quarantine/${encodeURIComponent(id)}`;
}

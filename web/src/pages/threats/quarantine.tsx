// What the quarantine holds: to look at, to hand out, to let go, or to delete.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { ApiProblem, download, send } from '../../api/client.ts';
import type { QuarantineItem, QuarantineReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Empty, ScrollBox } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { bytes, dateTime } from '../../format.ts';
import { announce } from '../../state/announce.ts';
import { texts } from '../../texts/index.ts';
import { ReleaseDialog } from './release-dialog.tsx';

export function Quarantine(): JSX.Element {
  const { data, problem, reload } = useResource<QuarantineReply>('/api/quarantine');
  const [releasing, setReleasing] = useState<QuarantineItem | null>(null);
  const words = texts.threats.quarantine;
  const attempt = (work: () => Promise<unknown>): void => {
    work().catch((error: unknown) => {
      if (error instanceof ApiProblem) announce(texts.common.failed(error.message));
    });
  };
  const remove = (id: string): void =>
    attempt(async () => {
      await send('DELETE', `/api/quarantine/${encodeURIComponent(id)}`);
      reload();
    });
  if (problem !== null && data === null) {
    return problem.status === 501 || problem.status === 404 ? (
      <Empty title={words.off}>{problem.hint || words.offHow}</Empty>
    ) : (
      <Problem problem={problem} onRetry={reload} />
    );
  }
  if (data === null) return <p class="muted panel-body">{texts.common.loading}</p>;
  if (data.items.length === 0) return <Empty title={words.none}>{words.noneHow}</Empty>;
  return (
    <>
      <p class="muted panel-body">
        {words.holds(bytes(data.bytes), data.maxBytes === null ? null : bytes(data.maxBytes))}
      </p>
      <ScrollBox label={words.title} tall>
        <table>
          <thead>
            <tr>
              <th>{words.time}</th>
              <th>{words.found}</th>
              <th>{words.file}</th>
              <th>{words.actions}</th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((item) => (
              <tr key={item.id}>
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
                    <button
                      type="button"
                      class="small"
                      disabled={item.released}
                      onClick={() => setReleasing(item)}
                    >
                      {item.released ? words.released : words.release}
                    </button>
                    <button
                      type="button"
                      class="small"
                      onClick={() =>
                        attempt(() =>
                          download(
                            `/api/quarantine/${encodeURIComponent(item.id)}/download`,
                            `${item.id}.quarantined`,
                          ),
                        )
                      }
                    >
                      {words.download}
                    </button>
                    <button type="button" class="small" onClick={() => remove(item.id)}>
                      {words.remove}
                    </button>
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollBox>
      {releasing !== null && (
        <ReleaseDialog
          title={words.release}
          about={words.releaseWhat}
          path={`/api/quarantine/${encodeURIComponent(releasing.id)}/release`}
          onClose={() => setReleasing(null)}
          onDone={reload}
        />
      )}
    </>
  );
}

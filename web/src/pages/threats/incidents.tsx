// What was stopped, and what should have been: newest first, live. A file that was blocked wrongly can be let
// through once, by its hash.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Incident, IncidentsReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Listing } from '../../components/listing.tsx';
import { Notice } from '../../components/panel.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { dateTime, urlParts } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { useLiveMessages } from '../../state/live-feed.ts';
import { texts } from '../../texts/index.ts';
import { ReleaseDialog } from './release-dialog.tsx';

export function Incidents(): JSX.Element {
  const resource = useResource<IncidentsReply>('/api/incidents?limit=100');
  const [allowing, setAllowing] = useState<Incident | null>(null);
  const words = texts.threats.incidents;
  useLiveMessages((message) => {
    if (message.type === 'incident') resource.reload();
  });
  return (
    <>
      <Listing
        resource={resource}
        words={words}
        columns={[
          { title: words.time },
          { title: words.found },
          { title: words.url },
          { title: words.client },
          { title: words.allowOnce, hidden: true },
        ]}
        row={(incident: Incident) => (
          <Row key={`${incident.id}${incident.kind}`} incident={incident} onAllow={setAllowing} />
        )}
      />
      {allowing !== null && (
        <ReleaseDialog
          title={words.allowOnce}
          about={words.allowOnceWhat(allowing.threat)}
          path={`/api/incidents/${encodeURIComponent(allowing.id)}/allow-once`}
          onClose={() => setAllowing(null)}
        />
      )}
    </>
  );
}

function Row({
  incident,
  onAllow,
}: {
  incident: Incident;
  onAllow: (incident: Incident) => void;
}): JSX.Element {
  const words = texts.threats.incidents;
  const { kind, time, id, url, client, user, threat, severity, reason, blade, sha256, report, recipients } =
    incident;
  const { host, path } = urlParts(url);
  return (
    <tr>
      <td class="nowrap muted">{dateTime(time)}</td>
      <td>
        <span class="verdict">
          <VerdictShape verdict={kind === 'block' ? 'blocked' : 'error'} />
          <strong>{threat}</strong>
        </span>
        <div class="muted small">{`${severity} · ${blade} · ${reason}`}</div>
        {report !== undefined && (
          <a class="small" href={hrefOf('threats', report)}>
            {words.report(report)}
          </a>
        )}
        {kind === 'background' && (
          <Notice tone="warn" title={words.late(recipients.length + incident.moreRecipients)} />
        )}
      </td>
      <td class="break">
        <a href={hrefOf('transaction', id)}>
          {host}
          {path}
        </a>
      </td>
      <td>{user ?? client ?? texts.common.unknown}</td>
      <td>
        {sha256 !== null && (
          <button type="button" class="small" onClick={() => onAllow(incident)}>
            {words.allowOnce}
          </button>
        )}
      </td>
    </tr>
  );
}

// The latest reports of threat emulation, each with the way to its tree.

import type { JSX } from 'preact';
import type { ReportsReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Listing } from '../../components/listing.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { dateTime } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

const EVERY_MS = 10_000;
const SHAPES = { malicious: 'blocked', suspicious: 'bypassed', clean: 'allowed' } as const;

export function ReportList(): JSX.Element {
  const resource = useResource<ReportsReply>('/api/reports?limit=100', EVERY_MS);
  const words = texts.report.list;
  return (
    <Listing
      resource={resource}
      words={words}
      columns={[
        { title: words.time },
        { title: words.verdict },
        { title: words.score, numeric: true },
        { title: words.url },
        { title: words.report },
      ]}
      row={({ id, at, verdict, score, threat, reason, url }: ReportsReply['items'][number]) => (
        <tr key={id}>
          <td class="nowrap muted">{dateTime(at)}</td>
          <td>
            <span class="verdict">
              <VerdictShape verdict={SHAPES[verdict]} />
              <strong>{threat ?? texts.report.verdicts[verdict]}</strong>
            </span>
            {reason !== null && <div class="muted small">{reason}</div>}
          </td>
          <td class="numeric">{score}</td>
          <td class="break">{url}</td>
          <td class="nowrap">
            <a href={hrefOf('threats', id)}>{id}</a>
          </td>
        </tr>
      )}
    />
  );
}

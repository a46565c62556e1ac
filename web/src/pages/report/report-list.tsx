// The latest reports of threat emulation, each with the way to its tree.

import type { JSX } from 'preact';
import type { ReportsReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { Empty, ScrollBox } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { dateTime } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

const EVERY_MS = 10_000;
const SHAPES = { malicious: 'blocked', suspicious: 'bypassed', clean: 'allowed' } as const;

export function ReportList(): JSX.Element {
  const { data, problem, reload } = useResource<ReportsReply>('/api/reports?limit=100', EVERY_MS);
  const words = texts.report.list;
  if (problem !== null && data === null) {
    return problem.status === 501 ? (
      <Empty title={words.off}>{words.offHow}</Empty>
    ) : (
      <Problem problem={problem} onRetry={reload} />
    );
  }
  if (data === null) return <p class="muted panel-body">{texts.common.loading}</p>;
  if (data.items.length === 0) return <Empty title={words.none}>{words.noneHow}</Empty>;
  return (
    <ScrollBox label={words.title} tall>
      <table>
        <thead>
          <tr>
            <th>{words.time}</th>
            <th>{words.verdict}</th>
            <th class="numeric">{words.score}</th>
            <th>{words.url}</th>
            <th>{words.report}</th>
          </tr>
        </thead>
        <tbody>
          {data.items.map(({ id, at, verdict, score, threat, reason, url }) => (
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
          ))}
        </tbody>
      </table>
    </ScrollBox>
  );
}

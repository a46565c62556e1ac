// One report of threat emulation: its verdict and score, the reasons, and the behaviour as a tree.

import type { ComponentChildren, JSX } from 'preact';
import type { ReportReply } from '../../api/types.ts';
import { useResource } from '../../api/use-resource.ts';
import { DataTree } from '../../components/data-tree.tsx';
import { Empty, Facts, Panel } from '../../components/panel.tsx';
import { Problem } from '../../components/problem.tsx';
import { VerdictShape } from '../../components/verdict.tsx';
import { bytes, dateTime, duration } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';
import { BehaviourTree } from './behaviour-tree.tsx';

const SHAPES = { malicious: 'blocked', suspicious: 'bypassed', clean: 'allowed' } as const;

export function ReportView({ id }: { id: string }): JSX.Element {
  const { data, problem, reload } = useResource<ReportReply>(`/api/reports/${encodeURIComponent(id)}`);
  const words = texts.report;
  return (
    <div class="page">
      <div class="page-head">
        <h1 class="break">{words.title(id)}</h1>
        <a href={hrefOf('threats', '', { tab: 'reports' })}>{words.back}</a>
      </div>
      {problem !== null && problem.status === 404 && <Empty title={words.gone}>{words.goneHow}</Empty>}
      {problem !== null && problem.status !== 404 && <Problem problem={problem} onRetry={reload} />}
      {data === null && problem === null && <p class="muted panel-body">{texts.common.loading}</p>}
      {data !== null && <Contents report={data} key={data.id} />}
    </div>
  );
}

function Contents({ report }: { report: ReportReply }): JSX.Element {
  const words = texts.report;
  const { verdict, threat, score, threshold, reasons, tree, limits } = report;
  const way = report.direction === 'request' ? words.sent : words.received;
  const type = report.type === '' ? words.data : report.type;
  const facts: [string, ComponentChildren][] = [
    [words.facts.threat, threat],
    [words.facts.url, report.url],
    [words.facts.content, `${type}, ${bytes(report.size)}, ${way}`],
    [words.facts.time, dateTime(report.at)],
    [words.facts.took, duration(report.ms)],
  ];
  const isFull = score >= threshold;
  return (
    <>
      <section class="panel panel-body stack">
        <div class="row report-head">
          <span class="verdict report-verdict">
            <VerdictShape verdict={SHAPES[verdict]} />
            <strong>{words.verdicts[verdict]}</strong>
          </span>
          <div class="report-score">
            <div
              class={`report-meter ${isFull ? 'full' : ''}`}
              role="meter"
              aria-label={words.reasons}
              aria-valuemin={0}
              aria-valuemax={threshold}
              aria-valuenow={Math.min(score, threshold)}
            >
              <div style={{ width: `${Math.min(100, (100 * score) / threshold)}%` }} />
            </div>
            <span>{words.score(score, threshold)}</span>
          </div>
        </div>
        <Facts facts={facts} />
      </section>
      <Panel title={words.reasons}>
        {reasons.length === 0 ? (
          <p class="muted">{words.noReasons}</p>
        ) : (
          <ul class="report-reasons">
            {reasons.map(({ rule, text, score: points }) => (
              <li key={rule}>
                <strong class="numeric">{`+${points}`}</strong>
                <span class="break">
                  {text} <code class="muted small">{rule}</code>
                </span>
              </li>
            ))}
          </ul>
        )}
      </Panel>
      <Panel title={words.behaviour}>
        <BehaviourTree root={tree} />
      </Panel>
      {limits.length > 0 && (
        <Panel title={words.limits}>
          <ul>
            {limits.map((limit) => (
              <li key={limit} class="break">
                {limit}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <details class="panel panel-body">
        <summary>{words.json}</summary>
        <DataTree name={report.id} value={report} level={4} />
      </details>
    </>
  );
}

// One transaction as a row. The link to everything about it covers the row, so that a click anywhere works.

import type { JSX } from 'preact';
import type { TransactionSummary } from '../../api/types.ts';
import { VerdictMark } from '../../components/verdict.tsx';
import { bytes, clock, duration, urlParts } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

/** Pixels; --row in styles/tokens.css. */
export const ROW_HEIGHT = 34;

export function LiveHead(): JSX.Element {
  const { columns } = texts.live;
  return (
    <div role="rowgroup">
      <div class="live-head" role="row" aria-rowindex={1}>
        <span role="columnheader" class="mid">
          {columns.time}
        </span>
        <span role="columnheader">
          <span class="mid">{columns.verdict}</span>
        </span>
        <span role="columnheader" class="mid">
          {columns.method}
        </span>
        <span role="columnheader">{columns.url}</span>
        <span role="columnheader">{columns.status}</span>
        <span role="columnheader" class="opt">
          {columns.client}
        </span>
        <span role="columnheader" class="opt numeric">
          {columns.size}
        </span>
        <span role="columnheader" class="mid numeric">
          {columns.duration}
        </span>
      </div>
    </div>
  );
}

export function LiveRow({ row }: { row: TransactionSummary }): JSX.Element {
  const { host, path } = urlParts(row.url);
  const found = row.threat ?? row.error;
  return (
    <div class="live-row" role="presentation" title={row.url}>
      <span role="cell" class="mid muted">
        {clock(row.time)}
      </span>
      <span role="cell">
        <VerdictMark verdict={row.verdict} />
      </span>
      <span role="cell" class="mid mono">
        {row.method}
      </span>
      <span role="cell">
        <a class="row-link" href={hrefOf('transaction', row.id)}>
          {found !== null && <strong class={`ink-${row.verdict}`}>{found} · </strong>}
          <span class="host">{host}</span>
          <span class="path">{path}</span>
        </a>
      </span>
      <span role="cell" class="mono">
        {row.status === 0 ? '–' : row.status}
      </span>
      <span role="cell" class="opt muted">
        {row.user ?? row.client}
      </span>
      <span role="cell" class="opt numeric muted">
        {bytes(row.bytesOut)}
      </span>
      <span role="cell" class="mid numeric muted">
        {duration(row.ms)}
      </span>
    </div>
  );
}

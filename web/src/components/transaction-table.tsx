// A short list of transactions as an ordinary table.

import type { JSX } from 'preact';
import type { TransactionSummary } from '../api/types.ts';
import { dateTime, urlParts } from '../format.ts';
import { hrefOf } from '../router.ts';
import { texts } from '../texts/index.ts';
import { ScrollBox } from './panel.tsx';
import { VerdictMark } from './verdict.tsx';

export function TransactionTable({ rows }: { rows: readonly TransactionSummary[] }): JSX.Element {
  const { columns } = texts.live;
  return (
    <ScrollBox label={texts.live.list}>
      <table>
        <thead>
          <tr>
            <th>{columns.time}</th>
            <th>{columns.verdict}</th>
            <th>{columns.url}</th>
            <th>{columns.status}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const { host, path } = urlParts(row.url);
            return (
              <tr key={row.id}>
                <td class="nowrap muted">{dateTime(row.time)}</td>
                <td>
                  <VerdictMark verdict={row.verdict} />
                </td>
                <td class="break">
                  <a href={hrefOf('transaction', row.id)}>
                    {row.method} {host}
                    {path}
                  </a>
                  {(row.threat ?? row.error) !== null && <div class="muted">{row.threat ?? row.error}</div>}
                </td>
                <td class="mono">{row.status === 0 ? '–' : row.status}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </ScrollBox>
  );
}

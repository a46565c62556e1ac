// How much was looked at, and what came of it, over time; the reasons for what was not scanned beside it.

import type { JSX } from 'preact';
import type { OverviewReply } from '../../api/types.ts';
import type { Band } from '../../charts/stacked-bars.tsx';
import { StackedBars } from '../../charts/stacked-bars.tsx';
import { Empty, Panel } from '../../components/panel.tsx';
import { bytes, count } from '../../format.ts';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

const BANDS: readonly Band[] = [
  { key: 'allowed', label: texts.verdicts.allowed, colour: '--allowed' },
  { key: 'modified', label: texts.verdicts.modified, colour: '--modified' },
  { key: 'bypassed', label: texts.verdicts.bypassed, colour: '--bypassed' },
  { key: 'errors', label: texts.verdicts.error, colour: '--error' },
  { key: 'blocked', label: texts.verdicts.blocked, colour: '--blocked' },
];

export function Coverage({ overview }: { overview: OverviewReply }): JSX.Element {
  const { buckets, totals } = overview;
  const words = texts.threats.coverage;
  const moments = buckets.map(({ at, allowed, modified, bypassed, errors, blocked }) => ({
    at,
    counts: { allowed, modified, bypassed, errors, blocked },
  }));
  const reasons = Object.entries(totals.notScanned).sort(([, a], [, b]) => b - a);
  return (
    <>
      <div class="cards">
        <Card value={count(totals.transactions)} label={words.transactions} href={hrefOf('live')} />
        <Card
          value={count(totals.blocked)}
          label={words.blocked}
          href={hrefOf('live', '', { verdict: 'blocked' })}
        />
        <Card
          value={count(reasons.reduce((sum, [, amount]) => sum + amount, 0))}
          label={words.notScanned}
          href={hrefOf('live', '', { verdict: 'bypassed' })}
        />
        <Card value={bytes(totals.bytesOut)} label={words.toClients} />
      </div>
      <Panel title={words.title}>
        {totals.transactions === 0 ? (
          <Empty title={words.none} />
        ) : (
          <>
            <StackedBars label={words.title} bands={BANDS} moments={moments} />
            {reasons.length > 0 && (
              <>
                <h3>{words.reasons}</h3>
                <ul class="legend">
                  {reasons.map(([reason, amount]) => (
                    <li key={reason}>
                      <code>{reason}</code> <strong>{count(amount)}</strong>
                    </li>
                  ))}
                </ul>
              </>
            )}
          </>
        )}
      </Panel>
    </>
  );
}

function Card({ value, label, href }: { value: string; label: string; href?: string }): JSX.Element {
  return (
    <div class="panel figure-card">
      <strong>{value}</strong>
      {href === undefined ? <span class="muted">{label}</span> : <a href={href}>{label}</a>}
    </div>
  );
}

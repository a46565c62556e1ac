// The first look at a transaction: what it was, what became of it, and what decided that.

import type { JSX } from 'preact';
import type { TransactionReply } from '../../api/types.ts';
import { VerdictMark } from '../../components/verdict.tsx';
import { bytes, dateTime, duration } from '../../format.ts';
import { texts } from '../../texts/index.ts';

export function Summary({ reply }: { reply: TransactionReply }): JSX.Element {
  const { summary, trace } = reply;
  const words = texts.transaction;
  const verdict = trace?.verdict ?? summary?.verdict ?? '';
  const method = trace?.request.method ?? summary?.method ?? '';
  const url = trace?.request.url ?? summary?.url ?? '';
  const status = trace?.answer.status ?? summary?.status ?? 0;
  const time = trace?.time ?? summary?.time;
  const ms = trace?.ms ?? summary?.ms ?? 0;
  const threat = trace?.threat?.name ?? summary?.threat;
  return (
    <div class="stack">
      <h1 class="break">
        <VerdictMark verdict={verdict} /> <span class="mono-title">{`${method} ${url}`}</span>
      </h1>
      <p class="muted">
        <code>{trace?.id ?? summary?.id}</code>
        {time !== undefined && ` · ${dateTime(time)}`}
        {` · ${status === 0 ? words.nothingSent : `HTTP ${status}`}`}
        {` · ${duration(ms)} · ${bytes(trace?.answer.bytes ?? summary?.bytesOut ?? 0)}`}
      </p>
      {threat != null && <p class={`threat-line ink-${verdict}`}>{words.threat(threat)}</p>}
      {trace !== null && (
        <p>
          {words.decided} <code class="break">{trace.decided}</code>
        </p>
      )}
    </div>
  );
}

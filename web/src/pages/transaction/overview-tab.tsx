// The story of a transaction as `weir why` tells it, and where its time went.

import type { JSX } from 'preact';
import type { StoryLine, TransactionReply } from '../../api/types.ts';
import { Waterfall } from '../../charts/waterfall.tsx';
import { texts } from '../../texts/index.ts';
import { phasesOf } from './phases.ts';

export function OverviewTab({ reply }: { reply: TransactionReply }): JSX.Element {
  const { trace, story } = reply;
  return (
    <>
      {trace !== null && (
        <>
          <h3>{texts.transaction.waterfall}</h3>
          <Waterfall phases={phasesOf(trace)} total={trace.ms} />
        </>
      )}
      {story.length > 0 && (
        <>
          <h3>{texts.transaction.story}</h3>
          <Story lines={story} />
        </>
      )}
    </>
  );
}

const MARKS = { good: 'ink-allowed', warn: 'ink-bypassed', bad: 'ink-blocked' } as const;

export function Story({ lines }: { lines: readonly StoryLine[] }): JSX.Element {
  return (
    <pre class="story" tabIndex={0} role="region" aria-label={texts.transaction.story}>
      {lines.map(({ text, mark }, at) => (
        <span key={at} class={mark === null ? '' : MARKS[mark]}>
          {`${text}\n`}
        </span>
      ))}
    </pre>
  );
}

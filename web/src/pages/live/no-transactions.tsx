// What the live page shows when there is nothing: how to make the first transaction, or that the filter fits
// none.

import type { JSX } from 'preact';
import { Command } from '../../components/copy-button.tsx';
import { Empty } from '../../components/panel.tsx';
import { hrefOf } from '../../router.ts';
import { texts } from '../../texts/index.ts';

export function NoTransactions({
  filtered,
  proxy,
  paused,
}: {
  filtered: boolean;
  /** `host:port` of the proxy. */
  proxy: string | null;
  paused: boolean;
}): JSX.Element {
  const words = texts.live.empty;
  if (filtered) {
    return (
      <Empty title={words.filtered}>
        <a href={hrefOf('live')}>{texts.live.clear}</a>
      </Empty>
    );
  }
  return (
    <Empty title={paused ? words.paused : words.title}>
      {proxy !== null && (
        <>
          <p>{words.how}</p>
          <Command text={`curl --proxy http://${proxy} --cacert certs/ca.pem https://example.com/`} />
          <p>
            <a href={hrefOf('trust')}>{words.trust}</a>
          </p>
        </>
      )}
    </Empty>
  );
}

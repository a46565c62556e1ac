// Says when the live feed is lost, for as long as it is.

import type { JSX } from 'preact';
import { useLive } from '../state/live-feed.ts';
import { texts } from '../texts/index.ts';

export function ConnectionBanner(): JSX.Element | null {
  const { connection } = useLive();
  if (connection !== 'lost') return null;
  return (
    <div class="banner" role="alert">
      <strong>{texts.shell.reconnecting}</strong>
      <span>{texts.shell.reconnectingHow}</span>
    </div>
  );
}

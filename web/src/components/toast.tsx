// Shows what `announce` says, for a few seconds.

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { onAnnouncement } from '../state/announce.ts';

const SHOWN_MS = 5000;

export function Toast(): JSX.Element {
  const [text, setText] = useState('');
  useEffect(() => {
    let timer = 0;
    const stop = onAnnouncement((said) => {
      setText(said);
      clearTimeout(timer);
      timer = window.setTimeout(() => setText(''), SHOWN_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
  return (
    <div role="status" aria-live="polite" class={text === '' ? 'hidden-text' : 'toast'}>
      {text}
    </div>
  );
}

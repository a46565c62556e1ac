// Copies a text and says so, to the eye and to screen readers.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { texts } from '../texts/index.ts';
import { announce } from '../state/announce.ts';
import { Picture } from './icons.tsx';

const SHOWN_MS = 2000;

/** @param text what is copied, or how it is fetched when somebody wants it */
export function CopyButton({
  text,
  label = texts.common.copy,
}: {
  text: string | (() => Promise<string>);
  label?: string;
}): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(typeof text === 'string' ? text : await text());
      setDone(true);
      announce(texts.common.copied);
      setTimeout(() => setDone(false), SHOWN_MS);
    } catch (error) {
      announce(texts.common.notCopied(error instanceof Error ? error.message : String(error)));
    }
  };
  return (
    <button type="button" class="small" onClick={() => void copy()}>
      <span class="icon-small">
        <Picture name={done ? 'done' : 'copy'} />
      </span>
      {done ? texts.common.copied : label}
    </button>
  );
}

/** A command line with a button that copies it. */
export function Command({ text }: { text: string }): JSX.Element {
  return (
    <div class="command">
      {/* A long line is scrolled, with the keyboard too. */}
      <code tabIndex={0} role="region" aria-label={texts.common.command}>
        {text}
      </code>
      <CopyButton text={text} />
    </div>
  );
}

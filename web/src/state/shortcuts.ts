// Keys that work anywhere but in a field: `g` then a letter goes to a page, others are the page's own.

import { useEffect } from 'preact/hooks';
import type { PageName } from '../router.ts';
import { goTo, hrefOf } from '../router.ts';

const SEQUENCE_MS = 1500;

export const PAGE_KEYS: Readonly<Record<string, PageName>> = {
  l: 'live',
  t: 'transaction',
  s: 'services',
  p: 'policy',
  h: 'threats',
  c: 'trust',
};

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, dialog') !== null;
}

/** Runs an action for a key, e.g. `{ '?': help }`; keys with Ctrl, Alt or Meta are the browser's. */
export function useShortcuts(actions: Readonly<Record<string, () => void>>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
      const action = actions[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });
}

/** `g l` and the like. */
export function usePageKeys(): void {
  useEffect(() => {
    let armedAt = -SEQUENCE_MS;
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
      const page = PAGE_KEYS[event.key];
      if (page !== undefined && event.timeStamp - armedAt < SEQUENCE_MS) goTo(hrefOf(page));
      armedAt = event.key === 'g' ? event.timeStamp : -SEQUENCE_MS;
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

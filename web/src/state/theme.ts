// Light or dark: what the system says, until somebody chooses. The choice is kept in the browser.

const KEY = 'weir-theme';
const isDark = matchMedia('(prefers-color-scheme: dark)');

export type Theme = 'light' | 'dark';

export function theme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return isDark.matches ? 'dark' : 'light';
}

export function chooseTheme(next: Theme): void {
  document.documentElement.dataset['theme'] = next;
  localStorage.setItem(KEY, next);
}

/** Applies what was chosen at an earlier visit. */
export function restoreTheme(): void {
  const kept = localStorage.getItem(KEY);
  if (kept === 'light' || kept === 'dark') document.documentElement.dataset['theme'] = kept;
}

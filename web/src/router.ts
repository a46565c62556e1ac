// Where the console is: a page, an optional id below it, and filters, all in the URL's fragment, so that every
// view can be sent to somebody and found again with the back button. What a page makes of it is the page's.

import { useEffect, useState } from 'preact/hooks';

export const PAGES = ['live', 'transaction', 'services', 'policy', 'threats', 'trust'] as const;
export type PageName = (typeof PAGES)[number];

export interface Route {
  readonly page: PageName;
  /** What follows the page: the id of a transaction; empty for none. */
  readonly id: string;
  readonly query: URLSearchParams;
}

/** Reads `#/live?verdict=blocked`; anything unknown is the live page. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', ...rest] = path.split('/');
  const known = PAGES.find((name) => name === page) ?? 'live';
  return { page: known, id: decoded(rest.join('/')), query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export type Filters = Readonly<Record<string, string | null | undefined>>;

/** The link to a page; filters that are empty are left out. */
export function hrefOf(page: PageName, id = '', filters: Filters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value);
  const text = query.toString();
  return `#/${page}${id === '' ? '' : `/${encodeURIComponent(id)}`}${text === '' ? '' : `?${text}`}`;
}

export function goTo(href: string): void {
  location.hash = href;
}

/** Changes filters of the page in view without a step in the history. */
export function setFilters(changes: Filters): void {
  const { page, id, query } = parseRoute(location.hash);
  const next = hrefOf(page, id, { ...Object.fromEntries(query), ...changes });
  history.replaceState(history.state, '', next);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** The route in view; renders again when it changes. */
export function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const changed = (): void => setRoute(parseRoute(location.hash));
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}

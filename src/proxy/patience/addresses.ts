// The addresses of what waits. They lie on the origin that was asked, so that a page may go there and names
// of files stay what they are, and never reach it: `?weir-waiting=<ticket>` behind the address itself gives
// the answer, below /.well-known/weir/waiting (RFC 8615) are the state and the script of the page.

const PARAMETER = 'weir-waiting';
const RESERVED = '/.well-known/weir/waiting';
const TICKET = '[A-Za-z0-9_-]{22}';
const WITH_TICKET = new RegExp(`[?&]${PARAMETER}=(${TICKET})?$`);
const STATE_PATH = new RegExp(`^${RESERVED}/(${TICKET})$`);

/** Path of the page's script. */
export const SCRIPT_PATH = `${RESERVED}.js`;

/** What a URL asks for; null: nothing of ours. */
export type Asked =
  | { readonly kind: 'answer'; readonly ticket: string; readonly url: string }
  | { readonly kind: 'state'; readonly ticket: string }
  | { readonly kind: 'script' }
  /** A reserved address that nothing lies at. */
  | { readonly kind: 'nothing' };

/** The address that gives the answer. @param url  absolute, without fragment */
export function answerUrl(url: string, ticket: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}${PARAMETER}=${ticket}`;
}

/** Path of the state on the same origin. */
export function statePath(ticket: string): string {
  return `${RESERVED}/${ticket}`;
}

/**
 * Reads what is ours in a URL.
 *
 * @param url  absolute
 * @returns for `answer` with the URL as it was asked for first
 */
export function askedOf(url: string): Asked | null {
  // Once for each request: two searches for rare words, and nothing more in most cases.
  if (url.includes(PARAMETER)) {
    const match = WITH_TICKET.exec(url);
    if (match !== null) return { kind: 'answer', ticket: match[1] ?? '', url: url.slice(0, match.index) };
  }
  if (!url.includes(RESERVED)) return null;
  const path = /^https?:\/\/[^/?#]*([^?#]*)/i.exec(url)?.[1] ?? '';
  if (path === SCRIPT_PATH) return { kind: 'script' };
  const ticket = STATE_PATH.exec(path)?.[1];
  if (ticket !== undefined) return { kind: 'state', ticket };
  return path === RESERVED || path.startsWith(`${RESERVED}/`) ? { kind: 'nothing' } : null;
}

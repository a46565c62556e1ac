// Who gets what while a scan takes long: a page only where somebody has opened the address and looks at the
// result, a 202 only where a program asked for it or the configuration says so, and a trickle only of
// content that does nothing before it is complete. Fetch Metadata; RFC 7240.

import { fieldValue, fieldValues } from '../../icap/codec/fields.ts';
import type { RawHeaders, RequestHead } from '../../icap/codec/http-head.ts';
import type { PatienceSettings } from './settings.ts';

/** `wait`: nothing, whatever it takes. `trickle` may turn out to be not for this content, and is `wait` then. */
export type Way = 'page' | 'trickle' | 'accepted' | 'wait';

/** What kind of client asks: a browser for something it shows as a whole, or for a part of that; or a program. */
export type ClientKind = 'navigation' | 'part' | 'program';

const MAX_WAIT_S = 3600;

/** What a client gets when its time is over. */
export function wayFor({ headers, method }: RequestHead, settings: PatienceSettings): Way {
  // Parts of an object are put together by whoever asked for them; there is nothing to show or to promise.
  if (fieldValue(headers, 'range') !== undefined) return 'wait';
  const isSafe = method === 'GET';
  if (isSafe && isAsynchronous(headers)) return 'accepted';
  const kind = clientKind(headers, settings.isProgram);
  const wanted = kind === 'program' ? settings.program : settings.browser;
  if (wanted === 'page') return isSafe && kind === 'navigation' ? 'page' : 'trickle';
  if (wanted === 'accepted') return isSafe ? 'accepted' : 'trickle';
  return wanted;
}

/** Time from the begin of the scan to that: `afterMs`, or what `Prefer: respond-async, wait=…` says (RFC 7240 §4.3). */
export function waitOf(headers: RawHeaders, afterMs: number): number {
  if (fieldValue(headers, 'prefer') === undefined || !isAsynchronous(headers)) return afterMs;
  const wait = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[,;]|$)/i.exec(preferences(headers));
  return wait === null ? afterMs : Math.min(Number(wait[1]), MAX_WAIT_S) * 1000;
}

/**
 * Browsers say what they load something for (Sec-Fetch-Dest) on connections that they trust; elsewhere they
 * ask for `text/html` only where they open a page or a frame.
 */
export function clientKind(headers: RawHeaders, isProgram: (userAgent: string) => boolean): ClientKind {
  const agent = fieldValue(headers, 'user-agent') ?? '';
  if (isProgram(agent)) return 'program';
  const destination = fieldValue(headers, 'sec-fetch-dest');
  const takesHtml = /\btext\/html\b/i.test(fieldValues(headers, 'accept').join());
  const isScript = fieldValue(headers, 'x-requested-with') !== undefined;
  const isAhead = /prefetch|prerender/i.test(
    `${fieldValue(headers, 'sec-purpose') ?? ''} ${fieldValue(headers, 'purpose') ?? ''}`,
  );
  if (takesHtml && !isScript && !isAhead && (destination === undefined || destination === 'document')) {
    return 'navigation';
  }
  return destination !== undefined || takesHtml || /^Mozilla\//i.test(agent) ? 'part' : 'program';
}

/** The client says `Prefer: respond-async` (RFC 7240 §4.1). */
export function isAsynchronous(headers: RawHeaders): boolean {
  return /(?:^|,)\s*respond-async\s*(?:[,;]|$)/i.test(preferences(headers));
}

function preferences(headers: RawHeaders): string {
  return fieldValues(headers, 'prefer').join();
}

/** Types whose readers may act on the first bytes: shown, run or fed to a shell while they arrive. */
const ACTS_EARLY =
  /^(?:text\/|multipart\/|message\/|application\/(?:pdf|wasm|rtf|json|xml|(?:x-)?(?:javascript|ecmascript|sh|shellscript|csh|perl|python|php|httpd-php)|xhtml\+xml)\b|[^;]*\+(?:xml|json)\b|image\/svg)/i;

/** Whether the head of an answer lets its first bytes go ahead of the verdict. */
export function mayGoAhead(headers: RawHeaders): boolean {
  const type = fieldValue(headers, 'content-type')?.trim() ?? '';
  return type !== '' && !ACTS_EARLY.test(type); // without a type a reader guesses, by the first bytes
}

/** The same of the first bytes: a script is one under every type. */
export function isScript(start: Buffer): boolean {
  return start.length >= 2 && start[0] === 0x23 && start[1] === 0x21; // #!
}

// The form of a block page as it comes back: whether a request is one, what is in it, and whether a person has
// sent it from that very page. Scripts of the blocked site can read the page; that is why browsers are held to
// what they say of a request in Sec-Fetch fields, which no script can write (W3C Fetch Metadata).

import { fieldValue } from '../../icap/codec/fields.ts';
import type { RequestHead } from '../../icap/codec/http-head.ts';
import type { IcapTransaction } from '../../icap/service.ts';

/** Begins the path of the form's target, on the site that was blocked. */
export const FORM_PATH = '/.weir-usercheck/';

const MAX_FORM = 32 * 1024; // bytes

/** Whether a request is for us and not for the origin. */
export function isSubmission({ method, request }: IcapTransaction): boolean {
  if (method !== 'REQMOD' || !request!.target.includes(FORM_PATH)) return false;
  const { target } = request!;
  if (target.startsWith('/')) return target.startsWith(FORM_PATH);
  return URL.canParse(target) && new URL(target).pathname.startsWith(FORM_PATH);
}

/** Whether a page with a form may be shown at all: to a person who has opened it as a page of its own. */
export function isNavigation({ headers }: RequestHead): boolean {
  const mode = fieldValue(headers, 'sec-fetch-mode') ?? 'navigate';
  const destination = fieldValue(headers, 'sec-fetch-dest') ?? 'document';
  return mode === 'navigate' && destination === 'document';
}

/**
 * What speaks against a person having sent the form from our page; null: nothing.
 * @param site  host of the request
 */
export function suspicionOf({ method, headers }: RequestHead, site: string): string | null {
  const field = (name: string): string | null => fieldValue(headers, name)?.toLowerCase() ?? null;
  if (method !== 'POST') return 'no form';
  const type = field('content-type') ?? '';
  if (!type.startsWith('application/x-www-form-urlencoded')) return 'no form';
  const origin = field('origin') ?? 'null';
  const isForeign = origin !== 'null' && (!URL.canParse(origin) || new URL(origin).host !== site);
  if (isForeign || (field('sec-fetch-site') ?? 'same-origin') !== 'same-origin') return 'cross-site';
  const mode = field('sec-fetch-mode');
  if (mode !== null && (mode !== 'navigate' || field('sec-fetch-user') !== '?1')) return 'script';
  return null;
}

/** Token and reason of the form; null where it is too large. The body stays held. */
export async function readForm({
  body,
}: IcapTransaction): Promise<{ readonly token: string; readonly reason: string } | null> {
  if (body === null || (body.declaredLength ?? 0) > MAX_FORM) return null;
  const held = await body.hold();
  if (held.size > MAX_FORM || held.memory === null) return null;
  const fields = new URLSearchParams(held.memory.toString('utf8'));
  return { token: fields.get('token') ?? '', reason: fields.get('reason') ?? '' };
}

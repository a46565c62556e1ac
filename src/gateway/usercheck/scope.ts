// What a user who continues may have from then on: the same content of a response; a site, where there is no
// content to know again. G-27.

import type { BladeMessage } from '../../plugin/api.ts';
import type { Content } from '../verdicts/remembered.ts';

const MAX_URL = 4096; // characters

/** Host and port of an absolute http(s) URL, or null. */
export function siteOf(url: string): string | null {
  if (url.length > MAX_URL || !/^https?:/i.test(url) || !URL.canParse(url)) return null;
  return new URL(url).host || null;
}

/**
 * @returns `sha256:…` for the body of a response; `host:…` for a message without one; `upload:…` with the host
 *          for the body of a request, as browsers frame the same form anew each time; null: nothing to go by
 */
export function scopeOf(message: BladeMessage, content: Content | null): string | null {
  const site = siteOf(message.url);
  if (site === null) return null;
  const hasBody = message.body !== null && message.body.size > 0;
  if (message.direction === 'request') return `${hasBody ? 'upload' : 'host'}:${site}`;
  if (!hasBody) return `host:${site}`;
  return content === null ? null : `sha256:${content.sha256}`;
}

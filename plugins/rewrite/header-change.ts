// Changes of header fields: what rules say, and what must go when a body is no longer the sender's.

import { fieldValue } from 'weir';
import type { RewriteRule } from './options.ts';

/** The fields after all rules: taken away, then set, then added, rule by rule. */
export function changeHeaders(headers: readonly string[], rules: readonly RewriteRule[]): readonly string[] {
  let changed = headers;
  for (const { headers: change } of rules) {
    const gone = new Set([...change.remove, ...Object.keys(change.set)].map((name) => name.toLowerCase()));
    if (gone.size > 0) changed = without(changed, gone);
    const more = [...Object.entries(change.set), ...Object.entries(change.add)].flat();
    if (more.length > 0) changed = [...changed, ...more];
  }
  return changed;
}

const DIGESTS = new Set(['content-md5', 'digest', 'content-digest', 'repr-digest', 'accept-ranges']);

/**
 * The fields of a message whose body was changed: digests are wrong now, and a strong ETag would say that
 * the bytes are the sender's. A weak one still serves to ask whether the page has changed (RFC 9110 §8.8.3).
 */
export function forChangedBody(headers: readonly string[]): readonly string[] {
  const etag = fieldValue(headers, 'etag');
  const kept = without(headers, DIGESTS);
  if (etag === undefined || etag.startsWith('W/')) return kept;
  return [...without(kept, new Set(['etag'])), 'ETag', `W/${etag}`];
}

/** RFC 9111 §5.2.2.6: the sender forbids changes of the content. */
export function forbidsTransform(header: string | undefined): boolean {
  return /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(header ?? '');
}

function without(headers: readonly string[], names: ReadonlySet<string>): readonly string[] {
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.has(headers[i]!.toLowerCase())) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept.length === headers.length ? headers : kept;
}

// Whether an object that is kept is still what a request asks for: its validators, its age, and for whom it
// may be used. RFC 9110 §8.8, §13; RFC 9111 §3.5, §4.

import { createHash } from 'node:crypto';
import { fieldValue, fieldValues, listTokens, withoutField } from '../../icap/codec/fields.ts';
import type { RawHeaders } from '../../icap/codec/http-head.ts';

const SECOND = 1000; // milliseconds
const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since'];

/** The client has conditions of its own, which only the origin can judge. */
export function hasConditions(headers: RawHeaders): boolean {
  return CONDITIONS.some((name) => fieldValue(headers, name) !== undefined);
}

/** Fields that ask the origin whether the object is still the same; null where it has no validator. */
export function conditionsFor(object: RawHeaders): RawHeaders | null {
  const etag = fieldValue(object, 'etag');
  if (etag !== undefined) return ['If-None-Match', etag];
  const modified = fieldValue(object, 'last-modified');
  return modified === undefined ? null : ['If-Modified-Since', modified];
}

/** Whether two responses carry the same bytes for certain. */
export function isSameObject(a: RawHeaders, b: RawHeaders): boolean {
  const etag = fieldValue(a, 'etag');
  return etag !== undefined && !/^W\//i.test(etag) && etag === fieldValue(b, 'etag');
}

/** Whether a range counts that is asked for under a condition (§13.1.5): strong comparison only. */
export function ifRangeHolds(value: string, object: RawHeaders, receivedAt: number): boolean {
  if (/^(?:W\/)?"/.test(value)) {
    return value === fieldValue(object, 'etag') && !value.startsWith('W/');
  }
  const modified = fieldValue(object, 'last-modified');
  if (modified === undefined || modified !== value) return false;
  // A date is strong only if the object cannot have changed twice within its second.
  const date = Date.parse(fieldValue(object, 'date') ?? '') || receivedAt;
  return date - Date.parse(modified) >= SECOND;
}

/**
 * What to do with an object that is there: `serve` it, `validate` it with the origin first, or `fetch` another.
 * @param receivedAt  when its head came, milliseconds of Date.now()
 */
export function reuseOf(
  object: RawHeaders,
  receivedAt: number,
  request: RawHeaders,
  now: number,
): 'serve' | 'validate' | 'fetch' {
  const validate = conditionsFor(object) === null ? 'fetch' : 'validate';
  const wanted = directives(request);
  const reload =
    wanted.includes('no-cache') ||
    wanted.includes('max-age=0') ||
    /\bno-cache\b/i.test(fieldValue(request, 'pragma') ?? '');
  const said = directives(object);
  if (reload || said.includes('no-cache') || said.includes('no-store')) return validate;
  const lifetime = lifetimeOf(object, said, receivedAt);
  if (lifetime !== null) return ageOf(object, receivedAt, now) < lifetime ? 'serve' : validate;
  return validate === 'validate' ? 'validate' : 'serve';
}

/** Seconds since the origin made it, for the Age field (RFC 9111 §5.1). */
export function ageOf(object: RawHeaders, receivedAt: number, now: number): number {
  const before = Number(fieldValue(object, 'age') ?? 0);
  return Math.floor((now - receivedAt) / SECOND) + (Number.isSafeInteger(before) ? before : 0);
}

/** Whether an object may serve clients other than the one that asked for it. */
export function isForEverybody(request: RawHeaders, response: RawHeaders): boolean {
  if (credentialsOf(request) !== '' || fieldValue(response, 'set-cookie') !== undefined) return false;
  return !directives(response).some((it) => it === 'no-store' || it.startsWith('private'));
}

/** Digest of what in a request says who asks; '' where nothing does. */
export function credentialsOf(request: RawHeaders): string {
  const values = ['authorization', 'cookie'].flatMap((name) =>
    fieldValues(request, name).map((value) => `${name}: ${value}\n`),
  );
  return values.length === 0 ? '' : createHash('sha256').update(values.join('')).digest('base64');
}

/** Values of the request fields that the response was chosen by; null: by anything (`Vary: *`). */
export function varyingValues(response: RawHeaders, request: RawHeaders): string | null {
  const names = listTokens(fieldValues(response, 'vary'));
  if (names.includes('*')) return null;
  return names.map((name) => `${name}: ${fieldValues(request, name).join(', ')}\n`).join('');
}

/** A request for the whole object. */
export function withoutRange(headers: RawHeaders): RawHeaders {
  return withoutField(withoutField(headers, 'range'), 'if-range');
}

/** Milliseconds would do no better: all of these are seconds. Null: the origin says nothing. */
function lifetimeOf(object: RawHeaders, said: readonly string[], receivedAt: number): number | null {
  for (const name of ['s-maxage', 'max-age']) {
    const found = said.find((it) => it.startsWith(`${name}=`));
    if (found !== undefined) return Number(found.slice(name.length + 1).replaceAll('"', '')) || 0;
  }
  const expires = fieldValue(object, 'expires');
  if (expires === undefined) return null;
  const date = Date.parse(fieldValue(object, 'date') ?? '') || receivedAt;
  return ((Date.parse(expires) || date) - date) / SECOND;
}

function directives(headers: RawHeaders): readonly string[] {
  return listTokens(fieldValues(headers, 'cache-control'));
}

// Decides in which form a page goes to its reader: HTML, JSON or plain text, from the request's Accept
// (RFC 9110 §12.5.1). HTML is what everybody gets who does not clearly ask for something else: browsers,
// clients that send `*/*` or nothing (curl, wget, apt), and clients that accept none of the three.
// User-Agent is not read: it could only change an answer that is HTML either way.

export type PageAudience = 'html' | 'json' | 'text';

const MAX_ACCEPT = 2048; // characters of Accept that are looked at
const MAX_RANGES = 64; // media ranges that are looked at

interface Preference {
  quality: number;
  /** 2: named exactly, 1: `text/*`, 0: matched by `*` alone, -1: not mentioned. */
  specificity: number;
  /** Place in the list; breaks ties. */
  place: number;
}

/**
 * Form of the page for the client that sent these fields.
 *
 * JSON wins where `application/json` or a `…+json` type has a higher quality than HTML, or the same
 * quality and is named while HTML is only matched by a wildcard, or is named first; plain text likewise.
 *
 * @param headers  flat name, value list of the request as received; null where there is no request
 */
export function audienceOf(headers: readonly string[] | null): PageAudience {
  const accept = headers === null ? '' : acceptOf(headers).toLowerCase();
  if (!accept.includes('json') && !accept.includes('text/plain')) return 'html';

  const found: Record<PageAudience, Preference> = {
    html: unmentioned(),
    json: unmentioned(),
    text: unmentioned(),
  };
  for (const [place, range] of accept.split(',', MAX_RANGES).entries()) {
    const type = range.split(';', 1)[0]!.trim();
    const quality = qualityOf(range);
    if (type === 'text/html') note(found.html, quality, 2, place);
    else if (type === 'text/plain') note(found.text, quality, 2, place);
    else if (type === 'application/json' || type.endsWith('+json')) note(found.json, quality, 2, place);
    else if (type === 'text/*') note(found.html, quality, 1, place);
    else if (type === '*/*' || type === '*') note(found.html, quality, 0, place);
  }
  let best: PageAudience = 'html';
  if (preferred(found.json, found[best])) best = 'json';
  if (preferred(found.text, found[best])) best = 'text';
  return best;
}

function acceptOf(headers: readonly string[]): string {
  let accept = '';
  for (let at = 0; at + 1 < headers.length && accept.length < MAX_ACCEPT; at += 2) {
    const name = headers[at]!;
    if (name.length === 6 && name.toLowerCase() === 'accept') accept += `${accept && ','}${headers[at + 1]!}`;
  }
  return accept.slice(0, MAX_ACCEPT);
}

function unmentioned(): Preference {
  return { quality: 0, specificity: -1, place: MAX_RANGES };
}

/** The most specific range decides a form's quality; of several types of one form, the best liked. */
function note(preference: Preference, quality: number, specificity: number, place: number): void {
  if (specificity < preference.specificity) return;
  if (specificity === preference.specificity && quality <= preference.quality) return;
  preference.quality = quality;
  preference.specificity = specificity;
  preference.place = place;
}

function preferred(one: Preference, other: Preference): boolean {
  if (one.quality === 0) return false;
  if (one.quality !== other.quality) return one.quality > other.quality;
  if (one.specificity !== other.specificity) return one.specificity > other.specificity;
  return one.place < other.place;
}

/** Weight of a media range, 0 to 1; 1 where it is absent or malformed. */
function qualityOf(range: string): number {
  const written = /;[ \t]*q=([01](?:\.\d{0,3})?)[ \t]*(?:;|$)/.exec(range)?.[1];
  return written === undefined ? 1 : Math.min(1, Number(written));
}

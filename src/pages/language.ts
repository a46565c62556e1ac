// Which of our languages a reader gets, from Accept-Language (RFC 9110 §12.5.4): the best liked one that there
// is a catalogue for. A tag stands for its first part, as in RFC 4647 §3.4: `de-AT` gets German. English where
// nothing fits, and for everybody who does not say.

import { CATALOGUES, ENGLISH } from './texts.ts';
import type { Catalogue } from './texts.ts';

const MAX_FIELD = 1024; // characters of Accept-Language that are looked at
const MAX_RANGES = 32; // of them
const RANGE = /^[ \t]*([a-z]{2,3})(?:-[a-z0-9-]*)?[ \t]*(?:;[ \t]*q=([01](?:\.\d{0,3})?)[ \t]*)?$/i;

/**
 * Catalogue for the client that sent these fields.
 * @param headers  flat name, value list of the request as received; null where there is no request
 * @param catalogues  by language; default: the built-in ones
 */
export function languageOf(
  headers: readonly string[] | null,
  catalogues: ReadonlyMap<string, Catalogue> = CATALOGUES,
): Catalogue {
  const field = headers === null ? '' : fieldOf(headers);
  let best = catalogues.get('en') ?? ENGLISH;
  let bestQuality = 0;
  for (const range of field.split(',', MAX_RANGES)) {
    const [, language = '', written = '1'] = RANGE.exec(range) ?? [];
    const catalogue = catalogues.get(language.toLowerCase());
    const quality = Math.min(1, Number(written));
    if (catalogue === undefined || quality <= bestQuality) continue;
    best = catalogue;
    bestQuality = quality;
  }
  return best;
}

function fieldOf(headers: readonly string[]): string {
  let field = '';
  for (let at = 0; at + 1 < headers.length && field.length < MAX_FIELD; at += 2) {
    const name = headers[at]!;
    if (name.length === 15 && name.toLowerCase() === 'accept-language')
      field += `${field && ','}${headers[at + 1]!}`;
  }
  return field.slice(0, MAX_FIELD);
}

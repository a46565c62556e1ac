// The texts of pages: in which languages they exist, which one a reader gets, and the look-up by message id
// or error code. The sentences are in texts/; which is used when, the pages decide. Names of threats, blades
// and codes are the same in all languages.

import type { ErrorCode } from '../errors.ts';
import type { Catalogue, ErrorText, TextId } from './texts/catalogue.ts';
import { GERMAN } from './texts/de.ts';
import { en, ENGLISH } from './texts/en.ts';
import { SPANISH } from './texts/es.ts';
import { FRENCH } from './texts/fr.ts';
import { JAPANESE } from './texts/ja.ts';
import { CHINESE } from './texts/zh.ts';

export type { Catalogue, ErrorText, TextId } from './texts/catalogue.ts';
export { ENGLISH } from './texts/en.ts';

/** By the first part of a language tag. */
export const CATALOGUES: ReadonlyMap<string, Catalogue> = new Map([
  ['en', ENGLISH],
  ['de', GERMAN],
  ['fr', FRENCH],
  ['es', SPANISH],
  ['ja', JAPANESE],
  ['zh', CHINESE],
]);

/** The text of a message id, with its `{name}` marks. */
export function textOf(id: TextId, { texts }: Catalogue = ENGLISH): string {
  return texts[id] ?? en[id];
}

/** Title and lead for an error code: its own, else its area's, else the general one. */
export function errorTextOf(code: ErrorCode, { errors }: Catalogue = ENGLISH): ErrorText {
  return errors[code] ?? errors[code.split('_', 2)[1]!] ?? errors['OTHER']!;
}

/** Puts values at the `{name}` marks, once each; a mark without a value stays. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (mark, name: string) =>
    Object.hasOwn(values, name) ? values[name]! : mark,
  );
}

// The form of a catalogue of texts: one for each language, all with the same message ids and error codes.

import type { en } from './en.ts';

export type TextId = keyof typeof en;
/** Ids of pages that users see; the others are for administrators and in English alone. */
export type UserTextId = Exclude<TextId, `info.${string}`>;

export interface ErrorText {
  readonly title: string;
  /** What happened, in one or two sentences; `{site}` is the host. */
  readonly lead: string;
  /** What the user can do, where the error's remedy is for the administrator; absent: the remedy. */
  readonly help?: string;
}

export interface Catalogue {
  /** Language tag for `lang`, BCP 47. */
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly texts: Readonly<Record<UserTextId, string> & Partial<Record<TextId, string>>>;
  readonly errors: Readonly<Record<string, ErrorText>>;
}

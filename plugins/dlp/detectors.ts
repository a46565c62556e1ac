// What numbers look like in text, and when one of that look is reported. A number whose check says much (an
// IBAN) counts wherever it stands; one that chance makes often (nine bare digits) counts only where a word
// nearby says what it is. Patterns have no nested repetition: their time is linear in the text.

import {
  cardIssuer,
  isCodiceFiscale,
  isDni,
  isIban,
  isNino,
  isNir,
  isSsn,
  isSteuerId,
  IBAN_LENGTHS,
} from './checks.ts';

export type DetectorName =
  'card' | 'iban' | 'us-ssn' | 'de-steuer-id' | 'fr-nir' | 'es-dni' | 'it-codice-fiscale' | 'uk-nino';

export interface Detector {
  readonly name: DetectorName;
  /** For the user, one and many. */
  readonly title: readonly [one: string, many: string];
  /** Global; the whole match is the number with its separators. */
  readonly pattern: RegExp;
  /** The bare number, or null where the match is none. `text` and `at` tell what follows it. */
  readonly read: (match: string, text: string, at: number) => string | null;
  /** True where it counts only with one of `context` nearby. */
  readonly needsContext: (match: string) => boolean;
  readonly context: RegExp | null;
  /** How many of its last characters a report may show. */
  readonly shown: number;
}

/** Longest match of any detector with its separators, in characters. */
export const MAX_MATCH = 64;
/** Characters before and after a number that are searched for words. */
export const CONTEXT_REACH = 80;

const bare = (match: string): string => match.replace(/[ .\-/]/g, '').toUpperCase();
const checked =
  (check: (text: string) => boolean) =>
  (match: string): string | null =>
    check(bare(match)) ? bare(match) : null;
const separated = (match: string): boolean => /[ .\-/]/.test(match);

export const DETECTORS: readonly Detector[] = [
  {
    name: 'card',
    title: ['card number', 'card numbers'],
    pattern: /(?<![\w.,+-])\d(?:[ -]?\d){12,18}(?![\w-]|[.,]\d)/g,
    read: (match) => (isGroupedAsCard(match) && cardIssuer(bare(match)) !== null ? bare(match) : null),
    needsContext: () => false,
    context: null,
    shown: 4,
  },
  {
    name: 'iban',
    title: ['IBAN', 'IBANs'],
    pattern: /(?<![A-Za-z0-9])[A-Z]{2}\d\d(?=[ -]?[A-Z0-9])/g,
    read: readIban,
    needsContext: () => false,
    context: null,
    shown: 4,
  },
  {
    name: 'us-ssn',
    title: ['US Social Security number', 'US Social Security numbers'],
    pattern: /(?<![\w.,+-])(?:\d{3}-\d\d-\d{4}|\d{3} \d\d \d{4}|\d{9})(?![\w-]|[.,]\d)/g,
    read: checked(isSsn),
    needsContext: (match) => !match.includes('-'),
    context: /\b(?:ssn|social security|soc\.? sec|itin|tax ?payer)/i,
    shown: 0,
  },
  {
    name: 'de-steuer-id',
    title: ['German tax number', 'German tax numbers'],
    pattern: /(?<![\w.,+-])(?:\d{2} \d{3} \d{3} \d{3}|\d{11})(?![\w-]|[.,]\d)/g,
    read: checked(isSteuerId),
    needsContext: (match) => !separated(match),
    context: /\b(?:steuer|idnr|id-nr|identifikationsnummer|tin\b|tax id|finanzamt)/i,
    shown: 0,
  },
  {
    name: 'fr-nir',
    title: ['French NIR', 'French NIRs'],
    pattern:
      /(?<![\w.,+-])[12][ .]?\d\d[ .]?\d\d[ .]?(?:\d\d|2[ABab])[ .]?\d{3}[ .]?\d{3}[ .\-/]?\d\d(?![\w-]|[.,]\d)/g,
    read: checked(isNir),
    needsContext: (match) => !separated(match),
    context: /(?:s[ée]cu|\bnir\b|insee|\bnss\b|assur|social)/i,
    shown: 0,
  },
  {
    name: 'es-dni',
    title: ['Spanish DNI or NIE', 'Spanish DNIs or NIEs'],
    pattern: /(?<![\w.,+-])(?:\d{8}|\d{1,2}\.\d{3}\.\d{3}|[XYZxyz]-?\d{7})[ -]?[A-Za-z](?![\w-])/g,
    read: checked(isDni),
    needsContext: () => true,
    context: /\b(?:d\.?n\.?i\b|n\.?i\.?[ef]\b|documento|identidad|identificaci|extranjer|pasaporte)/i,
    shown: 0,
  },
  {
    name: 'it-codice-fiscale',
    title: ['Italian codice fiscale', 'Italian codici fiscali'],
    pattern:
      /(?<![\w-])[A-Za-z]{6}[\dLMNPQRSTUV]{2}[A-Za-z][\dLMNPQRSTUV]{2}[A-Za-z][\dLMNPQRSTUV]{3}[A-Za-z](?![\w-])/gi,
    read: checked(isCodiceFiscale),
    needsContext: () => false,
    context: null,
    shown: 0,
  },
  {
    name: 'uk-nino',
    title: ['UK National Insurance number', 'UK National Insurance numbers'],
    pattern: /(?<![\w-])[A-Za-z]{2} ?\d\d ?\d\d ?\d\d ?[A-Da-d](?![\w-])/g,
    read: checked(isNino),
    needsContext: (match) => !/^[A-Z]{2} \d\d \d\d \d\d [A-D]$/.test(match),
    context: /\b(?:national insurance|nino\b|ni (?:no|num)|insurance n)/i,
    shown: 0,
  },
];

/** Cards are written in one piece, or in the groups that are embossed; blanks and dashes are not mixed. */
function isGroupedAsCard(match: string): boolean {
  if (!separated(match)) return true;
  if (match.includes(' ') && match.includes('-')) return false;
  const groups = match
    .split(/[ -]/)
    .map((group) => group.length)
    .join('-');
  return /^(?:4-4-4-4(?:-[1-3])?|4-6-[45]|4-3-3-3|6-13)$/.test(groups);
}

/** The rest of an IBAN behind its country and check digits: as many characters as the country has. */
function readIban(match: string, text: string, at: number): string | null {
  const length = IBAN_LENGTHS.get(match.slice(0, 2));
  if (length === undefined) return null;
  let iban = match;
  let next = at + match.length;
  for (; iban.length < length; next += 1) {
    const character = text[next];
    if (character === undefined) return null;
    if (/[A-Z0-9]/.test(character)) iban += character;
    else if (!/[ -]/.test(character) || /[ -]/.test(text[next + 1] ?? '')) return null;
  }
  return /[A-Za-z0-9]/.test(text[next] ?? '') || !isIban(iban) ? null : iban;
}

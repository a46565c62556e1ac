// What counts as active content in an Office document: by the type of the relationship that leads to a part,
// by its content type, and by its name. Any of the three is enough, since the other two can be disguised.

export type Kind = 'macros' | 'activeX' | 'embedded' | 'external' | 'fields';
export const KINDS = [
  'macros',
  'activeX',
  'embedded',
  'external',
  'fields',
] as const satisfies readonly Kind[];

interface KindRule {
  readonly kind: Kind;
  /** Last segment of the relationship's type. */
  readonly relationship: RegExp;
  readonly contentType: RegExp;
  /** Name of the part, lower case, without first slash. */
  readonly part: RegExp;
}

const RULES: readonly KindRule[] = [
  {
    kind: 'macros',
    relationship: /^(?:vbaproject(?:signature\w*)?|wordvbadata|xl(?:intl)?macrosheet|attachedtoolbars)$/,
    contentType: /vbaproject|vbadata|macrosheet/,
    part: /(?:^|\/)(?:vbaproject\w*\.bin|vbadata\.xml|attachedtoolbars\.bin)$|^xl\/macrosheets\//,
  },
  {
    kind: 'activeX',
    relationship: /^(?:control|activexcontrolbinary|webextension(?:taskpanes?)?)$/,
    contentType: /office\.activex|webextension/,
    part: /(?:^|\/)activex\/|(?:^|\/)webextensions\//,
  },
  {
    kind: 'embedded',
    relationship: /^(?:oleobject|package|afchunk)$/,
    contentType: /officedocument\.oleobject/,
    part: /(?:^|\/)embeddings\//,
  },
];

/** What a relationship leads to, by its type; null: nothing active. */
export function kindOfRelationship(type: string): Kind | null {
  const last = type.toLowerCase().replace(/\/+$/, '').split('/').at(-1)!;
  return RULES.find(({ relationship }) => relationship.test(last))?.kind ?? null;
}

export function kindOfContentType(contentType: string): Kind | null {
  const lower = contentType.toLowerCase();
  return RULES.find((rule) => rule.contentType.test(lower))?.kind ?? null;
}

export function kindOfPart(name: string): Kind | null {
  return RULES.find(({ part }) => part.test(name))?.kind ?? null;
}

/** Links of a workbook: they are kept, since formulas count on them, and made to lead nowhere. */
export function isWorkbookLink(type: string): boolean {
  return /\/(?:externalLink\w*Path|xlExternalLinkPath\/\w+|xlPathMissing|xlStartup|xlLibrary)$/i.test(type);
}

/** Links that a reader follows on a click, to places that are no surprise. */
export function isHarmlessLink(type: string, target: string): boolean {
  return /\/hyperlink$/i.test(type) && /^(?:https?:\/\/|mailto:|#)/i.test(target.trim());
}

export function isSignature(type: string): boolean {
  return /\/digital-signature\//i.test(type);
}

// Makes peer text fit to be shown: `shown` takes away what could deceive a reader (control and bidi
// characters, endless length), `html` takes away what could be markup. A page passes every value through
// both; `html` escapes each interpolation that it did not make itself, so none can be forgotten.

/** Markup that is safe to send as it stands. Only `html` makes it. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

export type HtmlValue = string | number | Html | readonly Html[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Escapes for HTML text and for quoted attributes alike. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ENTITIES[character]!);
}

/** Template tag: literal parts are markup, interpolated strings are text, `Html` values are markup. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let markup = parts[0]!;
  for (const [index, value] of values.entries()) markup += markupOf(value) + parts[index + 1]!;
  return new Html(markup);
}

function markupOf(value: HtmlValue): string {
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map((item) => item.markup).join('');
  return escapeHtml(String(value));
}

// Controls, format characters (bidi overrides, zero-width), lone surrogates, private use, line separators.
const DECEPTIVE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/**
 * Peer text for a human's eyes: cut, with characters that are invisible, that reorder what stands around
 * them or that break lines written as `\x0a`, `\u202e` or `\u{e0001}`.
 *
 * @param limit  longest kept part, in UTF-16 units before escaping; a cut is marked with `…`
 */
export function shown(text: string, limit: number): string {
  return cut(text, limit).replace(DECEPTIVE, escapeCharacter);
}

const URL_LIMIT = 200; // characters shown
const MAX_URL = 8192; // characters parsed
const USERINFO = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;

/** A URL for a human's eyes, never for a link: as `shown`, 200 characters, without user name and password. */
export function shownUrl(url: string): string {
  return shown(url.replace(USERINFO, '$1'), URL_LIMIT);
}

/**
 * Host (and port) of an absolute http(s) URL in its ASCII form, or null. Names with letters of other
 * scripts come out as punycode, so that no look-alike is shown.
 */
export function hostOf(url: string): string | null {
  if (url.length > MAX_URL || !/^https?:/i.test(url) || !URL.canParse(url)) return null;
  return cut(new URL(url).host, 100) || null;
}

/** Value that is safe in a header field or status line: printable ASCII, at most 100 characters. */
export function fieldText(text: string): string {
  return text
    .slice(0, 100)
    .replace(/[^\x20-\x7e]/g, '?')
    .trim();
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = /[\ud800-\udbff]/.test(text[limit - 1]!) ? limit - 1 : limit; // not through a surrogate pair
  return `${text.slice(0, end)}…`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}

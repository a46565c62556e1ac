// Puts a page together: the HTML shell, the JSON or text form, and the header fields that keep it from
// being cached, sniffed or scripted. What stands on a page is decided by block-page.ts, error-page.ts and
// info-page.ts.

import type { PageAudience } from './audience.ts';
import { escapeHtml, fieldText, Html, html } from './escape.ts';
import { CONTENT_SECURITY_POLICY, MARK, SIGNS, STYLE } from './style.ts';
import type { Catalogue } from './texts.ts';
import { ENGLISH, textOf } from './texts.ts';
import type { Look } from './templates/look.ts';

/** A complete HTTP response, ready to be sent or encapsulated. */
export interface Page {
  readonly status: number;
  /** Reason phrase, printable ASCII. */
  readonly reason: string;
  /** Flat name, value list; has Content-Length, never Transfer-Encoding or Connection. */
  readonly headers: string[];
  readonly body: Buffer;
}

/** The same content in each form; only the one that is asked for is built. */
export interface PageForms {
  html(): Html;
  json(): object;
  text(): string;
}

const TYPES: Readonly<Record<PageAudience, string>> = {
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
  text: 'text/plain; charset=utf-8',
};

/**
 * Renders one form into a response.
 *
 * @param incident  goes into X-Weir-Incident; null on pages that report no incident
 * @param policy  Content-Security-Policy; default: nothing loads and nothing runs
 * @param words  language of the forms
 */
export function renderPage(
  status: number,
  reason: string,
  forms: PageForms,
  audience: PageAudience,
  incident: string | null,
  policy: string = CONTENT_SECURITY_POLICY,
  words: Catalogue = ENGLISH,
): Page {
  const body = Buffer.from(contentOf(forms, audience), 'utf8');
  const headers = [
    'Content-Type',
    TYPES[audience],
    'Content-Length',
    String(body.length),
    'Content-Language',
    words.language,
    'Cache-Control',
    'no-store',
    'Content-Security-Policy',
    policy,
    'X-Content-Type-Options',
    'nosniff',
  ];
  if (incident !== null) headers.push('X-Weir-Incident', fieldText(incident));
  return { status, reason: fieldText(reason), headers, body };
}

function contentOf(forms: PageForms, audience: PageAudience): string {
  if (audience === 'html') return forms.html().markup;
  if (audience === 'text') return forms.text();
  // `<` escaped as well: should the JSON ever be pasted into a page, it stays text.
  return `${JSON.stringify(forms.json(), null, 2).replaceAll('<', '\\u003c')}\n`;
}

/**
 * The HTML document around a page's content; `kind` chooses the colour and the sign of its heading.
 * @param head  what else belongs into `<head>`
 * @param words  language of `title` and `content`
 * @param look  style sheet and logo; default: the built-in ones
 */
export function htmlDocument(
  kind: 'block' | 'error' | 'info' | 'wait',
  title: string,
  content: Html,
  head: Html = html``,
  words: Catalogue = ENGLISH,
  look: Look | null = null,
): Html {
  const { language, direction } = words;
  const brand = textOf('page.brand', words);
  const name =
    look?.logo == null ? html`${MARK}<span>${brand}</span>` : html`${look.logo}<span>${brand}</span>`;
  return html`<!doctype html>
    <html lang="${language}" dir="${direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} – ${brand}</title>
        ${styleElement(look)} ${head}
      </head>
      <body class="${kind}">
        <div class="page">
          <header class="brand">${name}</header>
          <main>
            <h1>${SIGNS[kind]}<span>${title}</span></h1>
            ${content}
          </main>
          <footer>${textOf('page.maker', words)}</footer>
        </div>
      </body>
    </html> `;
}

const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`); // not escaped: its hash is in the policy

/** The style sheet as an element; not escaped: its hash is in the policy. */
export function styleElement(look: Look | null): Html {
  return look === null ? STYLE_ELEMENT : new Html(`<style>${look.sheet}</style>`);
}

/** One row of a details list: label and value; `kind` says how the value is set. */
export interface Detail {
  readonly label: string;
  readonly value: string;
  readonly kind?: 'text' | 'code' | 'mark' | 'incident';
  /** Of the element with the value, for a script. */
  readonly id?: string;
  /** Address that the value leads to; made by us, never a peer's. */
  readonly href?: string;
}

const VALUES: Readonly<Record<NonNullable<Detail['kind']>, (value: string) => Html>> = {
  text: (value) => html`<bdi>${value}</bdi>`,
  code: (value) => html`<code dir="ltr">${value}</code>`,
  mark: (value) => html`<bdi class="mark">${value}</bdi>`,
  incident: (value) => html`<span class="incident">${value}</span>`,
};

/** Details as a description list. */
export function detailList(details: readonly Detail[]): Html {
  const rows = details.map(({ label, value, kind = 'text', id, href }) => {
    const plain = VALUES[kind](value);
    const set = href === undefined ? plain : html`<a href="${href}" rel="noreferrer">${plain}</a>`;
    return html`<dt>${label}</dt>
      ${id === undefined ? html`<dd>${set}</dd>` : html`<dd id="${id}">${set}</dd>`} `;
  });
  return html`<dl>${rows}</dl>`;
}

/** Details as lines of plain text, labels padded. */
export function detailLines(details: readonly Detail[]): string {
  const width = Math.max(...details.map(({ label }) => label.length)) + 2;
  return details
    .map(
      ({ label, value, href }) =>
        `${`${label}:`.padEnd(width)}${value}${href === undefined ? '' : ` ${href}`}\n`,
    )
    .join('');
}

/** The part that the help desk asks for. */
export function detailSection(details: readonly Detail[], words: Catalogue = ENGLISH): Html {
  return html`<section class="details" aria-labelledby="details">
    <h2 id="details">${textOf('details.heading', words)}</h2>
    ${detailList(details)}
  </section>`;
}

/** A headed list of things that the reader can do. */
export function helpSection(heading: string, items: readonly string[]): Html {
  return html`<section aria-labelledby="help">
    <h2 id="help">${heading}</h2>
    <ul>
      ${items.map((item) => html`<li>${item}</li> `)}
    </ul>
  </section>`;
}

/** As `fill`, for markup: the text is escaped, the values are taken as they are. */
export function fillHtml(text: string, values: Readonly<Record<string, Html>>): Html {
  return new Html(
    text
      .split(/\{(\w+)\}/)
      .map((part, index) =>
        index % 2 === 0 ? escapeHtml(part) : (values[part]?.markup ?? escapeHtml(`{${part}}`)),
      )
      .join(''),
  );
}

/** `2026-07-30 14:03:22 UTC`; an invalid date reads `unknown`, never throws. */
export function timeText(time: Date, words: Catalogue = ENGLISH): string {
  const iso = isoTime(time);
  return iso === null ? textOf('value.unknown', words) : `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** ISO 8601 in UTC, or null for an invalid date. */
export function isoTime(time: Date): string | null {
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

// The form with which a reader continues past a block, and the pages that answer it where they do not lead on:
// a reason is missing, the confirmation is refused, or what was stopped has to be sent once more. Who may
// continue, and what a token is worth, is decided by the gateway.

import type { PageAudience } from './audience.ts';
import { html, shown } from './escape.ts';
import type { Html } from './escape.ts';
import type { Page } from './page.ts';
import { helpSection, htmlDocument, renderPage } from './page.ts';
import { CONTENT_SECURITY_POLICY } from './style.ts';
import type { Look } from './templates/look.ts';
import { withForm } from './templates/look.ts';
import type { Catalogue, TextId } from './texts.ts';
import { ENGLISH, fill, textOf } from './texts.ts';

/** Characters of a reason. */
export const LEAST_REASON = 5;
export const MOST_REASON = 300;

export interface ContinueForm {
  /** `ask`: with a reason; `inform`: without. */
  readonly kind: 'ask' | 'inform';
  /** Path on the site that the form is sent to. */
  readonly action: string;
  readonly token: string;
  /** How long it then holds, milliseconds. */
  readonly holdsMs: number;
}

/** The part of a page with the form; a reader comes to it after everything that speaks against it. */
export function continueSection(form: ContinueForm, words: Catalogue = ENGLISH, isMissing = false): Html {
  const { kind, action, token, holdsMs } = form;
  const text = fill(textOf(`continue.${kind}`, words), { holds: timeText(holdsMs, words) });
  return html`<section class="continue" aria-labelledby="continue">
    <h2 id="continue">${textOf('continue.heading', words)}</h2>
    <p>${text}</p>
    <form method="post" action="${action}">
      <input type="hidden" name="token" value="${token}" />
      ${kind === 'ask' ? reasonField(words, isMissing) : ''}
      <button>${textOf('continue.button', words)}</button>
    </form>
  </section>`;
}

function reasonField(words: Catalogue, isMissing: boolean): Html {
  const missing = fill(textOf('continue.missing', words), { least: String(LEAST_REASON) });
  return html`${isMissing ? html`<p class="missing" id="missing" role="alert">${missing}</p> ` : ''}<label
      for="reason"
      >${textOf('continue.reason', words)}</label
    >
    <textarea
      id="reason"
      name="reason"
      required
      minlength="${LEAST_REASON}"
      maxlength="${MOST_REASON}"
      ${isMissing ? html`aria-invalid="true" aria-describedby="missing"` : ''}
    ></textarea>`;
}

/** For whom the page is, and how it looks. */
export interface PageReader {
  readonly audience: PageAudience;
  readonly words: Catalogue;
  readonly look: Look | null;
}

/** The form once more, as its reason was missing or too short. */
export function reasonMissingPage(form: ContinueForm, incident: string, reader: PageReader): Page {
  const { words } = reader;
  const missing = fill(textOf('continue.missing', words), { least: String(LEAST_REASON) });
  return page(400, 'Bad Request', { title: 'continue.reason', lead: missing, incident, reader, form });
}

/** The confirmation is not worth anything; why, the log says. */
export function continueRefusedPage(incident: string, reader: PageReader): Page {
  const lead = textOf('continue.refused.lead', reader.words);
  const help = textOf('continue.refused.help', reader.words);
  return page(403, 'Forbidden', { title: 'continue.refused.title', lead, help, incident, reader });
}

/** The way is open, but what was stopped cannot be repeated by a redirect. */
export function sendAgainPage(site: string, incident: string, reader: PageReader): Page {
  const lead = fill(textOf('continue.again.lead', reader.words), { site: shown(site, 100) });
  const help = textOf('continue.again.help', reader.words);
  return page(200, 'OK', { title: 'continue.again.title', lead, help, incident, reader });
}

interface Content {
  readonly title: TextId;
  readonly lead: string;
  readonly help?: string;
  readonly incident: string;
  readonly reader: PageReader;
  readonly form?: ContinueForm;
}

function page(
  status: number,
  reason: string,
  { title: id, lead, help, incident, reader, form }: Content,
): Page {
  const { audience, words, look } = reader;
  const title = textOf(id, words);
  const helps = help === undefined ? '' : helpSection(textOf('block.help.heading', words), [help]);
  const isRepeated = form !== undefined;
  const policy = look?.policy ?? CONTENT_SECURITY_POLICY;
  const kind = status === 200 ? 'info' : 'block';
  return renderPage(
    status,
    reason,
    {
      html: () =>
        htmlDocument(
          kind,
          title,
          html`${isRepeated ? continueSection(form, words, true) : html`<p class="lead">${lead}</p>`} ${helps}`,
          undefined,
          words,
          look,
        ),
      json: () => ({ status, title, detail: lead, incident }),
      text: () => `${title}\n\n${lead}\n${help === undefined ? '' : `\n- ${help}\n`}`,
    },
    audience,
    incident,
    isRepeated ? withForm(policy) : policy,
    words,
  );
}

/** `60 minutes`, in words of the language; days from two days on, hours from two hours on. */
function timeText(ms: number, { language }: Catalogue): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  const [amount, unit] =
    minutes >= 2880
      ? [Math.round(minutes / 1440), 'day']
      : minutes >= 120
        ? [Math.round(minutes / 60), 'hour']
        : [minutes, 'minute'];
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(amount);
}

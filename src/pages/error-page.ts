// The page for a request that could not be completed: origin, network, inspection service or the request
// itself. It names the failure in plain words first, then what the help desk needs. Status and code come
// from the error table; only the words are chosen here.

import type { ErrorCode } from '../errors.ts';
import type { PageAudience } from './audience.ts';
import { fieldText, hostOf, html, shown, shownUrl } from './escape.ts';
import {
  type Detail,
  detailLines,
  detailSection,
  fillHtml,
  helpSection,
  htmlDocument,
  isoTime,
  type Page,
  renderPage,
  timeText,
} from './page.ts';
import type { Catalogue } from './texts.ts';
import { ENGLISH, errorTextOf, fill, textOf } from './texts.ts';

/** What failed. Strings may hold anything a peer sent: they are cut and escaped here. */
export interface ErrorPageInput {
  /** HTTP status to answer with, 400 to 599; anything else becomes 502. */
  readonly status: number;
  /** Reason phrase of the status. */
  readonly reason: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** One sentence on what to do; the error's own `remedy`. */
  readonly remedy: string;
  readonly incident: string;
  readonly time: Date;
  /** Requested URL as far as known, or ''. Shown without user name and password, cut at 200 characters. */
  readonly url: string;
  /** True when content was withheld because it could not be inspected: the page then says so. */
  readonly failClosed?: boolean;
}

/** The response for a failed request; same guarantees as `blockPage`. */
export function errorPage(input: ErrorPageInput, audience: PageAudience, words: Catalogue = ENGLISH): Page {
  const { title, lead, help: ownHelp } = errorTextOf(input.code, words);
  const status =
    Number.isInteger(input.status) && input.status >= 400 && input.status <= 599 ? input.status : 502;
  const reason = fieldText(input.reason) || (status === input.status ? '' : 'Bad Gateway');
  const failClosed = input.failClosed === true;
  const site = hostOf(input.url) ?? textOf('site.unknown', words);
  const incident = shown(input.incident, 64);
  const message = shown(input.message, 300);
  const url = shownUrl(input.url);
  const remedy = shown(input.remedy, 300);
  const help = [ownHelp ?? remedy, textOf('error.help.report', words)].filter((item) => item !== '');
  const facts = {
    incident,
    time: timeText(input.time, words),
    status: `${status} ${reason}`.trim(),
    code: input.code,
    message,
    remedy: ownHelp === undefined ? '' : remedy, // where the user cannot follow it, the help desk may
    url,
  };
  const details = detailsOf(facts, words);

  return renderPage(
    status,
    reason,
    {
      html: () =>
        htmlDocument(
          'error',
          title,
          html`<p class="lead">${fillHtml(lead, { site: html`<bdi>${site}</bdi>` })}</p>
            ${failClosed ? html`<p class="notice">${textOf('error.failClosed', words)}</p>` : ''}
            ${helpSection(textOf('error.help.heading', words), help)} ${detailSection(details, words)}`,
          undefined,
          words,
        ),
      json: () => ({
        error: input.code,
        status,
        title,
        detail: fill(lead, { site }),
        message,
        remedy,
        incident,
        time: isoTime(input.time),
        url,
        failClosed,
      }),
      text: () =>
        `${title}\n\n${fill(lead, { site })}\n\n` +
        (failClosed ? `${textOf('error.failClosed', words)}\n\n` : '') +
        `${help.map((item) => `- ${item}\n`).join('')}\n` +
        detailLines(details),
    },
    audience,
    incident,
    undefined,
    words,
  );
}

type Facts = Readonly<Record<'incident' | 'time' | 'status' | 'code' | 'message' | 'remedy' | 'url', string>>;

function detailsOf(facts: Facts, words: Catalogue): Detail[] {
  const details: Detail[] = [
    { label: textOf('details.incident', words), value: facts.incident, kind: 'incident' },
    { label: textOf('details.time', words), value: facts.time },
    { label: textOf('details.status', words), value: facts.status },
    { label: textOf('details.code', words), value: facts.code, kind: 'code' },
    { label: textOf('details.message', words), value: facts.message },
    { label: textOf('details.remedy', words), value: facts.remedy },
    { label: textOf('details.request', words), value: facts.url, kind: 'code' },
  ];
  return details.filter(({ value }) => value !== '');
}

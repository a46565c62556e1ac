// The page that a browser shows while what it asked for is being inspected, and the same for programs. It
// reloads itself: by its script where scripts run, else by `refresh`. How long anybody waits, and where the
// addresses lead, the proxy decides (src/proxy/patience).

import type { PageAudience } from './audience.ts';
import { hostOf, html, shown } from './escape.ts';
import {
  detailLines,
  detailList,
  type Detail,
  fillHtml,
  helpSection,
  htmlDocument,
  type Page,
  renderPage,
} from './page.ts';
import { SCRIPTED_POLICY } from './style.ts';
import type { Catalogue } from './texts.ts';
import { ENGLISH, fill, textOf } from './texts.ts';

export interface PatiencePageInput {
  /** Requested URL, absolute; nothing of it is shown but host and file name. */
  readonly url: string;
  /** Bytes that have come from the site. */
  readonly received: number;
  /** Of how many; null where the site did not say. */
  readonly total: number | null;
  /** These are all. */
  readonly complete: boolean;
  readonly elapsedMs: number;
  /** Absolute http(s) URL that gives the answer when it is ready, and this page until then. */
  readonly next: string;
  /** Path of what {@link patienceFacts} says, for the script. */
  readonly state: string;
  /** Path of the script. */
  readonly script: string;
  /** When to ask again. */
  readonly seconds: number;
}

/** How things are, as data and as the words that the page shows. */
export function patienceFacts(
  { received, total, complete, elapsedMs }: PatiencePageInput,
  words: Catalogue = ENGLISH,
) {
  return {
    state: complete ? 'inspecting' : 'receiving',
    received,
    total,
    elapsedMs: Math.round(elapsedMs),
    words: {
      state: textOf(complete ? 'wait.inspecting' : 'wait.receiving', words),
      received:
        total === null || complete
          ? sizeText(received)
          : fill(textOf('wait.of', words), { received: sizeText(received), total: sizeText(total) }),
      elapsed: durationText(elapsedMs),
    },
  };
}

/**
 * 200 for `html`, 202 (RFC 9110 §15.3.3) with Retry-After and Location for the other forms.
 *
 * Has Cache-Control: no-store; only the script of its own origin runs.
 */
export function patiencePage(
  input: PatiencePageInput,
  audience: PageAudience,
  words: Catalogue = ENGLISH,
): Page {
  const { url, total, complete, next, state, script, seconds } = input;
  const facts = patienceFacts(input, words);
  const { words: now } = facts;
  const site = hostOf(url) ?? textOf('site.unknown', words);
  const title = textOf('wait.title', words);
  const lead = textOf('wait.lead', words);
  const value = total !== null && total > 0 && !complete ? Math.min(1, input.received / total) : null;
  const details: Detail[] = [
    { label: textOf('wait.file', words), value: fileName(url) },
    { label: textOf('wait.progress', words), value: now.received, id: 'received' },
    { label: textOf('wait.elapsed', words), value: now.elapsed, id: 'elapsed' },
  ].filter((detail) => detail.value !== '');
  const forms = {
    html: () =>
      htmlDocument(
        'wait',
        title,
        html`<p class="lead">${fillHtml(lead, { site: html`<bdi>${site}</bdi>` })}</p>
          <div
            id="waiting"
            data-state="${state}"
            data-next="${next}"
            data-done="${textOf('wait.done', words)}"
            data-ready="${textOf('wait.ready', words)}"
          >
            ${
              value === null
                ? html`<progress id="bar" max="1" aria-label="${textOf('wait.progress', words)}"></progress>`
                : html`<progress
                    id="bar"
                    max="1"
                    value="${value}"
                    aria-label="${textOf('wait.progress', words)}"
                  ></progress>`
            }
            <p id="state" class="state" role="status">${now.state}</p>
          </div>
          <section>${detailList(details)}</section>
          ${helpSection(textOf('wait.help.heading', words), [
            textOf('wait.help.1', words),
            textOf('wait.help.2', words),
            textOf('wait.help.3', words),
          ])}
          <section>
            <p><a href="${next}" rel="nofollow">${textOf('wait.continue', words)}</a></p>
          </section>`,
        html`<noscript><meta http-equiv="refresh" content="${seconds}; url=${next}" /></noscript>
          <script src="${script}" defer></script>`,
        words,
      ),
    json: () => ({ ...facts, next, retryAfter: seconds }),
    text: () =>
      `${title}\n\n${now.state}\n${fill(textOf('wait.again', words), { seconds: String(seconds), next })}\n\n` +
      detailLines(details),
  };
  if (audience === 'html') return renderPage(200, 'OK', forms, audience, null, SCRIPTED_POLICY, words);
  const page = renderPage(202, 'Accepted', forms, audience, null, undefined, words);
  return { ...page, headers: [...page.headers, 'Retry-After', String(seconds), 'Location', next] };
}

/** Last part of the URL's path, or ''. */
function fileName(url: string): string {
  const path = /^https?:\/\/[^/?#]*([^?#]*)/i.exec(url.slice(0, 8192))?.[1] ?? '';
  const last = path.slice(path.lastIndexOf('/') + 1);
  try {
    return shown(decodeURIComponent(last), 100);
  } catch {
    return shown(last, 100);
  }
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `512 B`, `1.5 MiB`. */
function sizeText(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  while (amount >= 1024 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]!}`;
}

/** `12 s`, `3 min 5 s`, `1 h 2 min`. */
function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

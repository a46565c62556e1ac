// The UserCheck page: what a user sees instead of content that a blade refused. It says what was found,
// by which blade, what that means for the user and what to do. Which headers the ICAP response around it
// carries is the gateway's business.

import type { PageAudience } from './audience.ts';
import { hostOf, html, shown, shownUrl } from './escape.ts';
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
import { fill, textOf } from './texts.ts';

/** What was blocked. Strings may hold anything a peer sent: they are cut and escaped here. */
export interface BlockPageInput {
  /** Name of what was found, e.g. `EICAR-Test-File`. */
  readonly threat: string;
  /** Blade that found it, e.g. `antivirus`. */
  readonly blade: string;
  readonly severity: string;
  /** One sentence for the user, e.g. `found in archive member docs/eicar.com`. */
  readonly reason: string;
  readonly incident: string;
  readonly time: Date;
  /** Absolute URL as far as known, or ''. Shown without user name and password, cut at 200 characters. */
  readonly url: string;
  /** Request method, or '' where it is not known. */
  readonly method: string;
  /** `request`: what the client was sending; `response`: what it was about to receive. */
  readonly direction: 'request' | 'response';
  readonly profile?: string;
}

/**
 * The 403 response that takes the place of blocked content.
 *
 * Has Cache-Control: no-store and X-Weir-Incident; loads nothing, runs nothing, links nowhere. A response
 * to HEAD keeps the headers and drops the body: that is the caller's part.
 */
export function blockPage(input: BlockPageInput, audience: PageAudience): Page {
  const facts = factsOf(input);
  const event = eventOf(input);
  const title = textOf(`block.${event}.title`);
  const lead = textOf(`block.${event}.lead`);
  const help = [
    textOf(`block.help.${event}.1`),
    textOf(`block.help.${event}.2`),
    textOf('block.help.report'),
  ];
  const details = detailsOf(facts);

  return renderPage(
    403,
    'Forbidden',
    {
      html: () =>
        htmlDocument(
          'block',
          title,
          html`<p class="lead">
              ${fillHtml(lead, { threat: html`<strong><bdi>${facts.threat}</bdi></strong>`, site: html`<bdi>${facts.site}</bdi>` })}
            </p>
            ${helpSection(textOf('block.help.heading'), help)} ${detailSection(details)}`,
        ),
      json: () => ({
        error: 'blocked',
        status: 403,
        title,
        detail: fill(lead, { threat: facts.threat, site: facts.site }),
        threat: { name: facts.threat, blade: facts.blade, severity: facts.severity },
        reason: facts.reason,
        incident: facts.incident,
        time: isoTime(input.time),
        method: facts.method,
        url: facts.url,
        direction: input.direction,
        ...(facts.profile === '' ? {} : { profile: facts.profile }),
        help,
      }),
      text: () =>
        `${title}\n\n${fill(lead, { threat: facts.threat, site: facts.site })}\n\n` +
        `${help.map((item) => `- ${item}\n`).join('')}\n` +
        detailLines(details),
    },
    audience,
    facts.incident,
  );
}

/** A request without a body cannot be an upload: it was refused for its URL or its header. */
function eventOf({ direction, method }: BlockPageInput): 'download' | 'upload' | 'request' {
  if (direction === 'response') return 'download';
  return /^(?:|GET|HEAD|OPTIONS|TRACE|CONNECT|DELETE)$/i.test(method) ? 'request' : 'upload';
}

/** The input as it may be shown. */
function factsOf(input: BlockPageInput) {
  return {
    threat: shown(input.threat, 120) || textOf('value.unknown'),
    blade: shown(input.blade, 64),
    severity: shown(input.severity, 32),
    reason: shown(input.reason, 300),
    incident: shown(input.incident, 64),
    time: timeText(input.time),
    url: shownUrl(input.url),
    site: hostOf(input.url) ?? textOf('site.unknown'),
    method: shown(input.method, 32),
    profile: shown(input.profile ?? '', 64),
  };
}

type Facts = ReturnType<typeof factsOf>;

function detailsOf(facts: Facts): Detail[] {
  const details: Detail[] = [
    { label: textOf('details.incident'), value: facts.incident, kind: 'incident' },
    { label: textOf('details.time'), value: facts.time },
    { label: textOf('details.threat'), value: facts.threat, kind: 'mark' },
    { label: textOf('details.severity'), value: facts.severity },
    { label: textOf('details.reason'), value: facts.reason },
    { label: textOf('details.blade'), value: facts.blade },
    { label: textOf('details.profile'), value: facts.profile },
    { label: textOf('details.request'), value: `${facts.method} ${facts.url}`.trim(), kind: 'code' },
  ];
  return details.filter(({ value }) => value !== '');
}

// The UserCheck page: what a user sees instead of content that a blade refused. It says what was found,
// by which blade, what that means for the user and what to do. Which headers the ICAP response around it
// carries is the gateway's business.

import type { PageAudience } from './audience.ts';
import type { ContinueForm } from './continue-form.ts';
import { continueSection } from './continue-form.ts';
import { hostOf, Html, html, shown, shownUrl } from './escape.ts';
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
  styleElement,
  timeText,
} from './page.ts';
import { CONTENT_SECURITY_POLICY, MARK } from './style.ts';
import type { Look } from './templates/look.ts';
import { withForm } from './templates/look.ts';
import type { Catalogue } from './texts.ts';
import { ENGLISH, fill, textOf } from './texts.ts';

/** A report of what content does. */
export interface ReportLink {
  readonly id: string;
  /** Of the dashboard, which asks for its token; null: not known. */
  readonly url: string | null;
}

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
  /** The form with which the reader may continue; absent or null: there is no way. */
  readonly goOn?: ContinueForm | null;
  /** Absent or null: there is none. */
  readonly report?: ReportLink | null;
}

/**
 * The 403 response that takes the place of blocked content; `words` is the language of its reader.
 *
 * Has Cache-Control: no-store and X-Weir-Incident; loads nothing, runs nothing, links to the report alone. `look` is the
 * operator's; default: the built-in one. A response
 * to HEAD keeps the headers and drops the body: that is the caller's part.
 */
export function blockPage(
  input: BlockPageInput,
  audience: PageAudience,
  words: Catalogue = ENGLISH,
  look: Look | null = null,
): Page {
  const facts = factsOf(input, words);
  const event = eventOf(input);
  const title = textOf(`block.${event}.title`, words);
  const lead = textOf(`block.${event}.lead`, words);
  const help = [
    textOf(`block.help.${event}.1`, words),
    textOf(`block.help.${event}.2`, words),
    textOf('block.help.report', words),
  ];
  const details = detailsOf(facts, input.report ?? null, words);
  const { goOn = null, report = null } = input;
  const policy = look?.policy ?? CONTENT_SECURITY_POLICY;
  const leadText = fill(lead, { threat: facts.threat, site: facts.site });
  const parts = (): Parts => ({
    lead: fillHtml(lead, {
      threat: html`<strong><bdi>${facts.threat}</bdi></strong>`,
      site: html`<bdi>${facts.site}</bdi>`,
    }),
    help: helpSection(textOf('block.help.heading', words), help),
    goOn: goOn === null ? html`` : continueSection(goOn, words),
    details: detailSection(details, words),
  });

  return renderPage(
    403,
    'Forbidden',
    {
      html: () => {
        const { lead, help, goOn, details } = parts();
        if (look?.html != null) {
          const values = { ...textsOf(facts, title, words), lead, help, details, continue: goOn };
          return new Html(
            look.html.render({ ...values, style: styleElement(look), logo: look.logo ?? MARK }),
          );
        }
        const content = html`<p class="lead">${lead}</p>
          ${help} ${goOn} ${details}`;
        return htmlDocument('block', title, content, undefined, words, look);
      },
      json: () => ({
        error: 'blocked',
        status: 403,
        title,
        detail: leadText,
        threat: { name: facts.threat, blade: facts.blade, severity: facts.severity },
        reason: facts.reason,
        incident: facts.incident,
        time: isoTime(input.time),
        method: facts.method,
        url: facts.url,
        direction: input.direction,
        ...(facts.profile === '' ? {} : { profile: facts.profile }),
        ...(report === null ? {} : { report }),
        help,
      }),
      text: () => {
        const items = help.map((item) => `- ${item}\n`).join('');
        if (look?.text != null) {
          const values = { ...textsOf(facts, title, words), lead: leadText, help: items };
          return look.text.render({ ...values, details: detailLines(details) });
        }
        return `${title}\n\n${leadText}\n\n${items}\n${detailLines(details)}`;
      },
    },
    audience,
    facts.incident,
    goOn === null ? policy : withForm(policy),
    words,
  );
}

interface Parts {
  readonly lead: Html;
  readonly help: Html;
  readonly goOn: Html;
  readonly details: Html;
}

/** The texts that a template may use, see BLOCK_NAMES of templates/load-look.ts. */
function textsOf(facts: Facts, title: string, words: Catalogue): Record<string, string> {
  const { language, direction } = words;
  const page = { brand: textOf('page.brand', words), maker: textOf('page.maker', words) };
  return { ...facts, title, language, direction, ...page };
}

/** A request without a body cannot be an upload: it was refused for its URL or its header. */
function eventOf({ direction, method }: BlockPageInput): 'download' | 'upload' | 'request' {
  if (direction === 'response') return 'download';
  return /^(?:|GET|HEAD|OPTIONS|TRACE|CONNECT|DELETE)$/i.test(method) ? 'request' : 'upload';
}

/** The input as it may be shown. */
function factsOf(input: BlockPageInput, words: Catalogue) {
  return {
    threat: shown(input.threat, 120) || textOf('value.unknown', words),
    blade: shown(input.blade, 64),
    severity: shown(input.severity, 32),
    reason: shown(input.reason, 300),
    incident: shown(input.incident, 64),
    time: timeText(input.time, words),
    url: shownUrl(input.url),
    site: hostOf(input.url) ?? textOf('site.unknown', words),
    method: shown(input.method, 32),
    profile: shown(input.profile ?? '', 64),
  };
}

type Facts = ReturnType<typeof factsOf>;

function detailsOf(facts: Facts, report: ReportLink | null, words: Catalogue): Detail[] {
  const details: Detail[] = [
    { label: textOf('details.incident', words), value: facts.incident, kind: 'incident' },
    { label: textOf('details.time', words), value: facts.time },
    { label: textOf('details.threat', words), value: facts.threat, kind: 'mark' },
    { label: textOf('details.severity', words), value: facts.severity },
    { label: textOf('details.reason', words), value: facts.reason },
    { label: textOf('details.blade', words), value: facts.blade },
    { label: textOf('details.profile', words), value: facts.profile },
    { label: textOf('details.request', words), value: `${facts.method} ${facts.url}`.trim(), kind: 'code' },
  ];
  if (report !== null) {
    const link = report.url === null ? {} : { href: report.url };
    details.push({
      label: textOf('details.report', words),
      value: shown(report.id, 64),
      kind: 'code',
      ...link,
    });
  }
  return details.filter(({ value }) => value !== '');
}

// The page for a site whose certificate cannot be verified: what is wrong in words, and the certificate
// itself, so that somebody can tell an expired one from an attack. Where the operator allows it there is a
// way on. Which of the two a client gets, and what going on means, is decided elsewhere.

import type { PageAudience } from './audience.ts';
import { html, shown, shownUrl } from './escape.ts';
import type { Html } from './escape.ts';
import type { Detail, Page } from './page.ts';
import {
  detailLines,
  detailList,
  detailSection,
  fillHtml,
  helpSection,
  htmlDocument,
  isoTime,
  renderPage,
  timeText,
} from './page.ts';
import { CONTENT_SECURITY_POLICY } from './style.ts';
import type { Catalogue } from './texts.ts';
import { ENGLISH, errorTextOf, fill, textOf } from './texts.ts';

/** A certificate for people. Strings may hold anything a peer sent: they are cut and escaped here. */
export interface ShownCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Names that it is for. */
  readonly names: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256. */
  readonly fingerprint: string;
  readonly serial: string;
  /** Kind and size of its key. */
  readonly key: string;
  /** Names of what the site sent, its own first. */
  readonly chain: readonly string[];
}

export interface CertificatePageInput {
  readonly status: number;
  readonly reason: string;
  readonly message: string;
  readonly incident: string;
  readonly time: Date;
  readonly url: string;
  /** Host name of the site. */
  readonly site: string;
  /** One clause each, e.g. `it expired on 2026-01-01`. */
  readonly faults: readonly string[];
  /** Null: the site sent none. */
  readonly certificate: ShownCertificate | null;
  /** How to go on; null: there is no way. */
  readonly goOn: GoOn | null;
}

export interface GoOn {
  /** Path on the site that the form is sent to. */
  readonly action: string;
  readonly token: string;
  /** How long it then holds, for people. */
  readonly holds: string;
}

/** Nothing runs; the one form goes to the page's own origin, and nobody may put the page into another. */
const FORM_POLICY = `${CONTENT_SECURITY_POLICY.replace("form-action 'none'", "form-action 'self'")}; frame-ancestors 'none'`;

/** The response for a site that cannot be verified; same guarantees as `errorPage`. */
export function certificatePage(
  input: CertificatePageInput,
  audience: PageAudience,
  words: Catalogue = ENGLISH,
): Page {
  const { title, lead, help } = errorTextOf('ERR_ORIGIN_UNTRUSTED', words);
  const { status, reason, goOn } = input;
  const site = shown(input.site, 253);
  const faults = input.faults.map((fault) => shown(fault, 600));
  const incident = shown(input.incident, 64);
  const certificate = input.certificate === null ? [] : certificateDetails(input.certificate, words);
  const details = transactionDetails(input, incident, words);
  const helps = [help ?? '', textOf('error.help.report', words)].filter((item) => item !== '');
  return renderPage(
    status,
    reason,
    {
      html: () =>
        htmlDocument(
          'error',
          title,
          html`<p class="lead">${fillHtml(lead, { site: html`<bdi>${site}</bdi>` })}</p>
            <section aria-labelledby="faults">
              <h2 id="faults">${textOf('certificate.faults', words)}</h2>
              <ul>
                ${faults.map((fault) => html`<li><bdi>${sentence(fault)}</bdi></li> `)}
              </ul>
            </section>
            ${helpSection(textOf('error.help.heading', words), helps)}
            ${goOn === null ? '' : goOnSection(goOn, words)}
            ${certificate.length === 0 ? '' : certificateSection(certificate, words)}
            ${detailSection(details, words)}`,
          undefined,
          words,
        ),
      json: () => ({
        error: 'ERR_ORIGIN_UNTRUSTED',
        status,
        title,
        detail: fill(lead, { site }),
        faults,
        certificate: input.certificate === null ? null : certificateJson(input.certificate),
        message: shown(input.message, 600),
        incident,
        time: isoTime(input.time),
        url: shownUrl(input.url),
        failClosed: false,
      }),
      text: () =>
        `${title}\n\n${fill(lead, { site })}\n\n${faults.map((fault) => `- ${sentence(fault)}\n`).join('')}\n` +
        `${detailLines([...certificate, ...details])}`,
    },
    audience,
    incident,
    goOn === null ? CONTENT_SECURITY_POLICY : FORM_POLICY,
    words,
  );
}

/** Below everything that speaks against it, and not as the first thing that a hand goes to. */
function goOnSection({ action, token, holds }: GoOn, words: Catalogue): Html {
  return html`<section aria-labelledby="go-on">
    <h2 id="go-on">${textOf('certificate.goOn.heading', words)}</h2>
    <p>${fill(textOf('certificate.goOn.text', words), { holds })}</p>
    <form method="get" action="${action}">
      <input type="hidden" name="token" value="${token}" />
      <button>${textOf('certificate.goOn.button', words)}</button>
    </form>
  </section>`;
}

function certificateSection(details: readonly Detail[], words: Catalogue): Html {
  return html`<section class="details" aria-labelledby="certificate">
    <h2 id="certificate">${textOf('certificate.heading', words)}</h2>
    ${detailList(details)}
  </section>`;
}

function certificateDetails(certificate: ShownCertificate, words: Catalogue): Detail[] {
  const { notBefore, notAfter } = certificate;
  return [
    { label: textOf('certificate.subject', words), value: shown(certificate.subject, 200) },
    { label: textOf('certificate.names', words), value: shown(certificate.names, 400) },
    { label: textOf('certificate.issuer', words), value: shown(certificate.issuer, 200) },
    { label: textOf('certificate.from', words), value: timeText(notBefore, words) },
    { label: textOf('certificate.to', words), value: timeText(notAfter, words) },
    { label: textOf('certificate.key', words), value: shown(certificate.key, 64) },
    {
      label: textOf('certificate.serial', words),
      value: shown(certificate.serial, 64),
      kind: 'code' as const,
    },
    {
      label: textOf('certificate.fingerprint', words),
      value: shown(certificate.fingerprint, 100),
      kind: 'code' as const,
    },
    {
      label: textOf('certificate.chain', words),
      value: certificate.chain.map((name) => shown(name, 100)).join(' ← '),
    },
  ].filter(({ value }) => value !== '');
}

function certificateJson(certificate: ShownCertificate): object {
  return {
    ...certificate,
    notBefore: isoTime(certificate.notBefore),
    notAfter: isoTime(certificate.notAfter),
  };
}

function transactionDetails(
  { status, reason, time, url }: CertificatePageInput,
  incident: string,
  words: Catalogue,
): Detail[] {
  return [
    { label: textOf('details.incident', words), value: incident, kind: 'incident' },
    { label: textOf('details.time', words), value: timeText(time, words) },
    { label: textOf('details.status', words), value: `${status} ${reason}`.trim() },
    { label: textOf('details.code', words), value: 'ERR_ORIGIN_UNTRUSTED', kind: 'code' },
    { label: textOf('details.request', words), value: shownUrl(url), kind: 'code' },
  ];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

// The page that gets a device going: is the CA trusted here and now, the files to take, and the steps of each
// platform, those of the visitor's own open. What the steps are is setup-steps.ts, who serves it setup-site.ts.

import { createHash } from 'node:crypto';
import { Html, html, shown } from './escape.ts';
import type { Page } from './page.ts';
import { detailList, fillHtml, htmlDocument, renderPage, timeText } from './page.ts';
import type { PageAudience } from './audience.ts';
import type { Guide, Platform, SetupPlace, Step } from './setup-steps.ts';
import { setupGuides } from './setup-steps.ts';
import { CONTENT_SECURITY_POLICY } from './style.ts';
import { fill } from './texts.ts';

export interface SetupPageInput {
  readonly place: SetupPlace;
  /** What is to be trusted, the CA in use first. */
  readonly certificates: readonly SetupCertificate[];
  /** False: the CA may not certify weir.local, so that nobody can find out by it whether it is trusted. */
  readonly checkable: boolean;
  /** The visitor's own, most likely first; empty: not known. */
  readonly platforms: readonly Platform[];
}

export interface SetupCertificate {
  readonly subject: string;
  /** SHA-256, hex pairs with colons. */
  readonly fingerprint: string;
  readonly notAfter: Date;
}

const TEXTS = {
  title: 'Set this device up',
  lead: 'Two things let this device use Weir: it sends its traffic to {proxy}, and it trusts the certificate of Weir’s authority (CA).',
  checkHeading: 'Does this browser trust it now?',
  noScript:
    'This check needs JavaScript. Without it: open {link}; if it opens without a warning, this browser trusts the CA.',
  asking: 'Looking…',
  trusted: 'Yes. This browser uses Weir and trusts its certificate: all is set.',
  untrusted: 'Not yet. This browser uses Weir, but does not trust its certificate: take the steps below.',
  elsewhere: 'This browser does not send its traffic to Weir: set the proxy first, as in the steps below.',
  unknown:
    'This browser uses Weir. Whether it trusts the certificate cannot be seen here, because this CA may certify a few names only, and weir.local is none of them.',
  again: 'Check again',
  filesHeading: 'Files',
  stepsHeading: 'Step by step',
  yours: 'this device',
  compare:
    'Before you trust it, compare the fingerprint with what `weir ca show` prints, or with what your administrator told you: this page may have come over an insecure connection.',
  certificate: 'Certificate',
  fingerprint: 'SHA-256',
  until: 'Valid until',
} as const;

/** Names, file names and purposes of the downloads. */
export const DOWNLOADS = {
  'ca.pem': { label: 'Certificate, PEM', file: 'weir-ca.pem', use: 'Linux, macOS, command-line programs' },
  'ca.der': { label: 'Certificate, DER', file: 'weir-ca.cer', use: 'Windows, Android, Firefox' },
  'ca.mobileconfig': { label: 'Profile', file: 'weir-ca.mobileconfig', use: 'iPhone, iPad, macOS' },
  'ca.p12': {
    label: 'Trust store, PKCS#12',
    file: 'weir-ca.p12',
    use: 'Java; password changeit; no key in it',
  },
  'proxy.pac': {
    label: 'Proxy configuration, PAC',
    file: 'proxy.pac',
    use: 'devices that take their proxy from a file',
  },
} as const;

const STYLE = `
.check{margin-top:1.5rem;padding:1rem 1.15rem;border:1px solid var(--line);border-inline-start:.35rem solid var(--muted);border-radius:.375rem}
.check p{margin:0}
.check #verdict{font-weight:600}
.check[data-state=trusted]{border-inline-start-color:var(--good)}.check[data-state=trusted] #verdict{color:var(--good)}
.check[data-state=untrusted]{border-inline-start-color:var(--block)}.check[data-state=untrusted] #verdict{color:var(--block)}
.check[data-state=elsewhere],.check[data-state=unknown]{border-inline-start-color:var(--error)}
.check[data-state=elsewhere] #verdict,.check[data-state=unknown] #verdict{color:var(--error)}
:root{--good:#1b6e34}
@media (prefers-color-scheme:dark){:root{--good:#86d99c}}
.files{list-style:none;padding:0;display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.6rem}
.files li{margin:0;padding:.6rem .8rem;border:1px solid var(--line);border-radius:.375rem}
.files small{display:block;color:var(--muted);font-size:.8125rem}
details{border-top:1px solid var(--line)}
summary{padding:.7rem 0;cursor:pointer;font-weight:600}
summary small{margin-inline-start:.5rem;color:var(--accent);font-weight:400}
details ol{margin:0 0 1rem;padding-inline-start:1.4rem}
details li+li{margin-top:.7rem}
pre{margin:.35rem 0 0;padding:.6rem .75rem;background:var(--ground);border:1px solid var(--line);border-radius:.375rem;white-space:pre-wrap;overflow-wrap:anywhere;user-select:all;-webkit-user-select:all}
.compare{margin-top:.75rem!important;color:var(--muted);font-size:.9375rem}
`.trim();

const STYLE_ELEMENT = new Html(`<style>${STYLE}</style>`); // not escaped: its hash is in the policy
const HASH = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** Its own script runs, and asks the proxy's own host; nobody puts the page into another. */
const POLICY =
  `${CONTENT_SECURITY_POLICY.replace('style-src ', `style-src ${HASH} `)}; script-src 'self'; ` +
  `connect-src 'self' http://weir.local https://weir.local; frame-ancestors 'none'`;

/** 200 with no-store. Everything that it links to lies beside it on the same origin. */
export function setupPage(input: SetupPageInput, audience: PageAudience): Page {
  const { place, certificates, platforms } = input;
  const guides = inOrder(setupGuides(place), platforms);
  const forms = {
    html: () => htmlOf(input, guides),
    json: () => ({ proxy: place.proxyUrl, certificates, guides }),
    text: () => textForm(input, guides),
  };
  const page = renderPage(200, 'OK', forms, audience, null, POLICY);
  return { ...page, headers: [...page.headers, 'Vary', 'Accept, User-Agent'] };
}

function inOrder(guides: readonly Guide[], first: readonly string[]): readonly Guide[] {
  const own = first.flatMap((name) => guides.filter(({ platform }) => platform === name));
  return [...own, ...guides.filter((guide) => !own.includes(guide))];
}

function htmlOf(
  { place, certificates, checkable, platforms }: SetupPageInput,
  guides: readonly Guide[],
): Html {
  return htmlDocument(
    'info',
    TEXTS.title,
    html`<p class="lead">${fillHtml(TEXTS.lead, { proxy: html`<bdi>${place.proxyUrl}</bdi>` })}</p>
      <section
        id="check"
        class="check"
        aria-labelledby="check-heading"
        data-state="asking"
        data-checkable="${checkable ? 'yes' : 'no'}"
        data-fingerprint="${certificates[0]?.fingerprint ?? ''}"
        data-asking="${TEXTS.asking}"
        data-trusted="${TEXTS.trusted}"
        data-untrusted="${TEXTS.untrusted}"
        data-elsewhere="${TEXTS.elsewhere}"
        data-unknown="${TEXTS.unknown}"
      >
        <h2 id="check-heading">${TEXTS.checkHeading}</h2>
        <p id="verdict" role="status"></p>
        <noscript
          ><p>
            ${fillHtml(TEXTS.noScript, {
              link: html`<a href="https://weir.local/">https://weir.local/</a>`,
            })}
          </p></noscript
        >
        <button id="again" type="button" hidden>${TEXTS.again}</button>
      </section>
      <section aria-labelledby="files">
        <h2 id="files">${TEXTS.filesHeading}</h2>
        <ul class="files">
          ${Object.entries(DOWNLOADS).map(
            ([path, { label, file, use }]) =>
              html`<li><a href="/${path}" download="${file}">${label}</a> <small>${use}</small></li> `,
          )}
        </ul>
      </section>
      <section aria-labelledby="steps">
        <h2 id="steps">${TEXTS.stepsHeading}</h2>
        ${guides.map((guide) => guideHtml(guide, platforms.includes(guide.platform as Platform)))}
      </section>
      <section class="details" aria-labelledby="certificate">
        <h2 id="certificate">${TEXTS.certificate}</h2>
        ${certificates.map((certificate) => certificateHtml(certificate))}
        <p class="compare">${codeIn(TEXTS.compare)}</p>
      </section>`,
    html`${STYLE_ELEMENT}
      <script src="/setup.js" defer></script>`,
  );
}

function guideHtml({ platform, name, steps }: Guide, own: boolean): Html {
  const items = steps.map((step) => html`<li>${step.text}${takes(step)}${command(step)}</li> `);
  const summary = html`<summary>${name}${own ? html`<small>${TEXTS.yours}</small>` : ''}</summary>`;
  return own
    ? html`<details id="${platform}" open>
        ${summary}
        <ol>
          ${items}
        </ol>
      </details>`
    : html`<details id="${platform}">
        ${summary}
        <ol>
          ${items}
        </ol>
      </details>`;
}

function takes({ download }: Step): Html {
  if (download === undefined) return html``;
  const { label, file } = DOWNLOADS[download];
  // A certificate that Firefox and Android are to open, and not only to save.
  return download === 'ca.der' || download === 'ca.mobileconfig'
    ? html` <a href="/${download}">${label} (${file})</a>`
    : html` <a href="/${download}" download="${file}">${label} (${file})</a>`;
}

/** Without white space around the command: what is pasted is what stands there. */
function command({ command: text }: Step): Html {
  return text === undefined ? html`` : html`<pre dir="ltr"><code>${text}</code></pre>`;
}

function codeIn(text: string): readonly Html[] {
  return text.split('`').map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`));
}

function certificateHtml({ subject, fingerprint, notAfter }: SetupCertificate): Html {
  return detailList([
    { label: TEXTS.certificate, value: shown(subject, 200) },
    { label: TEXTS.fingerprint, value: fingerprint, kind: 'code' },
    { label: TEXTS.until, value: timeText(notAfter) },
  ]);
}

/** What programs on a command line get. */
function textForm({ place, certificates, platforms }: SetupPageInput, guides: readonly Guide[]): string {
  const shownGuides = platforms.length === 0 ? guides : guides.slice(0, platforms.length);
  const parts = shownGuides.map(({ name, steps }) => `${name}\n${steps.map(stepText).join('')}`);
  const keys = certificates.map(({ subject, fingerprint }) => `${subject}\n  SHA-256 ${fingerprint}\n`);
  return [
    `${TEXTS.title}\n\n${fill(TEXTS.lead, { proxy: place.proxyUrl })}\n`,
    ...parts,
    keys.join(''),
    'More platforms, and a check: open http://weir.local/ in a browser that uses the proxy.\n',
  ].join('\n');
}

function stepText({ text, command: line, download }: Step): string {
  const file = download === undefined ? '' : ` http://weir.local/${download}`;
  const lines = line === undefined ? '' : line.replaceAll(/^/gm, '    ') + '\n';
  return `- ${text}${file}\n${lines}`;
}

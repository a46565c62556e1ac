// How pages look: one palette for light and one for dark, one style sheet, the Weir mark. All of it goes
// into the page itself, because the page must work where nothing else can be fetched.

import { createHash } from 'node:crypto';
import { Html } from './escape.ts';

/** Colours by use. Text on `ground` and on `panel` keeps a contrast of at least 4.5 (WCAG 2.2 AA). */
export interface Palette {
  readonly ground: string;
  readonly panel: string;
  readonly line: string;
  readonly text: string;
  readonly muted: string;
  readonly block: string;
  readonly error: string;
  readonly info: string;
  readonly brand: string;
}

export const LIGHT: Palette = {
  ground: '#f4f6f8',
  panel: '#ffffff',
  line: '#d9e0e6',
  text: '#17212b',
  muted: '#51606e',
  block: '#b3261e',
  error: '#8a4b00',
  info: '#0b6a75',
  brand: '#0b6a75',
};

export const DARK: Palette = {
  ground: '#0f151b',
  panel: '#18212a',
  line: '#2f3c48',
  text: '#e7edf2',
  muted: '#a7b4c0',
  block: '#ff9a92',
  error: '#f5be6b',
  info: '#6fd0da',
  brand: '#6fd0da',
};

function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, colour]) => `--${name}:${colour as string}`)
    .join(';');
}

export const STYLE = `
:root{color-scheme:light dark;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--text);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.page{max-width:44rem;margin:0 auto;padding:clamp(1.25rem,4vh,3rem) 1.25rem 2rem}
.brand{display:flex;align-items:center;gap:.6rem;margin-bottom:1.25rem;color:var(--brand);font-weight:600;letter-spacing:.01em}
.brand svg{display:block}
main{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:clamp(1.25rem,4vw,2.25rem)}
.block{--accent:var(--block)}.error{--accent:var(--error)}.info,.wait{--accent:var(--info)}
h1{display:flex;align-items:flex-start;gap:.7rem;margin:0;color:var(--accent);font-size:clamp(1.6rem,5vw,2.1rem);line-height:1.2;letter-spacing:-.01em;text-wrap:balance;overflow-wrap:break-word}
h1 svg{flex:none;width:1.05em;height:1.05em;margin-top:.075em}
h2{margin:0 0 .4rem;font-size:1rem}
.lead{margin:.75rem 0 0;font-size:1.125rem}
.notice{margin:1.25rem 0 0;padding:.8rem 1rem;border:1px solid var(--accent);border-radius:.375rem;color:var(--accent);font-weight:600;text-wrap:balance}
section{margin-top:1.5rem}
section p{margin:0}
progress{display:block;width:100%;height:.75rem;margin:1.5rem 0 .5rem;accent-color:var(--accent)}
.state{margin:0;font-weight:600}
a{color:var(--accent)}
.brand .logo{display:block;max-height:3rem;max-width:12rem}
label{display:block;margin-top:.8rem;font-weight:600}
textarea{display:block;width:100%;min-height:5rem;margin-top:.3rem;padding:.5rem .6rem;border:1px solid var(--muted);border-radius:.375rem;background:var(--ground);color:var(--text);font:inherit;resize:vertical}
.missing{margin-top:.8rem;color:var(--block);font-weight:600}
:focus-visible{outline:3px solid var(--brand);outline-offset:2px}
button{margin-top:.8rem;padding:.5rem 1rem;border:1px solid var(--line);border-radius:.375rem;background:var(--ground);color:var(--text);font:inherit;cursor:pointer}
ul{margin:0;padding-inline-start:1.2rem}
li+li{margin-top:.3rem}
.incident{font:600 1.25rem/1.2 ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono",monospace;letter-spacing:.03em;user-select:all;-webkit-user-select:all}
.details{border-top:1px solid var(--line);padding-top:1.25rem}
.details h2{margin-bottom:.75rem}
dl{display:grid;grid-template-columns:minmax(6.5rem,max-content) 1fr;gap:.35rem 1.25rem;align-items:baseline;margin:0;font-size:.9375rem}
dt{color:var(--muted)}
dd{margin:0}
.mark{color:var(--accent);font-weight:600}
code{unicode-bidi:isolate;font:.875rem/1.5 ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono",monospace}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:.9375rem}
th,td{padding:.45rem 1.25rem .45rem 0;border-bottom:1px solid var(--line);text-align:start;vertical-align:top;overflow-wrap:normal}
td:last-child{overflow-wrap:anywhere}
th{color:var(--muted);font-weight:400}
.number{text-align:end;padding-inline-end:0;font-variant-numeric:tabular-nums}
footer{margin-top:1.25rem;color:var(--muted);font-size:.875rem}
@media (max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.6rem}table{font-size:.8125rem}th,td{padding-inline-end:.6rem}}
@media print{:root{color-scheme:light;${variables(LIGHT)};--ground:#fff}.page{padding:0}main{border-radius:0;break-inside:avoid}}
`.trim();

/** Lets exactly this style sheet apply, and nothing else load or run. */
export const CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`;

/** The same for the one page with a script: it is a file of the page's own origin, and asks there how things are. */
export const SCRIPTED_POLICY = `${CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'`;

/** The Weir mark: water held back by a dam, going over its crest and on. */
export const MARK = new Html(
  '<svg width="34" height="34" viewBox="0 0 34 34" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">' +
    '<path d="M13 31V15h4l6 16z" fill="currentColor" stroke="none"/>' +
    '<path d="M2 10.5c2-1.8 4-1.8 6 0s4 1.8 6 0h3c4.5 0 5.5 4 6.7 9s2.3 6 4.3 5.5 2.2-1.3 4-1"/>' +
    '<path d="M2 17.5c2-1.8 4-1.8 6 0M2 24.5c2-1.8 4-1.8 6 0" opacity=".6"/>' +
    '</svg>',
);

/** Sign before the heading: a stop sign, a warning, a check mark, an hourglass. */
export const SIGNS = {
  block: sign('<path d="M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8z"/><path d="M8 12h8"/>'),
  error: sign('<path d="M12 3.5 22 20.5H2z"/><path d="M12 10v4.5M12 17.5v.1"/>'),
  info: sign('<circle cx="12" cy="12" r="9.5"/><path d="m8 12.3 2.8 2.7L16 9.5"/>'),
  wait: sign('<path d="M6 2.5h12M6 21.5h12M7.5 2.5v4l4.5 5.5 4.5-5.5v-4M7.5 21.5v-4L12 12l4.5 5.5v4"/>'),
} as const;

function sign(shape: string): Html {
  return new Html(
    `<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${shape}</svg>`,
  );
}

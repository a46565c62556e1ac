// The sequence pictures of docs/explained/icap.md, drawn from what is said in each case. Written by
// `npx tsx test/docs/sequence-pictures.ts`; a test holds the files to this module.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const PICTURES_FOLDER = fileURLToPath(new URL('../../docs/images/icap', import.meta.url));

type Party = 'client' | 'proxy' | 'gateway' | 'origin';

interface Arrow {
  readonly from: Party;
  readonly to: Party;
  /** One or two lines. */
  readonly text: readonly string[];
  readonly kind?: 'request' | 'good' | 'bad';
}

interface Note {
  readonly at: Party;
  readonly note: readonly string[];
}

export interface Picture {
  readonly title: string;
  readonly steps: readonly (Arrow | Note)[];
}

const X: Readonly<Record<Party, number>> = { client: 90, proxy: 300, gateway: 510, origin: 720 };
const NAMES: Readonly<Record<Party, readonly string[]>> = {
  client: ['Client'],
  proxy: ['Proxy', '(ICAP client)'],
  gateway: ['Gateway', '(ICAP server)'],
  origin: ['Web server'],
};
const WIDTH = 830;
const TOP = 64;
const STEP = 50;

const say = (from: Party, to: Party, kind: Arrow['kind'], ...text: string[]): Arrow => ({
  ...{ from, to, text },
  ...(kind === undefined ? {} : { kind }),
});
const note = (at: Party, ...text: string[]): Note => ({ at, note: text });

export const PICTURES: Readonly<Record<string, Picture>> = {
  options: {
    title: 'OPTIONS: what a service offers',
    steps: [
      say('proxy', 'gateway', 'request', 'OPTIONS icap://gateway/sandblast'),
      say('gateway', 'proxy', 'good', '200: Methods, Preview: 1024,', 'Allow: 204, ISTag, Options-TTL'),
      note('proxy', 'kept for Options-TTL;', 'a new ISTag ends it early'),
    ],
  },
  reqmod: {
    title: 'REQMOD: a request is inspected before it leaves',
    steps: [
      say('client', 'proxy', 'request', 'POST /upload'),
      say('proxy', 'gateway', 'request', 'REQMOD: request header', 'and body'),
      note('gateway', 'blades judge it'),
      say('gateway', 'proxy', 'good', '204 No Content:', 'not modified'),
      say('proxy', 'origin', 'request', 'POST /upload'),
      say('origin', 'proxy', 'good', '200'),
      say('proxy', 'client', 'good', '200'),
    ],
  },
  satisfaction: {
    title: 'REQMOD, blocked: the gateway answers in the web server’s stead',
    steps: [
      say('client', 'proxy', 'request', 'POST /upload'),
      say('proxy', 'gateway', 'request', 'REQMOD'),
      note('gateway', 'a blade says block'),
      say('gateway', 'proxy', 'bad', '200 with an HTTP response:', '403 and the UserCheck page'),
      say('proxy', 'client', 'bad', '403: the page'),
      note('origin', 'was never asked'),
    ],
  },
  respmod: {
    title: 'RESPMOD: a response is inspected before the user gets it',
    steps: [
      say('client', 'proxy', 'request', 'GET /file'),
      say('proxy', 'origin', 'request', 'GET /file'),
      say('origin', 'proxy', 'good', '200 and the file'),
      say('proxy', 'gateway', 'request', 'RESPMOD: both headers', 'and the body'),
      note('gateway', 'blades judge it'),
      say('gateway', 'proxy', 'bad', '200 with another response:', '403 and the page'),
      say('proxy', 'client', 'bad', '403: the page'),
    ],
  },
  'preview-204': {
    title: 'Preview: the start is enough',
    steps: [
      say('proxy', 'gateway', 'request', 'RESPMOD, Preview: 1024,', 'the first 1024 bytes, 0-chunk'),
      note('gateway', 'a type that it', 'does not look into'),
      say('gateway', 'proxy', 'good', '204: not modified'),
      note('proxy', 'never sends the rest'),
    ],
  },
  'preview-continue': {
    title: 'Preview: the gateway wants to see it all',
    steps: [
      say('proxy', 'gateway', 'request', 'RESPMOD, Preview: 1024,', 'the first 1024 bytes, 0-chunk'),
      say('gateway', 'proxy', undefined, '100 Continue'),
      say('proxy', 'gateway', 'request', 'the rest of the body'),
      note('gateway', 'blades judge it'),
      say('gateway', 'proxy', 'good', '204, or 200 with', 'another response'),
    ],
  },
  'preview-ieof': {
    title: 'Preview: it was the whole body',
    steps: [
      say('proxy', 'gateway', 'request', 'RESPMOD, Preview: 1024,', '300 bytes, then 0; ieof'),
      note('gateway', 'knows that nothing follows'),
      say('gateway', 'proxy', 'good', '204, or 200'),
    ],
  },
  partial: {
    title: '206: only the start changes',
    steps: [
      say('proxy', 'gateway', 'request', 'RESPMOD, Allow: 204, 206,', 'an HTML page'),
      say('gateway', 'proxy', 'good', '206: <html><body>banner', '0; use-original-body=12'),
      note('proxy', 'sends the new start, then', 'its own copy from byte 12'),
    ],
  },
};

const isNote = (step: Arrow | Note): step is Note => 'note' in step;

/** The picture as SVG; it is legible on light and dark grounds, and says in words what it shows. */
export function svgOf({ title, steps }: Picture): string {
  const parties = (['client', 'proxy', 'gateway', 'origin'] as const).filter((party) =>
    steps.some((step) => (isNote(step) ? step.at === party : step.from === party || step.to === party)),
  );
  const left = X[parties[0]!] - 104;
  const width = Math.min(WIDTH, X[parties.at(-1)!] + 104) - left;
  const height = TOP + steps.length * STEP + 24;
  const words = steps
    .map((step) =>
      isNote(step)
        ? `${NAMES[step.at][0]}: ${step.note.join(' ')}`
        : `${NAMES[step.from][0]} to ${NAMES[step.to][0]}: ${step.text.join(' ')}`,
    )
    .join('. ');
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13">`,
    `<title id="t">${escaped(title)}</title>`,
    `<desc id="d">${escaped(words)}</desc>`,
    `<defs>${Object.entries(COLOURS)
      .map(
        ([kind, colour]) =>
          `<marker id="${kind}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="${colour}"/></marker>`,
      )
      .join('')}</defs>`,
    `<rect x="${left}" width="${width}" height="${height}" rx="8" fill="#fbfbf9"/>`,
  ];
  for (const party of parties) {
    const x = X[party];
    lines.push(
      `<line x1="${x}" y1="44" x2="${x}" y2="${height - 12}" stroke="#b5b5ad" stroke-dasharray="3 4"/>`,
      `<rect x="${x - 62}" y="8" width="124" height="36" rx="6" fill="#1f3b57"/>`,
      textAt(x, NAMES[party].length === 1 ? 31 : 23, NAMES[party], '#ffffff', 14),
    );
  }
  steps.forEach((step, index) => lines.push(...(isNote(step) ? noteAt(step, index) : arrowAt(step, index))));
  lines.push('</svg>');
  return `${lines.join('\n')}\n`;
}

const COLOURS = { plain: '#55554f', request: '#1f6fb2', good: '#1a7f5a', bad: '#b3361e' } as const;

function arrowAt({ from, to, text, kind }: Arrow, index: number): string[] {
  const y = TOP + index * STEP + 30;
  const direction = X[to] > X[from] ? 1 : -1;
  const colour = COLOURS[kind ?? 'plain'];
  const middle = (X[from] + X[to]) / 2;
  return [
    `<line x1="${X[from] + 4 * direction}" y1="${y}" x2="${X[to] - 4 * direction}" y2="${y}" stroke="${colour}" stroke-width="1.6" marker-end="url(#${kind ?? 'plain'})"/>`,
    textAt(middle, y - (text.length === 1 ? 7 : 22), text, '#22221f'),
  ];
}

function noteAt({ at, note: text }: Note, index: number): string[] {
  const y = TOP + index * STEP + 8;
  const height = text.length === 1 ? 26 : 40;
  return [
    `<rect x="${X[at] - 96}" y="${y}" width="192" height="${height}" rx="4" fill="#fff3cf" stroke="#d8b24a"/>`,
    textAt(X[at], y + 17, text, '#22221f'),
  ];
}

function textAt(x: number, y: number, lines: readonly string[], colour: string, leading = 15): string {
  const spans = lines.map((line, i) => `<tspan x="${x}" y="${y + i * leading}">${escaped(line)}</tspan>`);
  return `<text text-anchor="middle" fill="${colour}">${spans.join('')}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(PICTURES_FOLDER, { recursive: true });
  for (const [name, picture] of Object.entries(PICTURES))
    writeFileSync(path.join(PICTURES_FOLDER, `${name}.svg`), svgOf(picture));
}

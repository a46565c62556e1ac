// What holds for every page in every form: its header fields, and that nothing a peer sent gets out of
// its place.

import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { blockPage, errorPage, infoPage, type Page, type PageAudience } from '../../src/pages/index.ts';
import { DARK, LIGHT, type Palette } from '../../src/pages/style.ts';

const TIME = new Date('2026-07-30T14:03:22.123Z');

/** Every page with `text` in every place that a peer can reach. */
const PAGES: Readonly<Record<string, (text: string, audience: PageAudience) => Page>> = {
  blockPage: (text, audience) =>
    blockPage(
      {
        threat: text,
        blade: text,
        severity: text,
        reason: text,
        incident: text,
        time: TIME,
        url: text,
        method: text,
        direction: 'response',
        profile: text,
      },
      audience,
    ),
  errorPage: (text, audience) =>
    errorPage(
      {
        status: 502,
        reason: text,
        code: 'ERR_ORIGIN_DNS',
        message: text,
        remedy: text,
        incident: text,
        time: TIME,
        url: text,
        failClosed: true,
      },
      audience,
    ),
  infoPage: (text, audience) =>
    infoPage(
      {
        version: text,
        services: [{ path: text, methods: [text], profile: text, istag: text }],
        blades: [{ name: text, fingerprint: text }],
        startedAt: TIME,
        counters: { [text]: 1 },
      },
      audience,
    ),
};

const FORMS: PageAudience[] = ['html', 'json', 'text'];
const EACH = Object.entries(PAGES);
const EACH_FORM = EACH.flatMap(([name, make]) => FORMS.map((form) => [name, form, make] as const));

const ATTACKS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '</title><script>alert(1)</script>',
  '</style><svg onload=alert(1)>',
  '<!-- ',
  '&lt;script&gt;',
  'javascript:alert(1)',
  'https://x.example/"><script>alert(1)</script>',
  'https://<svg onload=alert(1)>@x.example/',
  '{site}{threat}{__proto__}$&$1',
];

function headersOf(page: Page): Map<string, string> {
  const pairs: [string, string][] = [];
  for (let at = 0; at < page.headers.length; at += 2) {
    pairs.push([page.headers[at]!.toLowerCase(), page.headers[at + 1]!]);
  }
  return new Map(pairs);
}

/** Names of the elements, and `name="` of the attributes, in the order of the document. */
function structureOf(page: Page): string[] {
  const markup = page.body.toString().replace(/<style>[^]*?<\/style>/, '');
  return [...markup.matchAll(/<(\/?[a-z!][^\s>]*)((?:\s+[a-z-]+(?:="[^"]*")?)*)\s*\/?>/gi)].map(
    ([, name, attributes]) => `${name} ${(attributes ?? '').replace(/="[^"]*"/g, '').trim()}`,
  );
}

describe.each(EACH_FORM)('%s as %s', (_name, form, make) => {
  const page = make('EICAR', form);
  const fields = headersOf(page);

  test('declares its type, its charset and its length in bytes', () => {
    const types = { html: 'text/html', json: 'application/json', text: 'text/plain' };
    expect(fields.get('content-type')).toBe(`${types[form]}; charset=utf-8`);
    expect(fields.get('content-length')).toBe(String(page.body.length));
    expect(page.body.toString()).toContain('EICAR');
  });

  test('is not stored, not sniffed and may load nothing', () => {
    expect(fields.get('cache-control')).toBe('no-store');
    expect(fields.get('x-content-type-options')).toBe('nosniff');
    expect(fields.get('content-security-policy')).toContain("default-src 'none'");
  });

  test('has only printable ASCII in its status line and fields, whatever it is given', () => {
    const hostile = make('a\r\nSet-Cookie: x=1\u2028é', form);
    for (const text of [hostile.reason, ...hostile.headers]) expect(text).toMatch(/^[\x20-\x7e]*$/);
    expect(hostile.headers).toHaveLength(page.headers.length);
  });

  test('stays below 64 KiB when each value is 1 MB long', () => {
    expect(make('<'.repeat(1_000_000), form).body.length).toBeLessThan(64 * 1024);
  });

  test('shows control and bidi characters instead of obeying them', () => {
    const body = make('a\u202eb\u0007c\u0000\u200bd', form).body.toString();
    expect(body).not.toMatch(/[\u202e\u0007\u0000\u200b]/);
    expect(body).toContain('u202e');
  });
});

describe.each(EACH)('%s as HTML', (_name, make) => {
  const body = make('EICAR', 'html').body.toString();

  test.each(ATTACKS)('keeps the structure of the document under %j', (attack) => {
    expect(structureOf(make(attack, 'html'))).toEqual(structureOf(make('harmless', 'html')));
    expect(make(attack, 'html').body.toString()).not.toMatch(/<script|<img|<svg onload|onmouseover='/i);
  });

  test('allows exactly its own style sheet', () => {
    const style = /<style>([^]*?)<\/style>/.exec(body)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headersOf(make('x', 'html')).get('content-security-policy')).toContain(
      `style-src 'sha256-${hash}'`,
    );
    expect(body).not.toMatch(/ style="/);
  });

  test('has no script, no link, no form and nothing to fetch', () => {
    expect(body).not.toMatch(
      /<(?:script|a|form|iframe|img|link|object)\b|\b(?:src|href|action)=|url\(|@import/i,
    );
  });

  test('has a language, a title, one main landmark and headings in order', () => {
    expect(body).toMatch(/^<!doctype html>\s*<html lang="en" dir="ltr">/);
    expect(body).toMatch(/<title>[^<]+ – Weir<\/title>/);
    expect(body.match(/<main>/g)).toHaveLength(1);
    const headings = [...body.matchAll(/<h([1-6])/g)].map(([, level]) => level).join('');
    expect(headings).toMatch(/^12+$/);
    for (const [, id] of body.matchAll(/aria-labelledby="(\w+)"/g)) expect(body).toContain(`id="${id!}"`);
  });
});

describe.each(EACH)('%s as JSON', (_name, make) => {
  test.each(ATTACKS)('stays well-formed under %j, without a `<`', (attack) => {
    const text = make(attack, 'json').body.toString();
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(text).not.toContain('<');
  });
});

describe.each(EACH)('%s as text', (_name, make) => {
  test('cannot be made to show a forged line', () => {
    const body = make('x\nIncident: W-FORGED', 'text').body.toString();
    expect(body).not.toMatch(/^Incident: W-FORGED/m);
  });
});

/** Contrast ratio of two `#rrggbb` colours, WCAG 2.2. */
function contrast(one: string, other: string): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe.each<[string, Palette]>([
  ['light', LIGHT],
  ['dark', DARK],
])('the %s palette', (_name, palette) => {
  test.each(['text', 'muted', 'block', 'error', 'info', 'brand'] as const)('%s can be read (AA)', (use) => {
    expect(contrast(palette[use], palette.panel)).toBeGreaterThanOrEqual(4.5);
    expect(contrast(palette[use], palette.ground)).toBeGreaterThanOrEqual(4.5);
  });
});

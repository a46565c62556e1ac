// The page shown while something is being inspected, in its three forms.

import { describe, expect, test } from '@jest/globals';
import { fieldValue } from '../../src/icap/codec/fields.ts';
import { patienceFacts, patiencePage, type PatiencePageInput } from '../../src/pages/index.ts';

const input = (more: Partial<PatiencePageInput> = {}): PatiencePageInput => ({
  url: 'https://files.example/a/tool%20box.zip?x=1',
  ...{ received: 1536, total: 3072, complete: false, elapsedMs: 65_400 },
  next: 'https://files.example/a/tool%20box.zip?x=1&weir-waiting=AAAAAAAAAAAAAAAAAAAAAA',
  ...{
    state: '/.well-known/weir/waiting/AAAAAAAAAAAAAAAAAAAAAA',
    script: '/.well-known/weir/waiting.js',
    seconds: 5,
  },
  ...more,
});

/** The page with single spaces. */
const text = (page: { body: Buffer }): string => page.body.toString().replace(/\s+/g, ' ');

describe('for a browser', () => {
  test('says what comes from where, how far it is, and reloads without scripts', () => {
    const page = patiencePage(input(), 'html');
    expect(page.status).toBe(200);
    expect(text(page)).toContain('files.example');
    expect(text(page)).toContain('tool box.zip');
    expect(text(page)).toContain('1.5 KiB of 3.0 KiB');
    expect(text(page)).toContain('1 min 5 s');
    expect(text(page)).toMatch(/<progress id="bar" max="1" value="0\.5" aria-label="Received" ?>/);
    expect(text(page)).toContain(
      '<noscript><meta http-equiv="refresh" content="5; url=https://files.example/a/tool%20box.zip?x=1&amp;weir-waiting=',
    );
  });

  test('runs the script of its own origin and nothing else, and is not kept', () => {
    const { headers, body } = patiencePage(input(), 'html');
    expect(fieldValue(headers, 'content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; script-src 'self'; connect-src 'self'$/,
    );
    expect(fieldValue(headers, 'cache-control')).toBe('no-store');
    expect(fieldValue(headers, 'content-length')).toBe(String(body.length));
    expect(body.toString()).not.toMatch(/<script>|\son\w+=|style="/);
  });

  test('of unknown length, or when all has come, shows a bar without an end', () => {
    for (const more of [{ total: null }, { complete: true }]) {
      expect(text(patiencePage(input(more), 'html'))).toContain(
        '<progress id="bar" max="1" aria-label="Received"',
      );
    }
  });

  test.each([
    ['markup', 'https://files.example/<script>alert(1)</script>.zip'],
    ['quotes', 'https://files.example/"onload="x.zip'],
    ['an escape that is none', 'https://files.example/%E0%A4%A.zip'],
    ['what turns the text round', 'https://files.example/%E2%80%AEexe.zip'],
  ])('a name with %s stays text', (_, url) => {
    const shown = text(patiencePage(input({ url, next: url }), 'html'));
    expect(shown).not.toMatch(/<script>|"onload="x|\u202e/);
  });
});

describe('for programs', () => {
  test('is 202 with where and when to ask again', () => {
    const page = patiencePage(input(), 'text');
    expect([page.status, page.reason]).toEqual([202, 'Accepted']);
    expect(fieldValue(page.headers, 'retry-after')).toBe('5');
    expect(fieldValue(page.headers, 'location')).toBe(input().next);
    expect(text(page)).toContain(`Ask again in 5 s at ${input().next}`);
  });

  test('is data for who reads JSON', () => {
    expect(JSON.parse(text(patiencePage(input(), 'json')))).toMatchObject({
      ...{ state: 'receiving', received: 1536, total: 3072, retryAfter: 5, next: input().next },
    });
  });
});

test.each([
  [0, null, 999, '0 B', '0 s'],
  [1023, null, 59_999, '1023 B', '59 s'],
  [5 * 2 ** 30, 6 * 2 ** 30, 3_725_000, '5.0 GiB of 6.0 GiB', '1 h 2 min'],
])('%i bytes of %p after %i ms read "%s" and "%s"', (received, total, elapsedMs, size, time) => {
  expect(patienceFacts(input({ received, total, elapsedMs })).words).toMatchObject({
    received: size,
    elapsed: time,
  });
});

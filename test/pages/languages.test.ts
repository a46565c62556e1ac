// Pages in the language of their reader: which one that is, that every catalogue has every text with every
// mark, and that names are the same in all.

import { describe, expect, test } from '@jest/globals';
import { ERRORS } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { blockPage, errorPage, languageOf, patiencePage } from '../../src/pages/index.ts';
import type { PageAudience } from '../../src/pages/index.ts';
import { CATALOGUES, ENGLISH, errorTextOf } from '../../src/pages/texts.ts';
import type { Catalogue } from '../../src/pages/texts.ts';

const LANGUAGES = ['en', 'de', 'fr', 'es', 'ja', 'zh'];
const OTHERS = [...CATALOGUES].filter(([name]) => name !== 'en');
const FORMS: PageAudience[] = ['html', 'json', 'text'];

function marksOf(text: string): string[] {
  return [...text.matchAll(/\{\w+\}/g)].map(([mark]) => mark).sort();
}

describe('the language of a reader', () => {
  test.each([
    ['de', 'de'],
    ['de-AT', 'de'],
    ['FR', 'fr'],
    ['fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5', 'fr'],
    ['en-US,en;q=0.5', 'en'],
    ['ja,en-US;q=0.7,en;q=0.3', 'ja'],
    ['zh-CN,zh;q=0.9', 'zh'],
    ['zh-Hant-TW', 'zh'],
    ['nl, es;q=0.4', 'es'],
    ['nl', 'en'],
    ['de;q=0', 'en'],
    ['de;q=0.3, es;q=0.8', 'es'],
    ['es, de', 'es'],
    ['*', 'en'],
    ['', 'en'],
    ['de;q=2', 'en'],
    ['de;level=1', 'en'],
    ['d\u00e9', 'en'],
    [`${'xx,'.repeat(1000)}de`, 'en'],
    ['constructor', 'en'],
  ])('%j is %s', (field, language) => {
    expect(languageOf(['Host', 'a', 'accept-Language', field]).language).toBe(language);
  });

  test('is English for who does not say, and the first of several fields counts as well as the others', () => {
    expect(languageOf(null)).toBe(ENGLISH);
    expect(languageOf(['Host', 'a'])).toBe(ENGLISH);
    expect(languageOf(['Accept-Language', 'nl', 'Accept-Language', 'de']).language).toBe('de');
  });
});

test('there are these languages', () => {
  expect([...CATALOGUES.keys()]).toEqual(LANGUAGES);
  for (const [name, { language }] of CATALOGUES) expect(language).toBe(name);
});

describe.each(OTHERS)('the catalogue %s', (_name, { texts, errors }: Catalogue) => {
  const english = Object.entries(ENGLISH.texts).filter(([id]) => !id.startsWith('info.'));

  test('has every text that users see, none empty, each with the marks of the English one', () => {
    expect(Object.keys(texts).sort()).toEqual(english.map(([id]) => id).sort());
    for (const [id, text] of english) {
      const translated = texts[id as 'page.maker'];
      expect([id, translated.trim() !== '', marksOf(translated)]).toEqual([id, true, marksOf(text)]);
    }
  });

  test('has every error, with what the user can do', () => {
    expect(Object.keys(errors).sort()).toEqual(Object.keys(ENGLISH.errors).sort());
    for (const [code, { title, lead, help }] of Object.entries(errors)) {
      expect([code, title !== '', help !== undefined, marksOf(lead)]).toEqual([
        code,
        true,
        true,
        marksOf(ENGLISH.errors[code]!.lead),
      ]);
    }
  });

  test('says no sentence in English', () => {
    // Labels may be the same word in two languages; sentences and titles are not.
    const same = english.filter(([id, text]) => texts[id as 'page.maker'] === text && text.includes(' '));
    expect(same.filter(([id]) => id !== 'certificate.fingerprint')).toEqual([]);
  });

  test('has a text for every code that there is', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(errorTextOf(code, { texts, errors } as Catalogue).title).not.toBe('');
    }
  });
});

describe.each([...CATALOGUES])('pages in %s', (name, words) => {
  test.each(FORMS)('keep threats, codes and incidents as they are, as %s', (form) => {
    const time = new Date('2026-07-30T14:03:22Z');
    const url = 'https://site.example/a';
    const blocked = blockPage(
      {
        threat: 'Eicar-Test-Signature',
        blade: 'antivirus',
        severity: 'high',
        reason: 'x',
        incident: 'W-1',
        time,
        url,
        method: 'GET',
        direction: 'response',
      },
      form,
      words,
    );
    const failed = errorPage(
      {
        status: 502,
        reason: 'Bad Gateway',
        code: 'ERR_ORIGIN_DNS',
        message: 'm',
        remedy: 'r',
        incident: 'W-2',
        time,
        url,
      },
      form,
      words,
    );
    const bodies = [blocked, failed].map(({ body }) => body.toString());
    expect(bodies[0]).toContain('Eicar-Test-Signature');
    expect(bodies[0]).toContain('W-1');
    expect(bodies[1]).toContain('ERR_ORIGIN_DNS');
    expect(bodies.every((body) => body.includes('site.example'))).toBe(true);
    for (const { headers } of [blocked, failed]) {
      expect(headers[headers.indexOf('Content-Language') + 1]).toBe(name);
    }
    if (form === 'html')
      expect(bodies.every((body) => body.includes(`<html lang="${name}" dir="ltr">`))).toBe(true);
    if (form === 'json')
      expect(JSON.parse(bodies[1]!)).toMatchObject({ error: 'ERR_ORIGIN_DNS', incident: 'W-2' });
    else expect(bodies[1]).toContain(errorTextOf('ERR_ORIGIN_DNS', words).title.replaceAll("'", '&#39;'));
  });

  test('say how a wait goes on', () => {
    const page = patiencePage(
      {
        url: 'https://site.example/a.zip',
        received: 512,
        total: 1024,
        complete: false,
        elapsedMs: 3000,
        next: 'https://site.example/n',
        state: '/s',
        script: '/x',
        seconds: 2,
      },
      'text',
      words,
    );
    expect(page.body.toString()).toContain(words.texts['wait.title']);
    expect(page.body.toString()).not.toContain('{');
  });
});

import { describe, expect, test } from '@jest/globals';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { errorPage, type ErrorPageInput } from '../../src/pages/index.ts';

const INPUT: ErrorPageInput = {
  status: 502,
  reason: 'Bad Gateway',
  code: 'ERR_ORIGIN_DNS',
  message: 'getaddrinfo ENOTFOUND nowhere.example',
  remedy: 'Check the spelling of the host name.',
  incident: 'W-1KYSNCG0GCA5N',
  time: new Date('2026-07-30T14:03:22Z'),
  url: 'https://nowhere.example/',
};

function textFor(change: Partial<ErrorPageInput>): string {
  return errorPage({ ...INPUT, ...change }, 'text').body.toString();
}

describe('errorPage', () => {
  test('answers with the given status, and the page names it with code, incident, time and remedy', () => {
    const page = errorPage(INPUT, 'html');
    expect([page.status, page.reason]).toEqual([502, 'Bad Gateway']);
    const body = page.body.toString();
    for (const fact of [
      'This site was not found',
      'nowhere.example',
      '502 Bad Gateway',
      'ERR_ORIGIN_DNS',
      'getaddrinfo ENOTFOUND',
      'W-1KYSNCG0GCA5N',
      '2026-07-30 14:03:22 UTC',
      'Check the spelling of the host name.',
    ]) {
      expect(body).toContain(fact);
    }
  });

  test('says that content was not delivered when it could not be inspected, and only then', () => {
    const said = 'The content was not delivered, because it could not be inspected.';
    for (const form of ['html', 'text'] as const) {
      expect(errorPage({ ...INPUT, failClosed: true }, form).body.toString()).toContain(said);
      expect(errorPage(INPUT, form).body.toString()).not.toContain(said);
    }
  });

  test('gives programs the code, the remedy and whether content was withheld', () => {
    const page = errorPage({ ...INPUT, code: 'ERR_ADAPT_UNAVAILABLE', failClosed: true }, 'json');
    expect(JSON.parse(page.body.toString())).toMatchObject({
      error: 'ERR_ADAPT_UNAVAILABLE',
      status: 502,
      remedy: INPUT.remedy,
      incident: INPUT.incident,
      failClosed: true,
    });
  });

  test.each(Object.keys(ERRORS) as ErrorCode[])('has words for %s and still shows its remedy', (code) => {
    const text = textFor({ code, remedy: ERRORS[code].remedy });
    expect(text).toMatch(/^[A-Z][^\n]+\n\n[A-Z][^\n]+\.\n/);
    expect(text).not.toMatch(/\{\w+\}/);
    expect(text).toContain(ERRORS[code].remedy);
  });

  test.each([
    ['ERR_ORIGIN_UNREACHABLE', 'This site cannot be reached'],
    ['ERR_ORIGIN_UNTRUSTED', 'This site’s identity cannot be verified'],
    ['ERR_ORIGIN_RESPONSE', 'This site’s answer cannot be used'],
    ['ERR_ADAPT_PROTOCOL', 'The content could not be inspected'],
    ['ERR_SCAN_UNAVAILABLE', 'The content could not be inspected'],
    ['ERR_PROXY_LOOP', 'The request is going in circles'],
    ['ERR_PROXY_DENIED', 'This address is not allowed'],
    ['ERR_HTTP_FRAMING', 'The request was not understood'],
    ['ERR_SPOOL', 'Something went wrong'],
  ] as const)('is titled for %s: %s', (code, title) => {
    expect(textFor({ code }).split('\n')[0]).toBe(title);
  });

  test('tells the user to try again, and the help desk what to mend, when inspection is down', () => {
    const text = textFor({ code: 'ERR_ADAPT_UNAVAILABLE', remedy: 'Check that the ICAP server runs.' });
    expect(text).toContain('- Try again in a few minutes.');
    expect(text).toMatch(/^Remedy: +Check that the ICAP server runs\.$/m);
  });

  test.each([0, 200, 302, 600, 404.5, NaN])('answers 502 instead of the impossible status %d', (status) => {
    expect(errorPage({ ...INPUT, status }, 'html').status).toBe(502);
  });

  test('speaks of `the site` where the address names none', () => {
    expect(textFor({ url: '' })).toContain('No address is known for the site.');
    expect(textFor({ url: 'javascript:alert(1)', code: 'ERR_ORIGIN_TIMEOUT' })).toContain('from the site');
  });
});

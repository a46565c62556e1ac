import { describe, expect, test } from '@jest/globals';
import { audienceOf } from '../../src/pages/index.ts';

const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
const NPM = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
const PIP =
  'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01';
const DOCKER =
  'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, */*';

describe('audienceOf', () => {
  test.each([
    ['a browser', CHROME, 'html'],
    ['curl', '*/*', 'html'],
    ['apt', 'text/*', 'html'],
    ['an image element', 'image/avif,image/webp,*/*;q=0.8', 'html'],
    ['npm', NPM, 'json'],
    ['pip', PIP, 'json'],
    ['docker', DOCKER, 'json'],
    ['axios', 'application/json, text/plain, */*', 'json'],
    ['jQuery', 'application/json, text/javascript, */*; q=0.01', 'json'],
    ['a problem+json client', 'application/problem+json', 'json'],
    ['a client that names plain text first', 'text/plain, application/json', 'text'],
    ['a client that wants plain text', 'text/plain', 'text'],
    ['a client that likes anything better than JSON', 'application/json;q=0.5, */*', 'html'],
    ['a client that refuses JSON', 'application/json;q=0', 'html'],
    ['a client that likes JSON less than HTML', 'application/json;q=0.8, text/html', 'html'],
    ['a client that names HTML before JSON', 'text/html, application/json', 'html'],
    ['a client that refuses HTML by name', 'text/html;q=0, */*, application/json;q=0.1', 'json'],
    ['a client that accepts none of the forms', 'video/mp4', 'html'],
    ['an empty field', '', 'html'],
    ['a malformed weight', 'application/json;q=banana', 'json'],
    ['a weight above one', 'text/html;q=0.9, application/json;q=9', 'json'],
    ['upper case', 'APPLICATION/JSON', 'json'],
  ])('answers %s (%s) with %s', (_who, accept, form) => {
    expect(audienceOf(['Host', 'example.com', 'aCCept', accept])).toBe(form);
  });

  test('answers HTML where there is no Accept, no header or no request', () => {
    expect(audienceOf(['Host', 'example.com'])).toBe('html');
    expect(audienceOf([])).toBe('html');
    expect(audienceOf(null)).toBe('html');
  });

  test('reads several Accept fields as one', () => {
    expect(audienceOf(['Accept', 'image/png', 'Accept', 'application/json'])).toBe('json');
  });

  test('does not read beyond its limits', () => {
    const long = `${'a/b;q=0.1,'.repeat(100_000)}application/json`;
    const begin = performance.now();
    for (let n = 0; n < 100; n++) expect(audienceOf(['Accept', long])).toBe('html');
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});

// Whether an object that is kept may be used, as the fields of requests and responses say.

import { describe, expect, test } from '@jest/globals';
import {
  ageOf,
  credentialsOf,
  isForEverybody,
  isSameObject,
  reuseOf,
  varyingValues,
} from '../../../src/proxy/ranges/validators.ts';

const SECOND = 1000;
const TAG = ['ETag', '"a"'];
const cacheControl = (value: string): string[] => ['Cache-Control', value];

describe('an object that is kept', () => {
  test.each([
    ['fresh by max-age', cacheControl('max-age=60'), [], 'serve'],
    ['fresh for caches that serve many', cacheControl('max-age=0, s-maxage=60'), [], 'serve'],
    ['stale by max-age', [...cacheControl('max-age=5'), ...TAG], [], 'validate'],
    ['stale for its age before', [...cacheControl('max-age=60'), 'Age', '55', ...TAG], [], 'validate'],
    ['stale without validator', cacheControl('max-age=5'), [], 'fetch'],
    ['fresh by Expires', ['Date', date(0), 'Expires', date(60)], [], 'serve'],
    ['stale by Expires', ['Date', date(0), 'Expires', date(5), ...TAG], [], 'validate'],
    ['stale by an Expires that is no date', ['Expires', '0', ...TAG], [], 'validate'],
    ['with a tag and nothing else', TAG, [], 'validate'],
    ['with a date and nothing else', ['Last-Modified', date(-60)], [], 'validate'],
    ['with nothing', [], [], 'serve'],
    ['that must be validated', [...cacheControl('no-cache, max-age=60'), ...TAG], [], 'validate'],
    ['not to be stored', cacheControl('no-store'), [], 'fetch'],
    [
      'not wanted from a cache',
      [...cacheControl('max-age=60'), ...TAG],
      cacheControl('no-cache'),
      'validate',
    ],
    ['not wanted old', cacheControl('max-age=60'), cacheControl('max-age=0'), 'fetch'],
    ['not wanted, as HTTP/1.0 says it', cacheControl('max-age=60'), ['Pragma', 'no-cache'], 'fetch'],
  ])('%s', (_name, object, request, reuse) => {
    const receivedAt = Date.parse(date(0));
    expect(reuseOf(object, receivedAt, request, receivedAt + 10 * SECOND)).toBe(reuse);
  });

  test('has an age that goes on', () => {
    expect(ageOf([], 0, 2500)).toBe(2);
    expect(ageOf(['Age', '7'], 0, 2500)).toBe(9);
    expect(ageOf(['Age', 'x'], 0, 2500)).toBe(2);
  });

  test.each([
    [[], [], true],
    [['Authorization', 'Basic eA=='], [], false],
    [['Cookie', 'a=b'], [], false],
    [[], ['Set-Cookie', 'a=b'], false],
    [[], cacheControl('private'), false],
    [[], cacheControl('public, private="x"'), false],
    [[], cacheControl('no-store'), false],
    [[], cacheControl('public'), true],
  ])('asked for with %j and sent with %j is for everybody: %s', (request, response, expected) => {
    expect(isForEverybody(request, response)).toBe(expected);
  });

  test('is the same only by a strong tag', () => {
    expect(isSameObject(TAG, TAG)).toBe(true);
    expect(isSameObject(TAG, ['ETag', '"b"'])).toBe(false);
    expect(isSameObject(['ETag', 'W/"a"'], ['ETag', 'W/"a"'])).toBe(false);
    expect(isSameObject([], [])).toBe(false);
  });
});

test('credentials are compared without being kept', () => {
  const one = credentialsOf(['Cookie', 'secret=1']);
  expect(one).not.toContain('secret');
  expect(one).not.toBe(credentialsOf(['Cookie', 'secret=2']));
  expect(one).not.toBe(credentialsOf(['Authorization', 'secret=1']));
  expect(credentialsOf(['Accept', '*/*'])).toBe('');
});

test('what Vary names is compared as a whole', () => {
  const vary = ['Vary', 'Accept, X-Kind'];
  expect(varyingValues(vary, ['accept', 'a', 'X-Kind', 'b'])).toBe(
    varyingValues(vary, ['X-Kind', 'b', 'Accept', 'a']),
  );
  expect(varyingValues(vary, ['Accept', 'a'])).not.toBe(varyingValues(vary, []));
  expect(varyingValues(['Vary', '*'], [])).toBeNull();
  expect(varyingValues([], ['Accept', 'a'])).toBe('');
});

/** An HTTP date so many seconds after a moment. */
function date(seconds: number): string {
  return new Date(Date.UTC(2025, 0, 1) + seconds * SECOND).toUTCString();
}

import { describe, expect, test } from '@jest/globals';
import { parseIcapUrl, requestStart, targetUrl } from '../../../src/icap/probe/target.ts';

describe('parseIcapUrl', () => {
  test('C-03 the port is 1344 for icap and 11344 for icaps unless given', () => {
    expect(parseIcapUrl('icap://scan.test/av')).toMatchObject({
      host: 'scan.test',
      port: 1344,
      secure: false,
    });
    expect(parseIcapUrl('ICAPS://scan.test/av')).toMatchObject({ port: 11344, secure: true });
    expect(parseIcapUrl('icap://scan.test:/av').port).toBe(1344);
    expect(parseIcapUrl('icap://[::1]:99/av')).toMatchObject({ host: '::1', port: 99 });
  });

  test('C-05 path and query are kept as they are, and a missing path is /', () => {
    expect(parseIcapUrl('icap://h/a/B?x=1&y').path).toBe('/a/B?x=1&y');
    expect(parseIcapUrl('icap://h').path).toBe('/');
  });

  test('a Unix socket stands in for host and port', () => {
    expect(parseIcapUrl('icap+unix:/run/icap.sock?/av?x=1')).toMatchObject({
      socketPath: '/run/icap.sock',
      path: '/av?x=1',
    });
    expect(() => parseIcapUrl('icap+unix:run/x')).toThrow(/icap\+unix:\/path\/of\.sock\?\/service/);
  });

  test('C-04 user and password become Authorization and leave the URL', () => {
    const target = parseIcapUrl('icap://al%40x:s%3Acret@h/av');
    expect(target).toMatchObject({ user: 'al@x', password: 's:cret' });
    const start = requestStart('OPTIONS', target);
    expect(start).toContain(`Authorization: Basic ${Buffer.from('al@x:s:cret').toString('base64')}\r\n`);
    expect(start.split('\r\n')[0]).toBe('OPTIONS icap://h:1344/av ICAP/1.0');
    expect(targetUrl(target)).toBe('icap://h:1344/av');
  });

  test.each([
    ['', /empty/],
    ['scan.test:1344/av', /no scheme; try icap:\/\/scan\.test:1344\/av/],
    ['http://scan.test/av', /scheme is http; use icap:/],
    ['icap:///av', /names no host/],
    ['icap://h:70000/', /70000 is no port/],
    ['icap://h:0/', /0 is no port/],
    ['icap://h:1x/', /port is not a number/],
    ['icap://::1/av', /must stand in brackets/],
    ['icap://h/a b', /blanks or characters/],
    ['icap://h/a\r\nX: y', /blanks or characters/],
    ['icap://h/a#top', /fragment/],
    ['icap://u:%zz@h/', /two hexadecimal digits/],
    ['icap://a..b/', /host is not a name/],
  ])('%j is refused with what is wrong', (text, reason) => {
    let thrown: unknown = null;
    try {
      parseIcapUrl(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'ERR_CONFIG_VALUE', message: expect.stringMatching(reason) });
  });

  test('a password is never shown', () => {
    expect(() => parseIcapUrl('icap://me:hunter2@h:0/')).toThrow(/^(?!.*hunter2)/);
  });
});

test('fields of the caller take the place of the usual ones of the same name', () => {
  const start = requestStart('OPTIONS', parseIcapUrl('icap://h/av'), ['host', 'other', 'X-A', '1']);
  expect(start).toMatch(/^OPTIONS \S+ ICAP\/1\.0\r\nUser-Agent: \S+\r\nhost: other\r\nX-A: 1\r\n$/);
});

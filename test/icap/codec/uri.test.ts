import { expect, test } from '@jest/globals';
import { isIcapUri, serviceArguments, servicePath } from '../../../src/icap/codec/uri.ts';

test.each([
  'icap://h/s',
  'ICAP://h/s',
  'icaps://h/s',
  'icap://h',
  'icap://h?mode=x',
  'icap://h:1344/s',
  'icap://192.0.2.1:1344/s/t?u',
  'icap://[2001:db8::1]:1344/s',
  'icap://under_score.test/s',
])('C-02 takes %s for an absolute ICAP URI', (uri) => {
  expect(isIcapUri(uri)).toBe(true);
});

test.each([
  '/svc',
  '*',
  'h:1344',
  'h/s',
  'http://h/s',
  'icap:/h/s',
  'icap://',
  'icap:///s',
  'icap://?q',
  'icap://:1344/s',
  'icap://h:port/s',
  'icap://h:123456/s',
  'icap://[h/s',
  'icap://h s',
])('C-02 refuses %s', (uri) => {
  expect(isIcapUri(uri)).toBe(false);
});

test('C-03 takes an empty port as well as none', () => {
  expect(isIcapUri('icap://h:/s')).toBe(true);
  expect(servicePath('icap://h:/s')).toBe('/s');
});

test('C-04 finds the service behind user information', () => {
  expect(isIcapUri('icap://user:pa:ss@h:1344/s')).toBe(true);
  expect(servicePath('icap://user:pass@h/s?x')).toBe('/s');
});

test.each([
  ['icap://h', '/', ''],
  ['icap://h/', '/', ''],
  ['icap://h?a=/b', '/', 'a=/b'],
  ['icap://h/s', '/s', ''],
  ['icap://h/s/', '/s', ''],
  ['icap://h/s//', '/s/', ''],
  ['icap://h/S', '/S', ''],
  ['icap://h/s?', '/s', ''],
  ['icap://h/s/?a=1?b', '/s', 'a=1?b'],
  ['icap://h/a/b?x', '/a/b', 'x'],
])('C-05 reads %s as service %s with arguments "%s"', (uri, path, args) => {
  expect(servicePath(uri)).toBe(path);
  expect(serviceArguments(uri)).toBe(args);
});

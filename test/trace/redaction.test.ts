import { expect, test } from '@jest/globals';
import { keptFields, keptHeadLines, keptUrl } from '../../src/trace/redaction.ts';

test.each([
  'Authorization',
  'Proxy-Authorization',
  'cookie',
  'Set-Cookie',
  'Authentication-Info',
  'X-Api-Key',
  'X-CSRF-Token',
  'X-Amz-Security-Token',
  'X-Session-Id',
])('the value of %s is not kept, its name is', (name) => {
  expect(keptFields([name, 'hidden'])).toEqual([[name, '[redacted]']]);
  expect(keptHeadLines(`OPTIONS icap://x/ ICAP/1.0\r\n${name}: hidden\r\n\r\n`)[1]).toBe(
    `${name}: [redacted]`,
  );
});

test('user and password go from URLs wherever they stand', () => {
  expect(keptUrl('http://joe:hidden@site.test/a@b')).toBe('http://[redacted]@site.test/a@b');
  expect(keptFields(['Referer', 'see https://joe:hidden@site.test/'])).toEqual([
    ['Referer', 'see https://[redacted]@site.test/'],
  ]);
  expect(keptHeadLines('REQMOD icap://joe:hidden@icap.test/av ICAP/1.0\r\n\r\n')).toEqual([
    'REQMOD icap://[redacted]@icap.test/av ICAP/1.0',
  ]);
});

test('an address with an @ in its path is left as it is', () => {
  expect(keptUrl('https://site.test/@joe')).toBe('https://site.test/@joe');
});

test('of an ICAP message only its own header is kept, nothing of what it encapsulates', () => {
  const lines = keptHeadLines(
    'REQMOD icap://x/ ICAP/1.0\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nCookie: hidden\r\n\r\n',
  );
  expect(lines).toEqual(['REQMOD icap://x/ ICAP/1.0', 'Host: x']);
});

test('fields beyond the sixty-fourth are counted, and a value is cut at 512 characters', () => {
  const many = Array.from({ length: 70 }, (_, index) => [`X-${index}`, 'v'.repeat(600)]).flat();
  const kept = keptFields(many);
  expect(kept).toHaveLength(65);
  expect(kept.at(-1)).toEqual(['…', '6 more']);
  expect(kept[0]![1]).toBe(`${'v'.repeat(512)}…`);
});

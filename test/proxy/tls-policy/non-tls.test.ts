import { describe, expect, test } from '@jest/globals';
import { judgeNonTls, type NonTls } from '../../../src/proxy/tls-policy/non-tls.ts';

/** What becomes of these bytes: `http`, `tunnel`, `more`, or the code of the error that closes the tunnel. */
function judged(policy: NonTls, text: string, isLast = false): string {
  const verdict = judgeNonTls(policy, Buffer.from(text, 'latin1'), isLast);
  if (verdict === null) return 'more';
  return typeof verdict === 'object' ? verdict.code : verdict;
}

test('http inspects what begins with a method, and closes anything else', () => {
  expect(judged('http', 'GET / HTTP/1.1\r\n')).toBe('http');
  expect(judged('http', 'PROPF')).toBe('more');
  expect(judged('http', 'PROPF', true)).toBe('ERR_TLS_CLIENT_HELLO');
  expect(judged('http', 'SSH-2.0-OpenSSH_9.2\r\n')).toBe('ERR_TLS_CLIENT_HELLO');
});

test('terminate closes whatever comes', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'SSH-2.0-x\r\n'])
    expect(judged('terminate', text)).toBe('ERR_PROXY_DENIED');
});

describe('tunnel', () => {
  test.each([
    ['an HTTP request', 'GET / HTTP/1.1\r\n'],
    ['one behind empty lines', '\r\n\r\nPOST /a HTTP/1.0\r\n'],
    ['one with a method of its own', 'M-SEARCH * HTTP/1.1\r\n'],
    ['one in small letters, which would be refused', 'get / HTTP/1.1\n'],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ])('inspects %s', (_, text) => expect(judged('tunnel', text)).toBe('http'));

  test.each([
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['SMTP, which begins like HTTP', 'EHLO mail.test\r\n'],
    ['FTP', 'USER anonymous\r\n'],
    ['XMPP', '<?xml version="1.0"?>'],
    ['binary bytes', '\u0000\u0001\u0002'],
  ])('passes %s', (_, text) => expect(judged('tunnel', text)).toBe('tunnel'));

  test('waits for the whole request line, as long as it may become one', () => {
    const line = 'GET /some/path?query HTTP/1.1\r';
    for (let end = 1; end <= line.length; end++) expect(judged('tunnel', line.slice(0, end))).toBe('more');
    expect(judged('tunnel', 'GET /some/path', true)).toBe('tunnel');
    expect(judged('tunnel', `GET /${'a'.repeat(8200)}`)).toBe('tunnel');
  });
});

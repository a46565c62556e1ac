// From pseudo-header fields to a request line, for what node's library would not let through to us: nothing
// here relies on that it does not.

import { expect, test } from '@jest/globals';
import type { WeirError } from '../../src/errors.ts';
import { DEFAULT_HEAD_LIMITS } from '../../src/http/message-reader.ts';
import { http2Fields } from '../../src/http2/fields.ts';
import { readRequest } from '../../src/http2/request-head.ts';
import { get } from './frame-client.ts';
import type { Fields } from './frame-client.ts';

const read = (fields: Fields, endOfStream = true) =>
  readRequest(fields.flat(), endOfStream, DEFAULT_HEAD_LIMITS);

function refusal(fields: Fields, endOfStream = true): string {
  try {
    read(fields, endOfStream);
    return 'none';
  } catch (error) {
    return (error as WeirError).code;
  }
}

const put = (name: string, value: string): Fields => [
  ...get('/').filter(([field]) => field !== name),
  [name, value],
];

test.each<[string, Fields, string]>([
  ['an upper-case name', get('/', ['X-A', 'b']), 'ERR_HTTP_FIELD'],
  ['a name with a blank', get('/', ['x a', 'b']), 'ERR_HTTP_FIELD'],
  ['an empty name', get('/', ['', 'b']), 'ERR_HTTP_FIELD'],
  ['CR LF in a value', get('/', ['x', 'a\r\nhost: b']), 'ERR_HTTP_FIELD'],
  ['a lone LF in a value', get('/', ['x', 'a\nb']), 'ERR_HTTP_FIELD'],
  ['NUL in a value', get('/', ['x', 'a\0']), 'ERR_HTTP_FIELD'],
  ['a blank before a value', get('/', ['x', ' a']), 'ERR_HTTP_FIELD'],
  ['connection', get('/', ['connection', 'x']), 'ERR_HTTP_FIELD'],
  ['keep-alive', get('/', ['keep-alive', 'x']), 'ERR_HTTP_FIELD'],
  ['proxy-connection', get('/', ['proxy-connection', 'x']), 'ERR_HTTP_FIELD'],
  ['transfer-encoding', get('/', ['transfer-encoding', 'chunked']), 'ERR_HTTP_FIELD'],
  ['upgrade', get('/', ['upgrade', 'h2c']), 'ERR_HTTP_FIELD'],
  ['te: gzip', get('/', ['te', 'gzip, trailers']), 'ERR_HTTP_FIELD'],
  ['two :method', [[':method', 'GET'], ...get('/')], 'ERR_HTTP_REQUEST_LINE'],
  ['a pseudo-header field behind', [...get('/', ['a', 'b']), [':path', '/x']], 'ERR_HTTP_REQUEST_LINE'],
  ['an unknown one', [[':x', 'y'], ...get('/')], 'ERR_HTTP_REQUEST_LINE'],
  ['a name of every object', [[':constructor', 'y'], ...get('/')], 'ERR_HTTP_REQUEST_LINE'],
  ['a method with a blank', [[':method', 'GET /x'], ...get('/').slice(1)], 'ERR_HTTP_REQUEST_LINE'],
  ['a blank in :path', get('/a HTTP/1.1'), 'ERR_HTTP_REQUEST_LINE'],
  ['a line break in :path', get('/a\r\nx'), 'ERR_HTTP_REQUEST_LINE'],
  ['an absolute :path', get('https://other.test/'), 'ERR_HTTP_REQUEST_LINE'],
  ['an empty :path', get(''), 'ERR_HTTP_REQUEST_LINE'],
  ['* of another method than OPTIONS', get('*'), 'ERR_HTTP_REQUEST_LINE'],
  ['a length where nothing follows', get('/', ['content-length', '3']), 'ERR_HTTP_FRAMING'],
  ['two lengths', get('/', ['content-length', '3'], ['content-length', '4']), 'ERR_HTTP_FRAMING'],
  ['a length that is none', get('/', ['content-length', '+3']), 'ERR_HTTP_FRAMING'],
  ['a broken :authority', [...get('/').slice(0, 2), [':authority', 'a b'], [':path', '/']], 'ERR_HTTP_HOST'],
  ['no authority at all', [...get('/').slice(0, 2), [':path', '/']], 'ERR_HTTP_HOST'],
  ['two Host', [...get('/').slice(0, 2), [':path', '/'], ['host', 'a'], ['host', 'a']], 'ERR_HTTP_HOST'],
  ['CONNECT with a path', [[':method', 'CONNECT'], ...get('/').slice(1)], 'ERR_HTTP_REQUEST_LINE'],
])('%s is refused', (_, fields, code) => {
  expect(refusal(fields)).toBe(code);
});

test('OPTIONS * and a Host in the place of :authority are fine', () => {
  const { head } = read([
    [':method', 'OPTIONS'],
    [':scheme', 'https'],
    [':path', '*'],
    ['host', 'a.test'],
  ]);
  expect(head).toMatchObject({ method: 'OPTIONS', target: '*', headers: ['host', 'a.test'] });
});

test('the same Host beside :authority is said once', () => {
  expect(read(get('/', ['host', 'WWW.origin.test'])).head.headers).toEqual(['Host', 'www.origin.test']);
});

test('CONNECT names its target alone', () => {
  const { head, protocol } = read([
    [':method', 'CONNECT'],
    [':authority', 'a.test:443'],
  ]);
  expect([head.method, head.target, protocol]).toEqual(['CONNECT', 'a.test:443', null]);
});

test('an extended CONNECT looks like an upgrade of HTTP/1, with a key (RFC 8441)', () => {
  const fields: Fields = [
    [':protocol', 'websocket'],
    ...put(':method', 'CONNECT').slice(-1),
    ...get('/chat').slice(1),
  ];
  const { head, facts, framing, protocol } = read([...fields, ['sec-websocket-version', '13']], false);
  expect([head.method, head.target, facts.upgrade, framing.kind, protocol]).toEqual([
    ...['GET', '/chat', 'websocket', 'none', 'websocket'],
  ]);
  const key = facts.endToEnd[facts.endToEnd.indexOf('Sec-WebSocket-Key') + 1]!;
  expect(Buffer.from(key, 'base64')).toHaveLength(16);
  expect(facts.endToEnd).not.toContain('connection');
});

test('fields on their way into HTTP/2 are in lower case, once each, without those of a connection', () => {
  const fields = http2Fields([
    ...['Host', 'a', 'Connection', 'x', 'TE', 'gzip', 'Cookie', 'a=1', 'cookie', 'b=2', 'Set-Cookie', 'c'],
    ...['Accept', 'x', 'ACCEPT', 'y', 'X-Folded', 'a\nb', '__proto__', 'p'],
  ]);
  expect(Object.entries(fields)).toEqual([
    ...[
      ['cookie', 'a=1; b=2'],
      ['set-cookie', ['c']],
    ],
    ...[
      ['accept', 'x, y'],
      ['x-folded', 'a b'],
      ['__proto__', 'p'],
    ],
  ]);
});

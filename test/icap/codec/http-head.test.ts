import { describe, expect, test } from '@jest/globals';
import {
  formatRequestHead,
  formatResponseHead,
  parseRequestHead,
  parseResponseHead,
} from '../../../src/icap/codec/http-head.ts';
import { bytes, refusal } from './record.ts';

describe('request heads', () => {
  test.each([
    ['GET http://a.test/x?y HTTP/1.1', 'GET', 'http://a.test/x?y', '1.1'],
    ['GET https://a.test/ HTTP/1.1', 'GET', 'https://a.test/', '1.1'],
    ['GET /x HTTP/1.0', 'GET', '/x', '1.0'],
    ['CONNECT a.test:443 HTTP/1.1', 'CONNECT', 'a.test:443', '1.1'],
    ['OPTIONS * HTTP/1.1', 'OPTIONS', '*', '1.1'],
    ['GET http:// HTTP/1.1', 'GET', 'http://', '1.1'],
    ['X-Odd~Method /\xe4 HTTP/1.1', 'X-Odd~Method', '/\xe4', '1.1'],
  ])('C-27 reads "%s", also without Host', (line, method, target, version) => {
    expect(parseRequestHead(bytes(`${line}\r\n\r\n`))).toEqual({ method, target, version, headers: [] });
  });

  test.each([
    '',
    'GET',
    'GET /',
    'GET  HTTP/1.1',
    'GET / x HTTP/1.1',
    'GET /\tx HTTP/1.1',
    'G(T / HTTP/1.1',
    'GET / HTTP/1.2',
    'GET / HTTP/2.0',
    'GET / http/1.1',
  ])('C-27 answers 400 to "%s" without a crash', (line) => {
    expect(refusal(() => parseRequestHead(bytes(`${line}\r\nHost: a\r\n\r\n`)))).toEqual({
      code: 'ERR_ICAP_SECTION',
      status: 400,
    });
  });

  test('C-26 reads a head without its closing blank line', () => {
    expect(parseRequestHead(bytes('GET / HTTP/1.1\r\nHost: a')).headers).toEqual(['Host', 'a']);
  });

  test('C-27 keeps names, order, doubles and latin-1 bytes', () => {
    const text = 'POST / HTTP/1.1\r\nhOST: a\r\nX: \xe9\xff\r\nX: 2\r\nEmpty: \r\n\r\n';
    expect(formatRequestHead(parseRequestHead(bytes(text)))).toBe(text);
  });

  test.each([
    'GET / HTTP/1.1\nHost: a\r\n\r\n',
    'GET / HTTP/1.1\r\nX: a\0b\r\n\r\n',
    'GET / HTTP/1.1\r\nX: a\rb\r\n\r\n',
  ])('refuses line ends and control characters that two readers may take differently: %j', (text) => {
    expect(refusal(() => parseRequestHead(bytes(text))).code).toBe('ERR_ICAP_SECTION');
  });
});

describe('response heads', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200, 'OK'],
    ['HTTP/1.1 200 ', 200, ''],
    ['HTTP/1.1 200', 200, ''],
    ['HTTP/1.0 404 What is  this?', 404, 'What is  this?'],
    ['HTTP/1.1 999 Odd', 999, 'Odd'],
  ])('reads "%s"', (line, status, reason) => {
    expect(parseResponseHead(bytes(`${line}\r\n\r\n`))).toMatchObject({ status, reason });
  });

  test.each([
    '',
    'HTTP/1.1',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 X',
    'HTTP/1.1  200',
    'HTTP/2 200 OK',
    'ICY 200 OK',
    'GET / HTTP/1.1',
  ])('C-28 refuses "%s" with a typed error', (line) => {
    expect(refusal(() => parseResponseHead(bytes(`${line}\r\nX: y\r\n\r\n`))).code).toBe('ERR_ICAP_SECTION');
  });

  test('joins folded lines', () => {
    expect(parseResponseHead(bytes('HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n')).headers).toEqual(['X', 'a b']);
  });

  test('comes out as it went in', () => {
    const text = 'HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n';
    expect(formatResponseHead(parseResponseHead(bytes(text)))).toBe(text);
  });
});

import { describe, expect, test } from '@jest/globals';
import { parseConnectTarget, splitAbsoluteForm } from '../../src/proxy/request-target.ts';

const both = ['http', 'https'] as const;

describe('splitAbsoluteForm', () => {
  interface Expected {
    readonly host?: string;
    readonly port?: number;
    readonly authority?: string;
    readonly path: string;
  }
  test.each<[string, Expected]>([
    ['http://h.test/', { host: 'h.test', port: 80, authority: 'h.test', path: '/' }],
    ['http://h.test', { host: 'h.test', port: 80, authority: 'h.test', path: '/' }],
    ['http://h.test?q', { host: 'h.test', port: 80, authority: 'h.test', path: '/?q' }],
    [
      'http://h.test:8080/a//b/../c?d=%2F',
      { port: 8080, authority: 'h.test:8080', path: '/a//b/../c?d=%2F' },
    ],
    ['HTTP://H.Test/Path', { host: 'h.test', port: 80, authority: 'H.Test', path: '/Path' }],
    ['https://h.test/x', { host: 'h.test', port: 443, authority: 'h.test', path: '/x' }],
    ['http://[::1]:81/x', { host: '::1', port: 81, authority: '[::1]:81', path: '/x' }],
    ['http://h.test/http://other.test/', { host: 'h.test', path: '/http://other.test/' }],
  ])('splits %s and keeps the bytes of its parts', (text, { host, port, ...rest }) => {
    const split = splitAbsoluteForm(text, 'GET', both)!;
    expect(split).toMatchObject(rest);
    if (host !== undefined) expect(split.target).toMatchObject({ host, serverName: host });
    if (port !== undefined) expect(split.target.port).toBe(port);
    expect(split.target.secure).toBe(text.startsWith('https'));
  });

  test('OPTIONS of a whole server becomes an asterisk', () => {
    expect(splitAbsoluteForm('http://h.test', 'OPTIONS', both)!.path).toBe('*');
    expect(splitAbsoluteForm('http://h.test/', 'OPTIONS', both)!.path).toBe('/');
  });

  test.each(['/path', '*', 'h.test:80', '', '//h.test/x', '1http://h.test/'])(
    '%p is not in absolute form',
    (text) => {
      expect(splitAbsoluteForm(text, 'GET', both)).toBeNull();
    },
  );

  test.each([
    'https://h.test/',
    'ftp://h.test/',
    'http://',
    'http:///x',
    'http://me@h.test/',
    'http://h.test/#x',
    'http://h.test#x',
    'http://h.test:/',
    'http://h.test:0/',
    'http://h test/',
    'http://127.1/',
  ])('%s is refused where only http may be sent', (text) => {
    expect(() => splitAbsoluteForm(text, 'GET', ['http'])).toThrow(
      expect.objectContaining({ code: 'ERR_HTTP_TARGET' }),
    );
  });
});

test('a CONNECT target is a host in lower case and a port that is there', () => {
  expect(parseConnectTarget('H.Test:443')).toEqual({ host: 'h.test', port: 443 });
  expect(parseConnectTarget('[2001:DB8::1]:8443')).toEqual({ host: '2001:db8::1', port: 8443 });
  expect(() => parseConnectTarget('h.test')).toThrow(expect.objectContaining({ code: 'ERR_HTTP_TARGET' }));
});

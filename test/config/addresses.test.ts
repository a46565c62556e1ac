import { BlockList } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import {
  formatListen,
  parseHost,
  parseHostPattern,
  parseIcapUrl,
  parseListen,
  parseNetwork,
  parseTarget,
  parseUrl,
} from '../../src/config/addresses.ts';

const refused = expect.objectContaining({ code: 'ERR_CONFIG_VALUE' });

describe('parseListen', () => {
  test.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:1344', { host: '::1', port: 1344 }],
    ['LocalHost:65535', { host: 'localhost', port: 65_535 }],
  ])('reads %s', (text, address) => {
    expect(parseListen(text)).toEqual(address);
    expect(parseListen(formatListen(address))).toEqual(address);
  });

  test.each([
    [''],
    ['8080'],
    [8080],
    [':8080'],
    ['127.0.0.1'],
    ['127.0.0.1:65536'],
    ['127.0.0.1:-1'],
    ['127.0.0.1:80 '],
    ['::1:8080'],
    ['[127.0.0.1]:80'],
    ['[fe80::1%eth0]:80'],
    ['1.2.3:80'],
    ['a b:80'],
    ['host/x:80'],
    [null],
  ])('refuses %p', (value) => {
    expect(() => parseListen(value)).toThrow(refused);
  });

  test('suggests the loopback address for a mere port', () => {
    expect(() => parseListen(8080)).toThrow(
      expect.objectContaining({ fields: expect.objectContaining({ suggestion: '127.0.0.1:8080' }) }),
    );
  });
});

describe('parseNetwork', () => {
  test('reads addresses and networks of both families, ready for a BlockList', () => {
    const list = new BlockList();
    for (const text of ['10.0.0.0/8', '192.0.2.7', 'FD00::/8', '::1']) {
      const { address, prefix, family } = parseNetwork(text);
      list.addSubnet(address, prefix, family);
    }
    expect(['10.1.2.3', '192.0.2.7', '192.0.2.8'].map((ip) => list.check(ip))).toEqual([true, true, false]);
    expect(['fd12::1', '::1', '::2'].map((ip) => list.check(ip, 'ipv6'))).toEqual([true, true, false]);
  });

  test.each([
    ['10.0.0.0/33'],
    ['::1/129'],
    ['10.0.0/8'],
    ['10.0.0.0/'],
    ['10.0.0.0/a'],
    ['localhost'],
    [''],
    [10],
  ])('refuses %p', (value) => {
    expect(() => parseNetwork(value)).toThrow(refused);
  });
});

describe('host patterns', () => {
  test.each([
    ['*', '*'],
    ['*.Bank.Example', '*.bank.example'],
    ['Host.example.', 'host.example'],
    ['münchen.example', 'xn--mnchen-3ya.example'],
    ['_dmarc.example', '_dmarc.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['[2001:DB8::1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
  ])('reads %s as %s', (text, pattern) => {
    expect(parseHostPattern(text)).toBe(pattern);
  });

  test.each([
    [''],
    ['a.*'],
    ['*bank.example'],
    ['*.192.0.2.1'],
    ['a..b'],
    ['a b'],
    ['host:80'],
    ['a/b'],
    ['http://a'],
    ['-a.example'],
    ['10.0.0'],
    ['0x7f.1'],
    ['0x7f000001'],
    [`${'a'.repeat(64)}.example`],
    ['a\r\nb'],
    ['ä/b'],
    [1],
  ])('refuses %p', (value) => {
    expect(() => parseHostPattern(value)).toThrow(refused);
  });

  test('a target is a network, an address or a pattern; a host to connect to is no pattern', () => {
    expect(parseTarget('169.254.0.0/16')).toMatchObject({ kind: 'network', prefix: 16 });
    expect(parseTarget('::1')).toMatchObject({ kind: 'network', prefix: 128, family: 'ipv6' });
    expect(parseTarget('*.internal')).toEqual({ kind: 'host', pattern: '*.internal' });
    expect(parseHost('Origin.test')).toBe('origin.test');
    expect(() => parseHost('*.internal')).toThrow(refused);
    expect(() => parseTarget('internal/8')).toThrow(refused);
  });
});

describe('parseIcapUrl', () => {
  test('fills in the ports of both schemes', () => {
    expect(parseIcapUrl('icap://scan.example/av')).toEqual({
      secure: false,
      host: 'scan.example',
      port: 1344,
      socketPath: null,
      path: '/av',
      query: '',
      user: null,
      password: null,
      href: 'icap://scan.example:1344/av',
    });
    expect(parseIcapUrl('ICAPS://Scan.Example/av')).toMatchObject({
      secure: true,
      host: 'scan.example',
      port: 11_344,
    });
  });

  test('takes user and password out of the URL', () => {
    expect(parseIcapUrl('icap://us%40er:p%3Aw@[::1]:1345/a/b?c=d')).toEqual({
      secure: false,
      host: '::1',
      port: 1345,
      socketPath: null,
      path: '/a/b',
      query: '?c=d',
      user: 'us@er',
      password: 'p:w',
      href: 'icap://[::1]:1345/a/b?c=d',
    });
  });

  test('reads a Unix socket, the service behind its path', () => {
    expect(parseIcapUrl('icap+unix:/run/c%20icap.sock?/av/respmod?x=1')).toEqual({
      secure: false,
      host: 'localhost',
      port: 1344,
      socketPath: '/run/c icap.sock',
      path: '/av/respmod',
      query: '?x=1',
      user: null,
      password: null,
      href: 'icap+unix:/run/c%20icap.sock?/av/respmod?x=1',
    });
    for (const same of [
      'icap+unix:/run/x',
      'ICAP+UNIX:///run/x',
      'icap+unix:/run/x?',
      'icap+unix:/run/x?/',
    ]) {
      expect(parseIcapUrl(same)).toMatchObject({ socketPath: '/run/x', path: '/', query: '' });
    }
    expect(parseIcapUrl('icap+unix:/run/a%3Fb?/av')).toMatchObject({ socketPath: '/run/a?b' });
  });

  test.each([
    ['icap+unix:'],
    ['icap+unix:run/x'],
    ['icap+unix://host/run/x'],
    ['icap+unix:/run/x?av'],
    ['icap+unix:/run/x y'],
    ['icap+unix:/run/x#y'],
    ['icap+unix:/run/%00'],
    ['icap+unix:/run/%zz'],
    [`icap+unix:/${'x'.repeat(107)}`],
  ])('refuses %p', (value) => {
    expect(() => parseIcapUrl(value)).toThrow(refused);
  });

  test('gives a URL without a path the path /', () => {
    expect(parseIcapUrl('icap://h').path).toBe('/');
  });

  test.each([
    ['http://h/x'],
    ['icap:/h/x'],
    ['icap:///x'],
    ['icap://h:0/x'],
    ['icap://h:99999/x'],
    ['icap://h/x#y'],
    ['icap://h/x y'],
    ['icap://h/x\r\nInjected: 1'],
    ['icap://u%zz@h/x'],
    ['icap://1.2.3/x'],
    ['h:1344/x'],
    [''],
    [null],
  ])('refuses %p', (value) => {
    expect(() => parseIcapUrl(value)).toThrow(refused);
  });

  test('does not repeat a password in its message', () => {
    expect(() => parseIcapUrl('icap://user:hunter2/x@h:0/')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});

test('parseUrl takes only the schemes it is given', () => {
  expect(parseUrl(['http:', 'https:'], 'http://127.0.0.1:3000')).toBe('http://127.0.0.1:3000/');
  for (const bad of ['ftp://h/', 'http://', 'h', 'http://h/ x', 5]) {
    expect(() => parseUrl(['http:', 'https:'], bad)).toThrow(refused);
  }
});

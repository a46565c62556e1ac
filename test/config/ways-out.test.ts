// proxy.upstream.proxy, bind, dns, clientCertificates and proxy.targets: what may be written, and what it means.

import { describe, expect, test } from '@jest/globals';
import { parseBind, parseCredentials, parseDnsServer, parseParentUrl } from '../../src/config/parent-url.ts';
import { configSchema } from '../../src/config/schema.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ProxyConfig } from '../../src/config/types.ts';
import { DEFAULT_DENIED } from '../../src/config/ways-out.ts';

function resolved(proxy: unknown): ProxyConfig {
  return resolveConfig(configSchema.parse({ proxy }), { folder: '/etc/weir', pluginsGiven: false }).proxy;
}

/** The message of what parsing throws. */
function refusal(parse: () => unknown): string {
  try {
    return `accepted: ${JSON.stringify(parse())}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the URL of a parent', () => {
  const none = { user: null, password: null };
  test.each([
    ['http://proxy.example:3128', { scheme: 'http', host: 'proxy.example', port: 3128, ...none }],
    ['HTTP://Proxy.Example', { scheme: 'http', host: 'proxy.example', port: 80, ...none }],
    ['https://proxy.example/', { scheme: 'https', host: 'proxy.example', port: 443, ...none }],
    ['https://proxy.example:80', { scheme: 'https', host: 'proxy.example', port: 80, ...none }],
    ['socks5://10.0.0.1', { scheme: 'socks5', host: '10.0.0.1', port: 1080, ...none }],
    ['socks5h://[2001:DB8::1]:80', { scheme: 'socks5h', host: '2001:db8::1', port: 80, ...none }],
    ['http://u%40a:p%3A%2F@h:1', { scheme: 'http', host: 'h', port: 1, user: 'u@a', password: 'p:/' }],
    ['direct', { scheme: 'direct', host: '', port: 0, ...none }],
  ])('%s', (text, expected) => {
    expect(parseParentUrl(text)).toEqual(expected);
  });

  test.each([
    null,
    7,
    '',
    'proxy.example:3128',
    'socks4://h:1',
    'ftp://h',
    'http://',
    'http://h:0',
    'http://h:70000',
    'http://h/path',
    'http://h?x',
    'http://h#x',
    'http://user@h:1',
    'http://:word@h:1',
    'http://u%3Ax:p@h:1',
    'http://u:%00@h:1',
    'http://u:%zz@h:1',
    `http://u:${'x'.repeat(256)}@h:1`,
    'http://a b:1',
    'http://0x7f.1:3128/x',
  ])('%p is none', (value) => {
    expect(refusal(() => parseParentUrl(value))).toMatch(/^expected /);
  });

  test('is told without its password', () => {
    expect(refusal(() => parseParentUrl('http://me:secret@h/x'))).not.toContain('secret');
  });
});

describe('a credentials file', () => {
  test.each([
    ['me:secret', { user: 'me', password: 'secret' }],
    ['me:a:b \r\nsecond line', { user: 'me', password: 'a:b ' }],
    ['', null],
    ['me', null],
    [':secret', null],
    ['me:', null],
    ['\nme:secret', null],
    ['me:a\tb', null],
    [`me:${'é'.repeat(128)}`, null],
  ])('%p', (text, expected) => {
    expect(parseCredentials(text)).toEqual(expected);
  });
});

describe('a DNS server', () => {
  test.each(['192.0.2.53', '192.0.2.53:5353', '2001:db8::53', '[2001:db8::53]', '[2001:db8::53]:53'])(
    '%s',
    (text) => {
      expect(parseDnsServer(text)).toBe(text);
    },
  );
  test.each(['dns.example', '192.0.2.53:0', '192.0.2.53:99999', '[::1', 'fe80::1%eth0', '', 53, null])(
    '%p is none',
    (value) => {
      expect(refusal(() => parseDnsServer(value))).toMatch(/^expected the address of a DNS server/);
    },
  );
});

describe('bind', () => {
  test.each([
    [null, { ipv4: null, ipv6: null }],
    [[], { ipv4: null, ipv6: null }],
    ['192.0.2.1', { ipv4: '192.0.2.1', ipv6: null }],
    [['2001:db8::1', '192.0.2.1'], { ipv4: '192.0.2.1', ipv6: '2001:db8::1' }],
  ])('%j', (value, expected) => {
    expect(parseBind(value)).toEqual(expected);
  });
  test.each([['eth0'], [['192.0.2.1', '192.0.2.2']], ['fe80::1%eth0'], [7], [['192.0.2.1', 'x']]])(
    '%j is none',
    (value) => {
      expect(refusal(() => parseBind(value))).toMatch(/^expected null, an IP address/);
    },
  );
});

describe('parents', () => {
  test.each([
    ['null', null, 0],
    ['a URL', 'http://h:1', 1],
    ['a list of URLs', ['http://h:1', 'direct'], 2],
    ['one section', { url: 'http://h:1', hosts: ['*.test'] }, 1],
  ])('may be %s', (_, proxy, count) => {
    expect(resolved({ upstream: { proxy } }).upstream.proxy).toHaveLength(count);
  });

  test('have defaults, and files beside the configuration', () => {
    const proxy = [
      { url: 'https://h', credentials: 'login', ca: ['ca.pem'], noProxy: ['10.0.0.0/8', '*.lan'] },
    ];
    expect(resolved({ upstream: { proxy } }).upstream.proxy).toEqual([
      {
        url: { scheme: 'https', host: 'h', port: 443, user: null, password: null },
        hosts: ['*'],
        noProxy: [
          { kind: 'network', address: '10.0.0.0', prefix: 8, family: 'ipv4' },
          { kind: 'host', pattern: '*.lan' },
        ],
        credentials: '/etc/weir/login',
        ca: ['/etc/weir/ca.pem'],
      },
    ]);
  });
});

test('a least time to live above the greatest is the greatest', () => {
  const { dns } = resolved({ upstream: { dns: { minTtl: '10m', maxTtl: '1m' } } }).upstream;
  expect([dns.minTtlMs, dns.maxTtlMs]).toEqual([60_000, 60_000]);
});

describe('targets.deny', () => {
  const denied = (proxy: Record<string, unknown>): number => resolved(proxy).targets.deny.length;
  const everywhere = DEFAULT_DENIED.length;
  test.each([
    ['127.0.0.1:8080', undefined, 0],
    ['[::1]:8080', undefined, 0],
    ['localhost:8080', undefined, 0],
    ['0.0.0.0:8080', undefined, everywhere],
    ['[::]:8080', null, everywhere],
    ['proxy.lan:8080', undefined, everywhere],
    [['127.0.0.1:1', '192.0.2.1:2'], undefined, everywhere],
    ['0.0.0.0:8080', [], 0],
    ['0.0.0.0:8080', ['10.0.0.0/8'], 1],
  ])('listening on %j, given %j: %d entries', (listen, deny, count) => {
    expect(denied({ listen, ...(deny === undefined ? {} : { targets: { deny } }) })).toBe(count);
  });
});

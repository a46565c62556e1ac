import { describe, expect, test } from '@jest/globals';

import { formatAuthority, parseAuthority, parseHost } from '../../src/util/authority.ts';

const LABEL_63 = 'a'.repeat(63);
const NAME_253 = `${`${LABEL_63}.`.repeat(3)}${'b'.repeat(61)}`;

describe('parseAuthority accepts', () => {
  test.each<[text: string, host: string, port: number, kind: string]>([
    ['example.com:443', 'example.com', 443, 'dns'],
    ['example.com', 'example.com', 80, 'dns'],
    ['EXAMPLE.Com:8443', 'example.com', 8443, 'dns'],
    ['example.com.:443', 'example.com', 443, 'dns'],
    ['localhost:1', 'localhost', 1, 'dns'],
    ['localhost:65535', 'localhost', 65535, 'dns'],
    ['a:2', 'a', 2, 'dns'],
    ['my_host.example.com:443', 'my_host.example.com', 443, 'dns'],
    ['_dmarc.example.com:443', '_dmarc.example.com', 443, 'dns'],
    ['xn--bcher-kva.example:443', 'xn--bcher-kva.example', 443, 'dns'],
    ['r3---sn-4g5e6n.example.com:443', 'r3---sn-4g5e6n.example.com', 443, 'dns'],
    ['1and1.example:443', '1and1.example', 443, 'dns'],
    ['3.example:443', '3.example', 443, 'dns'],
    ['1.2.3.4.example:443', '1.2.3.4.example', 443, 'dns'],
    ['example.4com', 'example.4com', 80, 'dns'],
    [`${LABEL_63}.example`, `${LABEL_63}.example`, 80, 'dns'],
    [`${NAME_253}:443`, NAME_253, 443, 'dns'],
    [`${NAME_253}.:443`, NAME_253, 443, 'dns'],
    ['10.0.0.1:8080', '10.0.0.1', 8080, 'ipv4'],
    ['255.255.255.255', '255.255.255.255', 80, 'ipv4'],
    ['0.0.0.0:53', '0.0.0.0', 53, 'ipv4'],
    ['[::1]:443', '::1', 443, 'ipv6'],
    ['[::]', '::', 80, 'ipv6'],
    ['[2001:DB8::A]:443', '2001:db8::a', 443, 'ipv6'],
    ['[::ffff:192.0.2.1]:443', '::ffff:192.0.2.1', 443, 'ipv6'],
  ])('%s', (text, host, port, kind) => {
    expect(parseAuthority(text, 80)).toEqual({ host, port, kind });
  });
});

describe('parseAuthority refuses', () => {
  test.each<[text: string]>([
    [''],
    [':443'],
    ['.'],
    ['.:443'],
    ['.example.com'],
    ['example..com'],
    ['example.com..'],
    ['-example.com'],
    ['example-.com'],
    ['exa mple.com'],
    [' example.com'],
    ['example.com '],
    ['example.com\0.evil.example'],
    ['example.com\r\nX: y'],
    ['example.com/path'],
    ['../../etc:443'],
    ['example.com?x'],
    ['example.com#x'],
    ['user@example.com'],
    ['user:pass@example.com:443'],
    ['*.example.com'],
    ['bücher.example'],
    ['exa%6dple.com'],
    [`${'a'.repeat(64)}.example`],
    [`${NAME_253}b`],
    ['example.com:'],
    ['example.com:0'],
    ['example.com:00443'],
    ['example.com:0443'],
    ['example.com:65536'],
    ['example.com:99999'],
    ['example.com:+443'],
    ['example.com:-1'],
    ['example.com: 443'],
    ['example.com:443 '],
    ['example.com:4e2'],
    ['example.com:0x1bb'],
    ['example.com:443:443'],
    ['127.1'],
    ['0177.0.0.1'],
    ['0x7f.1'],
    ['0x7f.0.0.1'],
    ['0x7f000001'],
    ['1.2.3.0x4'],
    ['2130706433'],
    ['1.2.3.4.5'],
    ['256.0.0.1'],
    ['1.2.3.04'],
    ['example.123'],
    ['::1'],
    ['::1:443'],
    ['[::1'],
    ['[]'],
    ['[::1]443'],
    ['[::1]:'],
    ['[::1]x:443'],
    ['[fe80::1%eth0]:443'],
    ['[fe80::1%25eth0]:443'],
    ['[1.2.3.4]:443'],
    ['[example.com]:443'],
    ['[::1]]:443'],
  ])('%j', (text) => {
    expect(parseAuthority(text, 80)).toBeNull();
  });
});

test('requires a port when there is no default', () => {
  expect(parseAuthority('example.com')).toBeNull();
  expect(parseAuthority('[::1]')).toBeNull();
  expect(parseAuthority('example.com:443')).not.toBeNull();
});

test('reads a megabyte of hostile text in linear time', () => {
  const started = performance.now();
  for (const piece of ['a', '1', 'a.', '1.', '-', '[', ':']) {
    expect(parseAuthority(piece.repeat(1_000_000 / piece.length), 80)).toBeNull();
  }
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('parseHost takes addresses without brackets and no port', () => {
  expect(parseHost('2001:DB8::1')).toEqual({ host: '2001:db8::1', kind: 'ipv6' });
  expect(parseHost('Example.com.')).toEqual({ host: 'example.com', kind: 'dns' });
  expect(parseHost('192.0.2.7')).toEqual({ host: '192.0.2.7', kind: 'ipv4' });
  expect(parseHost('[::1]')).toBeNull();
  expect(parseHost('example.com:443')).toBeNull();
});

test.each<[host: string, port: number, defaultPort: number | undefined, text: string]>([
  ['example.com', 443, 443, 'example.com'],
  ['example.com', 8443, 443, 'example.com:8443'],
  ['example.com', 443, undefined, 'example.com:443'],
  ['::1', 443, 443, '[::1]'],
  ['::1', 80, 443, '[::1]:80'],
])('formatAuthority writes %s, %d with default %p as %s', (host, port, defaultPort, text) => {
  expect(formatAuthority(host, port, defaultPort)).toBe(text);
  expect(parseAuthority(text, defaultPort)).toMatchObject({ host, port });
});

import { describe, expect, test } from '@jest/globals';
import { MAX_BLOCK, parseProxyHeader } from '../../src/http/proxy-protocol.ts';
import { binary, line } from '../icap/server/proxy-headers.ts';

const parse = (bytes: Buffer | string) => parseProxyHeader(Buffer.from(bytes as string, 'latin1'));
const REFUSED = expect.objectContaining({ code: 'ERR_PROXY_HEADER' });
const noop = (bytes: number): [number, Buffer] => [0x04, Buffer.alloc(bytes)];

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 192.0.2.7 203.0.113.1 56324 1344\r\n', '192.0.2.7', 56_324, '203.0.113.1', 1344],
    [
      'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n',
      ...(['255.255.255.255', 65_535, '255.255.255.255', 65_535] as const),
    ],
    ['PROXY TCP6 2001:DB8::7 2001:db8::1 1 443\r\n', '2001:db8::7', 1, '2001:db8::1', 443],
    ['PROXY TCP6 ::ffff:192.0.2.7 ::ffff:203.0.113.1 0 80\r\n', '192.0.2.7', 0, '203.0.113.1', 80],
    [
      'PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n',
      ...(['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65_535] as const),
      ...(['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65_535] as const),
    ],
  ])('%j names the client %s %i and its target %s %i', (text, address, port, to, toPort) => {
    const length = text.length;
    const target = { address: to, port: toPort };
    const header = { version: 1, kind: 'proxied', address, port, target };
    expect(parse(text)).toEqual({ header, length });
    expect(parse(`${text}OPTIONS icap://h/s ICAP/1.0\r\n`)).toEqual({ header, length });
  });

  test.each([
    'PROXY UNKNOWN\r\n',
    'PROXY UNKNOWN ffff:f:f:f:f:f:f:f ::1 65535 65535\r\n',
    'PROXY UNKNOWN what ever\r\n',
  ])('%j comes from a client that the balancer does not know', (text) => {
    const header = { version: 1, kind: 'unknown', address: null, port: null, target: null };
    expect(parse(text)).toEqual({ header, length: text.length });
  });

  test.each([
    ['another family', 'PROXY TCP5 192.0.2.7 203.0.113.1 1 2\r\n'],
    ['small letters', 'PROXY tcp4 192.0.2.7 203.0.113.1 1 2\r\n'],
    ['an address of the other family', 'PROXY TCP4 ::1 ::1 1 2\r\n'],
    ['an address of the other family', 'PROXY TCP6 192.0.2.7 203.0.113.1 1 2\r\n'],
    ['a name', 'PROXY TCP4 localhost 203.0.113.1 1 2\r\n'],
    ['leading zeros', 'PROXY TCP4 192.0.02.7 203.0.113.1 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n'],
    ['a missing port', 'PROXY TCP4 192.0.2.7 203.0.113.1 1\r\n'],
    ['a port with a zero in front', 'PROXY TCP4 192.0.2.7 203.0.113.1 01 2\r\n'],
    ['a port that is too large', 'PROXY TCP4 192.0.2.7 203.0.113.1 65536 2\r\n'],
    ['a negative port', 'PROXY TCP4 192.0.2.7 203.0.113.1 -1 2\r\n'],
    ['two blanks', 'PROXY TCP4  192.0.2.7 203.0.113.1 1 2\r\n'],
    ['something behind the ports', 'PROXY TCP4 192.0.2.7 203.0.113.1 1 2 3\r\n'],
    ['no family', 'PROXY \r\n'],
    ['107 bytes without an end', `PROXY UNKNOWN ${'x'.repeat(93)}`],
    ['an end one byte too late', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parse(text)).toThrow(REFUSED);
  });

  test('107 bytes are not too many', () => {
    expect(parse(`PROXY UNKNOWN ${'x'.repeat(91)}\r\n`)).toMatchObject({ length: 107 });
  });
});

describe('version 2', () => {
  test.each([
    ['192.0.2.7', 56_324, '203.0.113.1'],
    ['2001:db8::7', 1, '2001:db8::ffff'],
  ])('names the client %s %i and its target %s', (address, port, to) => {
    const bytes = binary(address, port);
    const target = { address: to, port: 1344 };
    const header = { version: 2, kind: 'proxied', address, port, target };
    expect(parseProxyHeader(bytes)).toEqual({ header, length: bytes.length });
    expect(parseProxyHeader(Buffer.concat([bytes, Buffer.from('OPTIONS')]))).toMatchObject({
      length: bytes.length,
    });
  });

  test('an address that is IPv4 mapped into IPv6 is given as IPv4', () => {
    const bytes = binary('::ffff:c000:207', 5);
    expect(parseProxyHeader(bytes)?.header).toMatchObject({ address: '192.0.2.7' });
  });

  test.each([
    ['nothing behind it', binary('', 0, { command: 0 })],
    ['addresses behind it', binary('192.0.2.7', 5, { command: 0 })],
    ['an unknown family', binary('192.0.2.7', 5, { command: 0, family: 0x55 })],
    ['a block that is too small for its family', binary('', 0, { command: 0, family: 0x21 })],
  ])('LOCAL with %s is the balancer itself', (_, bytes) => {
    const header = { version: 2, kind: 'local', address: null, port: null, target: null };
    expect(parseProxyHeader(bytes)).toEqual({ header, length: bytes.length });
  });

  test.each([
    ['no family', binary('', 0)],
    ['a Unix socket', binary('', 0, { family: 0x31, extensions: [noop(213)] })],
  ])('%s comes from a client that has no address', (_, bytes) => {
    expect(parseProxyHeader(bytes)?.header).toMatchObject({ kind: 'unknown', address: null });
  });

  test.each([
    ['version 1', binary('192.0.2.7', 5, { version: 1 })],
    ['version 3', binary('192.0.2.7', 5, { version: 3 })],
    ['command 2', binary('192.0.2.7', 5, { command: 2 })],
    ['datagrams', binary('192.0.2.7', 5, { family: 0x12 })],
    ['an unknown family', binary('192.0.2.7', 5, { family: 0x41 })],
    ['a block that is too small for its addresses', binary('', 0, { family: 0x11 })],
    ['an IPv6 family with IPv4 addresses', binary('192.0.2.7', 5, { family: 0x21 })],
    ['an extension that is cut', binary('192.0.2.7', 5, { extensions: [noop(4)] }).fill(0xff, 29, 31)],
    ['a checksum of two bytes', binary('192.0.2.7', 5, { extensions: [[3, Buffer.alloc(2)]] })],
  ])('refuses %s', (_, bytes) => {
    expect(() => parseProxyHeader(bytes)).toThrow(REFUSED);
  });

  test('a checksum is checked', () => {
    const bytes = binary('192.0.2.7', 5, { extensions: [noop(9)], checksum: true });
    expect(parseProxyHeader(bytes)?.header).toMatchObject({ address: '192.0.2.7' });
    const wrong = Buffer.from(bytes);
    wrong.writeUInt8(wrong[19]! ^ 1, 19); // another client address
    expect(() => parseProxyHeader(wrong)).toThrow(/checksum is wrong/);
  });

  test('4096 bytes behind the fixed part are read, more are refused before they come', () => {
    const most = binary('192.0.2.7', 5, { extensions: [noop(MAX_BLOCK - 12 - 3)] });
    expect(parseProxyHeader(most)).toMatchObject({ length: 16 + MAX_BLOCK });
    const more = binary('192.0.2.7', 5, { extensions: [noop(MAX_BLOCK - 12 - 2)] });
    expect(() => parseProxyHeader(more.subarray(0, 16))).toThrow(REFUSED);
  });
});

test.each(['OPTIONS icap://h/s ICAP/1.0\r\n', '\x16\x03\x01\x02', 'PROXZ', '\r\n\r\n\0\r\nQUIX', '\0'])(
  '%j is no PROXY header, which shows at once',
  (text) => {
    expect(() => parse(text)).toThrow(REFUSED);
  },
);

test('the beginning of a header is not refused', () => {
  for (const whole of [Buffer.from(line('192.0.2.7')), binary('2001:db8::7', 7, { checksum: true })]) {
    for (let end = 0; end < whole.length; end++) expect(parseProxyHeader(whole.subarray(0, end))).toBeNull();
  }
});

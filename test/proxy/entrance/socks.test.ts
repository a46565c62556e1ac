// SOCKS messages as bytes: each is understood whole and however it is cut, and what is none is refused.

import { describe, expect, test } from '@jest/globals';
import {
  readGreeting,
  readLogIn,
  readRequest,
  readRequest4,
  replyMessage,
} from '../../../src/proxy/entrance/socks.ts';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
const named = (name: string, port = [1, 187]): Buffer => bytes([5, 1, 0, 3, name.length], name, port);

describe('requests of version 5', () => {
  test.each([
    ['a name', named('Example.COM.'), 'example.com', 443],
    ['an IPv4 address', bytes([5, 1, 0, 1, 192, 0, 2, 7, 0, 80]), '192.0.2.7', 80],
    ['an IPv4 address as text', named('192.0.2.7'), '192.0.2.7', 443],
    [
      'an IPv6 address',
      bytes([5, 1, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80]),
      '2001:db8::1',
      80,
    ],
    ['an IPv6 address as text', named('2001:DB8::1'), '2001:db8::1', 443],
  ])('name their target by %s, in one piece or cut anywhere', (_, message, host, port) => {
    const request = { version: 5, length: message.length, target: { host, port } };
    expect(readRequest(message)).toEqual(request);
    expect(readRequest(Buffer.concat([message, Buffer.from('GET /')]))).toEqual(request);
    for (let end = 0; end < message.length; end++) expect(readRequest(message.subarray(0, end))).toBeNull();
  });

  test.each([
    ['BIND', bytes([5, 2, 0, 1, 1, 2, 3, 4, 0, 80]), 7],
    ['UDP ASSOCIATE', bytes([5, 3, 0, 1, 0, 0, 0, 0, 0, 0]), 7],
    ['an unknown command', bytes([5, 9, 0, 1, 1, 2, 3, 4, 0, 80]), 7],
    ['an unknown address type', bytes([5, 1, 0, 2, 1, 2, 3, 4, 0, 80]), 8],
    ['an empty name', named(''), 8],
    ['a name with a blank', named('a b'), 8],
    ['a name with a line feed', named('a\nb'), 8],
    ['a name with NUL', named('a.test\0.b'), 8],
    ['half an address', named('127.1'), 8],
    ['port 0', named('a.test', [0, 0]), 8],
  ])('%s is refused with a reply', (_, message, reply) => {
    expect(() => readRequest(message)).toThrow(
      expect.objectContaining({ code: 'ERR_PROXY_SOCKS', version: 5, reply }),
    );
  });

  test('another version behind the greeting is no SOCKS', () => {
    expect(() => readRequest(bytes([4, 1, 0, 1, 1, 2, 3, 4, 0, 80]))).toThrow(/version 4 behind version 5/);
  });
});

describe('requests of version 4', () => {
  test.each([
    ['an address', bytes([4, 1, 0, 80, 192, 0, 2, 7], 'me\0'), '192.0.2.7'],
    ['an address, without user id', bytes([4, 1, 0, 80, 192, 0, 2, 7], '\0'), '192.0.2.7'],
    ['a name (4A)', bytes([4, 1, 0, 80, 0, 0, 0, 1], 'me\0', 'a.test\0'), 'a.test'],
  ])('name their target by %s, in one piece or cut anywhere', (_, message, host) => {
    const request = { version: 4, length: message.length, target: { host, port: 80 } };
    expect(readRequest4(message)).toEqual(request);
    for (let end = 0; end < message.length; end++) expect(readRequest4(message.subarray(0, end))).toBeNull();
  });

  test.each([
    ['BIND', bytes([4, 2, 0, 80, 192, 0, 2, 7], '\0')],
    ['an empty name', bytes([4, 1, 0, 80, 0, 0, 0, 1], '\0\0')],
    ['a user id without an end', bytes([4, 1, 0, 80, 192, 0, 2, 7], 'x'.repeat(256))],
    ['a name without an end', bytes([4, 1, 0, 80, 0, 0, 0, 1], '\0', 'x'.repeat(256))],
  ])('%s is refused', (_, message) => {
    expect(() => readRequest4(message)).toThrow(expect.objectContaining({ code: 'ERR_PROXY_SOCKS' }));
  });
});

test('greetings and log-ins are read however they are cut', () => {
  const greeting = bytes([5, 3, 0, 1, 2]);
  expect(readGreeting(greeting)).toEqual({ length: 5, methods: [0, 1, 2] });
  const logIn = bytes([1, 5], 'alice', [2], 'pw');
  expect(readLogIn(logIn)).toEqual({ length: 10, user: Buffer.from('alice'), password: Buffer.from('pw') });
  for (let end = 0; end < greeting.length; end++) expect(readGreeting(greeting.subarray(0, end))).toBeNull();
  for (let end = 0; end < logIn.length; end++) expect(readLogIn(logIn.subarray(0, end))).toBeNull();
  expect(readLogIn(bytes([1, 0, 0]))).toMatchObject({ length: 3 });
  expect(() => readLogIn(bytes([5, 1]))).toThrow('not of version 1');
});

test('replies have the form of their version', () => {
  expect(replyMessage(5, 2).toString('hex')).toBe('05020001000000000000');
  expect(replyMessage(4, 0).toString('hex')).toBe('005a000000000000');
  expect(replyMessage(4, 2).toString('hex')).toBe('005b000000000000');
});

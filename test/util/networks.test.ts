import { describe, expect, test } from '@jest/globals';
import { isAllowed, isLoopback, networkOf, networks, plainAddress } from '../../src/util/networks.ts';

describe('isAllowed', () => {
  const list = networks(['192.0.2.0/24', '2001:db8::/32', '198.51.100.1', 'fe80::/10']);

  test.each([
    ['192.0.2.7', true],
    ['192.0.3.7', false],
    ['::ffff:192.0.2.7', true],
    ['::FFFF:192.0.2.7', true],
    ['::ffff:192.0.3.7', false],
    ['2001:db8::5', true],
    ['2001:DB8::5', true],
    ['2001:db9::5', false],
    ['198.51.100.1', true],
    ['198.51.100.2', false],
    ['fe80::1%eth0', true],
    ['', false],
    ['localhost', false],
    ['192.0.2.7:80', false],
    ['[2001:db8::5]', false],
  ])('%s is in the list: %s', (address, expected) => {
    expect(isAllowed(list, address)).toBe(expected);
  });

  test('an empty list has nobody in it', () => {
    expect(isAllowed(networks([]), '127.0.0.1')).toBe(false);
  });
});

test.each(['', 'localhost', '192.0.2.0/33', '192.0.2.0/x', '192.0.2.0/', '::/129', '1.2.3'])(
  'networks refuses "%s"',
  (entry) => {
    expect(() => networks([entry])).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }));
  },
);

test.each([
  ['::ffff:127.0.0.1', '127.0.0.1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['not an address', 'not an address'],
])('plainAddress writes %s as %s', (address, expected) => {
  expect(plainAddress(address)).toBe(expected);
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['10.0.0.1', false],
  ['in-process', false],
])('%s is loopback: %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected);
});

test.each([
  ['192.0.2.77', '192.0.2.0/24'],
  ['::ffff:192.0.2.77', '192.0.2.0/24'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:0DB8:1:2::5', '2001:db8:1:2::/64'],
  ['2001:db8::5', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('%s belongs to %s', (address, expected) => {
  expect(networkOf(address)).toBe(expected);
});

import { expect, test } from '@jest/globals';
import { addressForms, isOwnAddress } from '../../src/util/own-address.ts';

test.each([
  ['192.0.2.1', ['192.0.2.1']],
  ['2001:DB8:0::1', ['2001:db8::1']],
  ['::1', ['::1']],
  ['::', ['::']],
  ['fe80::1%eth0', ['fe80::1']],
  ['::ffff:127.0.0.1', ['127.0.0.1']],
  ['::ffff:7f00:1', ['::ffff:7f00:1', '127.0.0.1']],
  ['0:0:0:0:0:ffff:7f00:0001', ['::ffff:7f00:1', '127.0.0.1']],
  ['::127.0.0.1', ['::7f00:1', '127.0.0.1']],
  ['::ffff:0:127.0.0.1', ['::ffff:0:7f00:1', '127.0.0.1']],
  ['64:ff9b::169.254.169.254', ['64:ff9b::a9fe:a9fe', '169.254.169.254']],
  ['64:ff9b:1:2:3:4:7f00:1', ['64:ff9b:1:2:3:4:7f00:1', '127.0.0.1']],
  ['64:ff9b:2::7f00:1', ['64:ff9b:2::7f00:1']],
  ['2002:7f00:1::', ['2002:7f00:1::', '127.0.0.1']],
  ['2002:a9fe:a9fe::1', ['2002:a9fe:a9fe::1', '169.254.169.254']],
  ['2001:db8::7f00:1', ['2001:db8::7f00:1']],
  ['name.test', ['name.test']],
])('%s is also written %j', (address, forms) => {
  expect(addressForms(address)).toEqual(forms);
});

test.each([
  '127.0.0.1',
  '127.255.0.9',
  '0.0.0.0',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
])('%s is an address of this machine', (address) => {
  expect(isOwnAddress(address)).toBe(true);
});

test.each(['192.0.2.250', '2001:db8::1', '64:ff9b::c000:2fa'])('%s is none', (address) => {
  expect(isOwnAddress(address)).toBe(false);
});

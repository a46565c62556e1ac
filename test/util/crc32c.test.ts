import { expect, test } from '@jest/globals';
import { crc32c } from '../../src/util/crc32c.ts';

test.each([
  ['nothing', Buffer.alloc(0), 0],
  ['the digits 1 to 9', Buffer.from('123456789'), 0xe3069283],
  // RFC 3720 B.4
  ['32 bytes of zero', Buffer.alloc(32), 0x8a9136aa],
  ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
  ['32 bytes that count up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
])('of %s', (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

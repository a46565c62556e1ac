// Which extensions are offered to an origin, and what its choice means.

import { expect, test } from '@jest/globals';
import { agreedDeflate, withReadableOffers } from '../../../src/proxy/websocket/extensions.ts';

const FIELD = 'Sec-WebSocket-Extensions';

test.each([
  ['permessage-deflate; client_max_window_bits', 'permessage-deflate; client_max_window_bits'],
  ['x-webkit-deflate-frame', null],
  [
    'permessage-bzip2, permessage-deflate; server_no_context_takeover',
    'permessage-deflate; server_no_context_takeover',
  ],
  ['permessage-deflate; unheard_of=1, permessage-deflate', 'permessage-deflate'],
])('of %j the origin is offered %j', (offered, readable) => {
  const others = ['Host', 'h', 'X-Other', '1'];
  const headers = withReadableOffers([...others, FIELD.toLowerCase(), offered]);
  expect(headers).toEqual(readable === null ? others : [...others, FIELD, readable]);
});

test('several fields are one list', () => {
  const headers = withReadableOffers([FIELD, 'foo', FIELD, 'permessage-deflate']);
  expect(headers).toEqual([FIELD, 'permessage-deflate']);
});

test('a handshake without extensions stays the same array', () => {
  const headers = ['Host', 'h'];
  expect(withReadableOffers(headers)).toBe(headers);
});

test('the choice of an origin says how each end compresses', () => {
  const value = 'permessage-deflate; server_no_context_takeover; client_max_window_bits="10"';
  expect(agreedDeflate([FIELD, value])).toEqual({
    client: { noContextTakeover: false, windowBits: 10 },
    server: { noContextTakeover: true, windowBits: 15 },
  });
  expect(agreedDeflate([])).toBeNull();
});

test.each([
  'x-unknown',
  'permessage-deflate, permessage-deflate',
  'permessage-deflate; server_max_window_bits=16',
  'permessage-deflate; client_max_window_bits=7',
  'permessage-deflate; unheard_of',
])('the choice %j is refused', (value) => {
  expect(() => agreedDeflate([FIELD, value])).toThrow(
    expect.objectContaining({ code: 'ERR_ORIGIN_RESPONSE' }),
  );
});

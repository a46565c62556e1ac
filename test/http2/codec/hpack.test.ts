// HPACK against the examples of RFC 7541 appendix C, against node's HTTP/2 (nghttp2) both ways, and against
// blocks that spoil tables or ask for much.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Http2CodecError } from '../../../src/http2/codec/codec-error.ts';
import { HpackDecoder } from '../../../src/http2/codec/hpack-decoder.ts';
import { HpackEncoder } from '../../../src/http2/codec/hpack-encoder.ts';

const LIMITS = { listBytes: 100_000, fields: 200 };
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

function encode(encoder: HpackEncoder, status: number | null, fields: readonly string[]): Buffer {
  const into = Buffer.alloc(HpackEncoder.roomFor(fields));
  return into.subarray(0, encoder.encode(status, fields, into, 0));
}

/** What decoding a block comes to: the fields, or the name of the HTTP/2 error. */
function outcome(decoder: HpackDecoder, block: Buffer): unknown {
  try {
    return decoder.decode(block).fields;
  } catch (error) {
    if (error instanceof Http2CodecError) return error.fields['http2'];
    throw error;
  }
}

describe('the examples of RFC 7541', () => {
  test('C.4: requests with Huffman code, one connection', () => {
    const decoder = new HpackDecoder(4096, LIMITS);
    const common = [':method', 'GET', ':scheme'];
    expect(decoder.decode(hex('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')).fields).toEqual([
      ...[...common, 'http', ':path', '/', ':authority', 'www.example.com'],
    ]);
    expect(decoder.decode(hex('8286 84be 5886 a8eb 1064 9cbf')).fields).toEqual([
      ...[...common, 'http', ':path', '/', ':authority', 'www.example.com', 'cache-control', 'no-cache'],
    ]);
    expect(decoder.decode(hex('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf')).fields).toEqual(
      [
        ...[...common, 'https', ':path', '/index.html', ':authority', 'www.example.com'],
        ...['custom-key', 'custom-value'],
      ],
    );
  });

  test('C.6: responses with Huffman code and a table of 256 bytes, which evicts', () => {
    const decoder = new HpackDecoder(256, LIMITS);
    const rest = ['cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:21 GMT'];
    rest.push('location', 'https://www.example.com');
    const first =
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d ' +
      '29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3';
    expect(decoder.decode(hex(first)).fields).toEqual([':status', '302', ...rest]);
    expect(decoder.decode(hex('4883 640e ffc1 c0bf')).fields).toEqual([':status', '307', ...rest]);
    const third =
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d ' +
      'd7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07';
    expect(decoder.decode(hex(third)).fields).toEqual([
      ...[':status', '200', 'cache-control', 'private', 'date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
      ...['location', 'https://www.example.com', 'content-encoding', 'gzip'],
      ...['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
    ]);
  });
});

describe('a block that is none', () => {
  test.each([
    ['an index of nothing', '80'],
    ['an index past the table', 'bf'],
    ['the name of an index past the table', '7f00 0161'],
    ['an integer that never ends', 'ffff ffff ffff ffff ff'],
    ['an integer that breaks off', 'ff80'],
    ['a string longer than the block', '0001 6105 61'],
    ['a field that breaks off before its value', '0001 61'],
    ['padding of a string that is not ones', '0001 6181 00'],
    ['padding of a whole byte', '0001 6182 1fff'],
    ['the end symbol inside a string', '0001 6184 ffff ffff'],
    ['a table larger than we allow', '3fe1 ff03'],
    ['a new table size behind a field', '8220'],
  ])('%s is a COMPRESSION_ERROR', (_, block) => {
    expect(outcome(new HpackDecoder(4096, LIMITS), hex(block))).toBe('COMPRESSION_ERROR');
  });

  test('whatever the bytes: fields, or a COMPRESSION_ERROR', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (blocks) => {
        const decoder = new HpackDecoder(4096, LIMITS);
        for (const block of blocks) {
          const got = outcome(decoder, Buffer.from(block));
          if (!Array.isArray(got)) return expect(got).toBe('COMPRESSION_ERROR');
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('more than the limits', () => {
  test('is counted and not kept, and the table stays right', () => {
    const decoder = new HpackDecoder(4096, { listBytes: 10_000, fields: 200 });
    const value = 'v'.repeat(3000);
    const large = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xb9, 0x16]), Buffer.from(value)]);
    const bomb = Buffer.concat([large, Buffer.alloc(16_000, 0xbe)]); // 48 MB of fields in 19 KB
    const { fields, tooLarge } = decoder.decode(bomb);
    expect([fields.length, tooLarge]).toEqual([6, true]);
    expect(decoder.decode(hex('be'))).toEqual({ fields: ['a', value], tooLarge: false });
  });

  test('goes for the number of fields, too', () => {
    const { fields, tooLarge } = new HpackDecoder(4096, LIMITS).decode(Buffer.alloc(201, 0x82));
    expect([fields.length, tooLarge]).toEqual([400, true]);
  });
});

describe('what is encoded', () => {
  const text = fc.string({ unit: fc.constantFrom(...'abcdefghij0123456789-ÄÿÅ'), maxLength: 40 });
  const name = fc.constantFrom('x-a', 'x-b', 'content-type', 'set-cookie', 'etag', 'x-long-name-of-a-field');
  const fields = fc.array(fc.tuple(name, text), { maxLength: 12 });
  const step = fc.record({ fields, tableSize: fc.option(fc.constantFrom(0, 64, 500, 4096, 65_536)) });

  test('is decoded to the same, whatever came before and however the table is resized', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder(65_536, LIMITS);
        // A table begins with 4096 bytes on both sides.
        decoder.decode(hex('3fe11f'));
        for (const { fields, tableSize } of steps) {
          if (tableSize !== null) encoder.setMaxTableSize(tableSize);
          const flat = fields.flat();
          expect(decoder.decode(encode(encoder, 200, flat)).fields).toEqual([':status', '200', ...flat]);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('costs a byte a field when it comes again, but for secrets and what changes', () => {
    const encoder = new HpackEncoder();
    const stable = ['content-type', 'text/html', 'server', 'origin', 'x-frame-options', 'DENY'];
    const first = encode(encoder, 200, stable).length;
    encode(encoder, 200, stable);
    expect([first > 30, encode(encoder, 200, stable).length]).toEqual([true, 4]);
    const secret = ['set-cookie', 'session=0123456789'];
    const lengths = [1, 2, 3].map(() => encode(encoder, 200, secret));
    expect(lengths.map(({ length }) => length)).toEqual([22, 22, 22]);
    expect(lengths[2]![1]! & 0xf0).toBe(0x10); // never indexed, for proxies behind us either (RFC 7541 §7.1.3)
    for (let i = 0; i < 3; i++) expect(encode(encoder, 200, ['etag', `"${i}"`]).length).toBeGreaterThan(4);
  });

  test('a status without an entry of its own is sent in full', () => {
    const decoder = new HpackDecoder(4096, LIMITS);
    for (const status of [103, 200, 403, 599])
      expect(decoder.decode(encode(new HpackEncoder(), status, [])).fields).toEqual([
        ':status',
        String(status),
      ]);
  });
});

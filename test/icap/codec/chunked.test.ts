import { describe, expect, test } from '@jest/globals';
import type { ChunkedRules } from '../../../src/icap/codec/chunked.ts';
import {
  chunkExtension,
  ChunkedDecoder,
  chunkLine,
  HTTP_CHUNKS,
  ICAP_CHUNKS,
  lastChunk,
  LAST_CHUNK,
  LAST_CHUNK_IEOF,
  MAX_CHUNK_LINE,
  MAX_TRAILER,
} from '../../../src/icap/codec/chunked.ts';
import { bytes, refusal } from './record.ts';

interface Decoded {
  data: string;
  trailers: string[];
  extension: string;
  /** Bytes that were not consumed. */
  rest: string;
}

function decode(text: string, rules: ChunkedRules = ICAP_CHUNKS, size = text.length): Decoded {
  let data = '';
  const decoder = new ChunkedDecoder((chunk) => void (data += chunk.toString('latin1')), rules);
  let at = 0;
  while (at < text.length && !decoder.done) {
    const segment = bytes(text.slice(at, at + size));
    at += decoder.execute(segment, 0);
  }
  if (!decoder.done) throw new Error('the body has no end');
  return { data, trailers: decoder.trailers, extension: decoder.extension, rest: text.slice(at) };
}

const rules = [
  ['ICAP', ICAP_CHUNKS],
  ['HTTP', HTTP_CHUNKS],
] as const;

describe.each(rules)('%s chunks', (_, which) => {
  test.each([
    ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['0\r\n\r\n', ''],
    ['000\r\n\r\n', ''],
    ['00000005\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['a\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['A\r\n0123456789\r\n1\r\n!\r\n0\r\n\r\n', '0123456789!'],
    ['2\r\n\r\n\r\n0\r\n\r\n', '\r\n'],
    ['5;a\r\nhello\r\n0;b=c\r\n\r\n', 'hello'],
    ['5 ; a="x;y" ;b\r\nhello\r\n0\r\n\r\n', 'hello'],
  ])('C-31 reads %j, whole and byte by byte', (text, data) => {
    for (const size of [text.length, 3, 1]) {
      expect(decode(text + 'GET', which, size)).toMatchObject({ data, rest: 'GET' });
    }
  });

  test.each([
    '0x5\r\nhello\r\n0\r\n\r\n',
    '+5\r\nhello\r\n0\r\n\r\n',
    '-5\r\nhello\r\n0\r\n\r\n',
    '\r\nhello\r\n0\r\n\r\n',
    ' 5\r\nhello\r\n0\r\n\r\n',
    'g\r\n',
    ';ieof\r\n\r\n',
    '5 5\r\nhello\r\n0\r\n\r\n',
    '5\xa0;a\r\nhello\r\n0\r\n\r\n',
    '5;a\x00\r\nhello\r\n0\r\n\r\n',
    '5\nhello\r\n0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhello!\r\n0\r\n\r\n',
    '5\r\nhell\r\n0\r\n\r\n',
    '20000000000000\r\n',
    'ffffffffffffffffffffffff\r\n',
  ])('C-31 refuses %j, whole and byte by byte', (text) => {
    for (const size of [text.length, 1]) {
      expect(refusal(() => decode(text, which, size))).toEqual({ code: which.chunk, status: 400 });
    }
  });

  test('C-33 keeps trailer fields in order', () => {
    const text = '1\r\na\r\n0\r\nX-A: 1\r\nX-B:2 \r\nX-A: 3\r\n\r\n';
    for (const size of [text.length, 4, 1]) {
      expect(decode(text + 'rest', which, size)).toMatchObject({
        trailers: ['X-A', '1', 'X-B', '2', 'X-A', '3'],
        rest: 'rest',
      });
    }
  });

  test.each([
    '0\r\nno field\r\n\r\n',
    '0\r\nX-A: 1\n\r\n',
    '0\r\n\n',
    '0\r\nX-A: \x00\r\n\r\n',
    '0\r\nX A: 1\r\n\r\n',
  ])('C-33 refuses the trailer in %j', (text) => {
    for (const size of [text.length, 1]) {
      expect(refusal(() => decode(text, which, size)).code).toBe(which.trailer);
    }
  });

  test('C-16 reads a chunk line of 4096 bytes and refuses a longer one, ended or not', () => {
    const line = (length: number): string => `0;${'a'.repeat(length - 4)}\r\n`;
    expect(decode(`${line(MAX_CHUNK_LINE)}\r\n`, which).data).toBe('');
    for (const text of [line(MAX_CHUNK_LINE + 1), '0'.repeat(MAX_CHUNK_LINE + 1)]) {
      for (const size of [text.length, 1]) {
        expect(refusal(() => decode(text, which, size)).code).toBe(which.chunk);
      }
    }
  });

  test('C-16 reads trailers of 64 KiB and refuses longer ones, ended or not', () => {
    const trailer = (length: number): string => `X-A: ${'a'.repeat(length - 9)}\r\n\r\n`;
    expect(decode(`0\r\n${trailer(MAX_TRAILER)}`, which).trailers).toHaveLength(2);
    for (const text of [trailer(MAX_TRAILER + 1), 'X'.repeat(MAX_TRAILER + 1), 'X: y\r\n'.repeat(11_000)]) {
      for (const size of [text.length + 3, 1000]) {
        expect(refusal(() => decode(`0\r\n${text}`, which, size)).code).toBe(which.trailer);
      }
    }
  });

  test('C-16 refuses more than 200 trailer fields', () => {
    expect(decode(`0\r\n${'X: y\r\n'.repeat(200)}\r\n`, which).trailers).toHaveLength(400);
    expect(refusal(() => decode(`0\r\n${'X: y\r\n'.repeat(201)}\r\n`, which)).code).toBe(which.trailer);
  });

  test('a trailer of very many short lines is refused in linear time', () => {
    const text = `0\r\n${'a\r\n'.repeat(21_000)}\r\n`;
    const startedAt = performance.now();
    expect(refusal(() => decode(text, which)).code).toBe(which.trailer);
    expect(performance.now() - startedAt).toBeLessThan(1000); // some 10 ms; it was quadratic once
  });
});

test('C-31 tolerates blanks behind the size in ICAP and refuses them in HTTP', () => {
  const text = '5 \r\nhello\r\n0 \t\r\n\r\n';
  expect(decode(text, ICAP_CHUNKS).data).toBe('hello');
  expect(refusal(() => decode(text, HTTP_CHUNKS)).code).toBe('ERR_HTTP_CHUNK');
});

test('C-33 joins a folded trailer line in ICAP and refuses it in HTTP', () => {
  const text = '0\r\nX-A: 1\r\n 2\r\n\r\n';
  expect(decode(text, ICAP_CHUNKS).trailers).toEqual(['X-A', '1 2']);
  expect(refusal(() => decode(text, HTTP_CHUNKS)).code).toBe('ERR_HTTP_FIELD');
});

test('C-43 keeps the extension of the last chunk only', () => {
  expect(decode('1;a\r\nx\r\n0 ;  ieof \r\n\r\n').extension).toBe('ieof');
  expect(decode('1;a\r\nx\r\n0\r\n\r\n').extension).toBe('');
});

describe('extensions', () => {
  test.each([
    ['ieof', 'ieof', ''],
    ['IEOF', 'ieof', ''],
    ['a; ieof', 'ieof', ''],
    ['a=1;b="2;3" ; use-original-body = 7 ', 'use-original-body', '7'],
    ['a="x\\";y"; b=z', 'b', 'z'],
    ['a="q"', 'a', '"q"'],
    ['a=', 'a', ''],
  ])('C-31 finds in "%s" the extension %s', (extensions, name, value) => {
    expect(chunkExtension(extensions, name)).toBe(value);
  });

  test.each(['', 'xieof', 'ieof x', 'a="ieof"', 'a="; ieof', '"a" ; ieof', ';; ieof'])(
    'C-31 finds no ieof in %j',
    (extensions) => {
      expect(chunkExtension(extensions, 'ieof')).toBeUndefined();
    },
  );

  test('a hostile line of blanks costs no more than a moment', () => {
    const startedAt = performance.now();
    for (const filler of [' ', 'a ', '= ', '"', '\\"', 'a=" ']) {
      chunkExtension(filler.repeat(MAX_CHUNK_LINE / filler.length), 'ieof');
    }
    expect(performance.now() - startedAt).toBeLessThan(200); // below 1 ms each
  });
});

describe('writing', () => {
  test('C-42 C-43 writes ieof exactly as "0; ieof"', () => {
    expect(LAST_CHUNK_IEOF).toBe('0; ieof\r\n\r\n');
    expect(LAST_CHUNK).toBe('0\r\n\r\n');
  });

  test('C-33 C-64 writes extension and trailers where a decoder finds them', () => {
    const text = `${chunkLine(26)}${'x'.repeat(26)}\r\n${lastChunk(['X-A', '1', 'X-B', ''], 'use-original-body=7')}`;
    expect(text).toContain('1a\r\n');
    expect(text).toContain('0; use-original-body=7\r\nX-A: 1\r\n');
    expect(decode(text)).toEqual({
      data: 'x'.repeat(26),
      trailers: ['X-A', '1', 'X-B', ''],
      extension: 'use-original-body=7',
      rest: '',
    });
  });
});

import { describe, expect, test } from '@jest/globals';

import { ResponseReader, WrongResponse } from '../../bench/load/response.ts';

function reader(expectedBytes: number): ResponseReader {
  const made = new ResponseReader();
  made.begin(expectedBytes);
  return made;
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Pushes everything in pieces of `size` and returns after how many bytes the response was complete. */
function completeAfter(into: ResponseReader, all: Buffer, size: number): number | undefined {
  for (let at = 0; at < all.length; at += size) {
    if (into.push(all.subarray(at, at + size))) return Math.min(at + size, all.length);
  }
  return undefined;
}

const BY_LENGTH = bytes('HTTP/1.1 200 OK\r\nVia: x\r\nCONTENT-LENGTH:  5\r\n\r\nhello');
const CHUNKED = bytes(
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nC;x=y\r\n0123456789ab\r\n0\r\n\r\n',
);

describe.each([
  ['Content-Length', BY_LENGTH, 5],
  ['chunks', CHUNKED, 15],
])('a body framed by %s', (_, response, expected) => {
  test('is complete with its last byte, however the bytes are cut', () => {
    for (let size = 1; size <= response.length; size++) {
      expect(completeAfter(reader(expected), response, size)).toBe(response.length);
    }
  });

  test('is not complete a byte earlier', () => {
    expect(completeAfter(reader(expected), response.subarray(0, -1), 7)).toBeUndefined();
  });

  test('of another length than expected is wrong', () => {
    expect(() => reader(expected + 1).push(response)).toThrow(WrongResponse);
  });

  test('with bytes after its end is wrong', () => {
    expect(() => reader(expected).push(Buffer.concat([response, bytes('x')]))).toThrow(/1 bytes after/);
  });
});

test('one reader reads one response after another', () => {
  const one = reader(5);
  expect(one.push(BY_LENGTH)).toBe(true);
  one.begin(15);
  expect(one.push(CHUNKED)).toBe(true);
  one.begin(5);
  expect(one.push(BY_LENGTH)).toBe(true);
});

test('an error page of the right length is wrong, and the message shows it', () => {
  const page = bytes('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry');
  expect(() => reader(5).push(page)).toThrow(/502 Bad Gateway.*sorry/s);
});

test.each(['HTTP/1.1 200 OK\r\n\r\n', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(20_000)}`])(
  'a head without framing or without end is wrong',
  (head) => {
    expect(() => reader(5).push(bytes(head))).toThrow(WrongResponse);
  },
);

test('a chunk size that is no number is wrong', () => {
  const broken = bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n');
  expect(() => reader(5).push(broken)).toThrow(/a chunk line "xyz"/);
});

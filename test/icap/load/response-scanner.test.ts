import { describe, expect, test } from '@jest/globals';
import type { IcapMethod } from '../../../src/icap/codec/encapsulated.ts';
import { ResponseScanner } from '../../../src/icap/load/response-scanner.ts';
import { decodeAnswer, readVectors } from '../../support/vectors.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Scans the pieces and tells where the response ended: piece and offset in it. */
function scan(scanner: ResponseScanner, method: IcapMethod, pieces: readonly Buffer[]) {
  scanner.expect(method);
  for (const [index, piece] of pieces.entries()) {
    // The scanner is given memory that is written anew, as the sockets do.
    const shared = Buffer.from(piece);
    const at = scanner.scan(shared, 0);
    shared.fill(0xff);
    if (at >= 0) return { piece: index, at };
  }
  return null;
}

function response(head: string, sections: string, rest: string): Buffer {
  return latin1(`ICAP/1.0 200 OK\r\nISTag: "a"\r\nEncapsulated: ${head}\r\n\r\n${sections}${rest}`);
}

const HTTP = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
const whole = (rest: string): Buffer => response(`res-hdr=0, res-body=${HTTP.length}`, HTTP, rest);

describe('golden answers', () => {
  test('end where an independent decoder says, with as many body bytes, however they are cut', async () => {
    let seen = 0;
    for (const { id, frames } of await readVectors('icap/golden.md')) {
      const methods = frames
        .filter(({ side }) => side === 'C')
        .map(({ bytes }) => bytes.toString('latin1', 0, 7));
      const method = ['OPTIONS', 'REQMOD ', 'RESPMOD']
        .find((name) => name === methods[0])
        ?.trim() as IcapMethod;
      // Pages with several requests of different kinds are for the server's tests.
      if (
        method === undefined ||
        methods.some((name) => /^(OPTIONS|REQMOD |RESPMOD)$/.test(name) && name !== methods[0])
      )
        continue;
      const bytes = Buffer.concat(frames.filter(({ side }) => side === 'S').map((frame) => frame.bytes));
      for (let at = 0; at < bytes.length;) {
        const expected = decodeAnswer(bytes.subarray(at));
        if (expected === null || expected.answer.fields.some((field) => field.startsWith('trailer:'))) break;
        const answer = bytes.subarray(at, at + expected.length);
        const cuts = [[answer], Array.from(answer, (_, index) => answer.subarray(index, index + 1))];
        for (let cut = 1; cut < answer.length; cut++)
          cuts.push([answer.subarray(0, cut), answer.subarray(cut)]);
        for (const pieces of cuts) {
          const scanner = new ResponseScanner();
          const end = scan(scanner, method, pieces);
          expect({ id, end }).toEqual({ id, end: { piece: pieces.length - 1, at: pieces.at(-1)!.length } });
          expect(scanner.head!.status).toBe(expected.answer.status);
          expect(scanner.bodyBytes).toBe(expected.answer.body?.length ?? 0);
        }
        seen++;
        at += expected.length;
      }
    }
    expect(seen).toBeGreaterThan(10);
  });
});

test('a head that was seen before is known again, and one that differs in a byte is not mistaken for it', () => {
  const scanner = new ResponseScanner();
  const five = whole('5\r\nhello\r\n0\r\n\r\n');
  const six = latin1(
    five
      .toString('latin1')
      .replace('Content-Length: 5', 'Content-Length: 6')
      .replace('5\r\nhello', '6\r\nhello!'),
  );
  for (const bytes of [five, five, six, five, six]) {
    expect(scan(scanner, 'RESPMOD', [bytes])).toEqual({ piece: 0, at: bytes.length });
    expect(scanner.contentLength).toBe(scanner.bodyBytes);
    expect(scanner.bodyBytes).toBe(bytes === five ? 5 : 6);
  }
});

test('a known head whose body is cut anywhere still ends in the right place', () => {
  const scanner = new ResponseScanner();
  const bytes = whole('2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n');
  scan(scanner, 'RESPMOD', [bytes]);
  for (let cut = 1; cut < bytes.length; cut++) {
    const end = scan(scanner, 'RESPMOD', [bytes.subarray(0, cut), bytes.subarray(cut)]);
    expect(end).toEqual({ piece: 1, at: bytes.length - cut });
    expect(scanner.bodyBytes).toBe(5);
  }
});

test('the same bytes mean another thing in the answer to another method', () => {
  const scanner = new ResponseScanner();
  const bytes = response('opt-body=0', '', '1\r\nx\r\n0\r\n\r\n');
  expect(scan(scanner, 'OPTIONS', [bytes])).toEqual({ piece: 0, at: bytes.length });
  expect(() => scan(scanner, 'RESPMOD', [bytes])).toThrow(/opt-body/);
});

test('C-64 a 206 tells from where the original is appended', () => {
  const scanner = new ResponseScanner();
  scan(scanner, 'RESPMOD', [whole('5\r\nhello\r\n0; use-original-body=42\r\n\r\n')]);
  expect(scanner.originalOffset).toBe(42);
  scan(scanner, 'RESPMOD', [whole('5\r\nhello\r\n0\r\n\r\n')]);
  expect(scanner.originalOffset).toBeNull();
});

test('C-33 trailers are read past', () => {
  const scanner = new ResponseScanner();
  const bytes = whole('5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n');
  expect(scan(scanner, 'RESPMOD', [bytes])).toEqual({ piece: 0, at: bytes.length });
});

test('bytes behind the response are left alone', () => {
  const scanner = new ResponseScanner();
  const bytes = latin1('ICAP/1.0 204 No Content\r\n\r\nICAP/1.0 204 No Content\r\n\r\n');
  expect(scan(scanner, 'REQMOD', [bytes])).toEqual({ piece: 0, at: bytes.length / 2 });
});

test.each([
  ['an HTTP answer', 'HTTP/1.1 400 Bad Request\r\n', /not ICAP/],
  ['an HTTP head', 'HTTP/1.1 400 Bad Request\r\n\r\n', /not an ICAP status line/],
  ['a head without end', `ICAP/1.0 200 OK\r\nX: ${'x'.repeat(70_000)}`, /longer than/],
  ['a chunk size that is none', whole('zz\r\n').toString('latin1'), /not a chunk size/],
  ['chunk data that is too long', whole('3\r\nhello\r\n').toString('latin1'), /not followed by CR LF/],
  ['a size line without end', whole('5'.repeat(5000)).toString('latin1'), /does not end/],
  ['endless trailers', whole(`0\r\n${'X: 1\r\n'.repeat(300)}`).toString('latin1'), /trailer/],
  ['an offset that is none', whole('0; use-original-body=x\r\n\r\n').toString('latin1'), /offset/],
  [
    'header sections of a gigabyte',
    'ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=1000000000\r\n\r\n',
    /are announced/,
  ],
])('refuses %s', (_, text, message) => {
  expect(() => scan(new ResponseScanner(), 'RESPMOD', [latin1(text)])).toThrow(message);
});

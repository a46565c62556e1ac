// Bytes to messages: every message is read whole, split at each byte, and one byte at a time, with the
// same result; what is not HTTP is refused with a code that blames the right side.

import { fc, test as property } from '@fast-check/jest';
import { describe, expect, test } from '@jest/globals';
import type { RequestHead, ResponseHead } from '../../src/icap/codec/http-head.ts';
import { DEFAULT_HEAD_LIMITS, RequestReader, ResponseReader } from '../../src/http/message-reader.ts';
import type { HeadLimits, MessageEvents } from '../../src/http/message-reader.ts';

/** Events in short: heads, data joined, ends; messages one after another. */
function recorder() {
  const log: unknown[] = [];
  let data: Buffer[] = [];
  const events: MessageEvents<RequestHead | ResponseHead> = {
    onHead: (head, _facts, framing) => void log.push([head, framing.kind]),
    onData: (chunk) => void data.push(Buffer.from(chunk)),
    onEnd: (trailers) => {
      log.push([Buffer.concat(data).toString('latin1'), trailers]);
      data = [];
    },
  };
  return { log, events };
}

/** Reads messages until all is consumed, as a connection does. */
function readAll(reader: RequestReader | ResponseReader, pieces: readonly Buffer[]): void {
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      const before = at;
      at = reader.execute(piece, at);
      if (reader.state === 'boundary') reader.next();
      else if (at === before) return;
    }
  }
}

function requests(pieces: readonly Buffer[], limits?: HeadLimits): unknown[] {
  const { log, events } = recorder();
  readAll(new RequestReader(events, limits), pieces);
  return log;
}

function codeOf(bytes: string, limits?: HeadLimits): string {
  try {
    requests([Buffer.from(bytes, 'latin1')], limits);
    return 'no error';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const get = (target: string, ...headers: string[]): unknown => [
  { method: 'GET', target, version: '1.1', headers: ['Host', 'a', ...headers] },
  'none',
];

const PIPELINE = Buffer.from(
  'GET /1 HTTP/1.1\r\nHost: a\r\nX:  caf\xe9 \r\n\r\n' +
    'POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello' +
    '\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n' +
    'GET /4 HTTP/1.0\r\n\r\n',
  'latin1',
);
const EXPECTED = [
  get('/1', 'X', 'caf\xe9'),
  [{ method: 'POST', target: '/2', version: '1.1', headers: ['Host', 'a', 'Content-Length', '5'] }, 'length'],
  ['hello', []],
  [
    {
      method: 'POST',
      target: '/3',
      version: '1.1',
      headers: ['Host', 'a', 'Transfer-Encoding', 'chunked'],
    },
    'chunked',
  ],
  ['abcde', ['X-Sum', '1']],
  [{ method: 'GET', target: '/4', version: '1.0', headers: [] }, 'none'],
];

describe('RequestReader', () => {
  test('reads requests one behind the other', () => {
    expect(requests([PIPELINE])).toEqual(EXPECTED);
  });

  test('reads them the same split at each byte', () => {
    for (let at = 1; at < PIPELINE.length; at++) {
      expect(requests([PIPELINE.subarray(0, at), PIPELINE.subarray(at)])).toEqual(EXPECTED);
    }
  });

  test('reads them the same one byte at a time', () => {
    expect(requests([...PIPELINE].map((byte) => Buffer.from([byte])))).toEqual(EXPECTED);
  });

  property.prop([fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 })])(
    'reads them the same in any pieces',
    (sizes) => {
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < PIPELINE.length; i++) {
        const size = sizes[i % sizes.length]!;
        pieces.push(PIPELINE.subarray(at, at + size));
        at += size;
      }
      expect(requests(pieces)).toEqual(EXPECTED);
    },
  );

  property.prop([fc.uint8Array({ maxLength: 300 })])('throws only typed errors, whatever comes', (bytes) => {
    expect(codeOf(Buffer.from(bytes).toString('latin1'))).toMatch(/^(no error|ERR_HTTP_[A-Z_]+)$/);
  });

  test('stops behind a request until it is told to go on', () => {
    const { events } = recorder();
    const reader = new RequestReader(events);
    const first = PIPELINE.indexOf('POST');
    expect(reader.execute(PIPELINE)).toBe(first);
    expect(reader.state).toBe('boundary');
    expect(reader.execute(PIPELINE, first)).toBe(first);
  });

  test('stops for good once the connection is not HTTP any more', () => {
    const { events } = recorder();
    const reader = new RequestReader(events);
    const at = reader.execute(PIPELINE);
    reader.becomeOpaque();
    reader.next();
    expect(reader.execute(PIPELINE, at)).toBe(at);
    expect(reader.state).toBe('opaque');
  });

  test('knows whether a head has begun', () => {
    const reader = new RequestReader(recorder().events);
    expect(reader.headStarted).toBe(false);
    reader.execute(Buffer.from('\r\n'));
    expect(reader.headStarted).toBe(false);
    reader.execute(Buffer.from('G'));
    expect(reader.headStarted).toBe(true);
  });

  const HOST = 'GET / HTTP/1.1\r\nHost: a\r\n';
  test.each([
    ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 'ERR_HTTP_FIELD'],
    ['bare LFs only', 'GET / HTTP/1.1\nHost: a\n\n', 'ERR_HTTP_FIELD'],
    ['a bare LF in a field', `${HOST}X: a\nContent-Length: 5\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a bare CR in a field', `${HOST}X: a\rb\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a bare CR in the request line', 'GET /\r HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_FIELD'],
    ['NUL in a value', `${HOST}X: a\0b\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['NUL in a name', `${HOST}X\0: b\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['NUL in the target', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_FIELD'],
    ['obsolete folding', `${HOST}X: a\r\n b\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['folding with a tab', `${HOST}Transfer-Encoding:\r\n\tchunked\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a blank before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'ERR_HTTP_FIELD'],
    ['a blank before the colon', `${HOST}Content-Length : 5\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a tab before the colon', `${HOST}Transfer-Encoding\t: chunked\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a field without name', `${HOST}: a\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a field without colon', `${HOST}nonsense\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a latin-1 name', `${HOST}X-\xe9: a\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['a vertical tab before a coding', `${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n`, 'ERR_HTTP_FIELD'],
    ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['two blanks in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['a blank in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['HTTP/0.9', 'GET /\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 'ERR_HTTP_FIELD'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'ERR_HTTP_VERSION'],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 'ERR_HTTP_VERSION'],
    ['a version in lower case', 'GET / http/1.1\r\nHost: a\r\n\r\n', 'ERR_HTTP_REQUEST_LINE'],
    ['no Host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n', 'ERR_HTTP_HOST'],
    ['two Hosts', `${HOST}Host: b\r\n\r\n`, 'ERR_HTTP_HOST'],
    ['both lengths', `${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, 'ERR_HTTP_FRAMING'],
    ['a coding that is not chunked', `${HOST}Transfer-Encoding: gzip\r\n\r\n`, 'ERR_HTTP_CODING'],
    ['a chunk size that is none', `${HOST}Transfer-Encoding: chunked\r\n\r\n-1\r\n`, 'ERR_HTTP_CHUNK'],
    ['a chunk size with a blank', `${HOST}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello`, 'ERR_HTTP_CHUNK'],
    ['a chunk without its line end', `${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nabc`, 'ERR_HTTP_CHUNK'],
    ['a bare LF behind a chunk size', `${HOST}Transfer-Encoding: chunked\r\n\r\n1\na`, 'ERR_HTTP_CHUNK'],
    [
      'a bare CR in an extension',
      `${HOST}Transfer-Encoding: chunked\r\n\r\n1;\rx\r\na\r\n`,
      'ERR_HTTP_CHUNK',
    ],
    [
      'a folded trailer',
      `${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n`,
      'ERR_HTTP_FIELD',
    ],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  test('stays failed after an error', () => {
    const reader = new RequestReader(recorder().events);
    expect(() => reader.execute(Buffer.from('nonsense\r\n\r\n'))).toThrow();
    expect(reader.state).toBe('failed');
    expect(reader.execute(PIPELINE)).toBe(0);
  });

  describe('limits', () => {
    const limits: HeadLimits = { headerBytes: 100, headerFields: 3, targetBytes: 20 };
    const fields = (n: number): string => 'A: b\r\n'.repeat(n);

    test.each([
      [100, 'no error'],
      [101, 'ERR_HTTP_HEAD_TOO_LARGE'],
    ])('a head of %d bytes: %s', (size, code) => {
      const rest = size - 'GET / HTTP/1.1\r\nHost: \r\n\r\n'.length;
      const bytes = `GET / HTTP/1.1\r\nHost: ${'a'.repeat(rest)}\r\n\r\n`;
      expect(bytes.length).toBe(size);
      expect(codeOf(bytes, limits)).toBe(code);
    });

    test('a head that never ends, as soon as it is too long', () => {
      const reader = new RequestReader(recorder().events, limits);
      reader.execute(Buffer.from('GET / HTTP/1.1\r\nX: '));
      reader.execute(Buffer.alloc(81, 'x'));
      expect(() => reader.execute(Buffer.from('x'))).toThrow(
        expect.objectContaining({ code: 'ERR_HTTP_HEAD_TOO_LARGE' }),
      );
    });

    test.each([
      [2, 'no error'],
      [3, 'ERR_HTTP_HEAD_TOO_LARGE'],
    ])('Host and %d more fields: %s', (more, code) => {
      expect(codeOf(`GET / HTTP/1.1\r\nHost: a\r\n${fields(more)}\r\n`, limits)).toBe(code);
    });

    test.each([
      [20, 'no error'],
      [21, 'ERR_HTTP_TARGET_TOO_LONG'],
    ])('a target of %d bytes: %s', (size, code) => {
      expect(codeOf(`GET /${'a'.repeat(size - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`, limits)).toBe(code);
    });

    test('the defaults are 64 KiB, 200 fields, 32 KiB of target', () => {
      expect(DEFAULT_HEAD_LIMITS).toEqual({ headerBytes: 65_536, headerFields: 200, targetBytes: 32_768 });
    });
  });

  test.each([
    ['in a head', 'GET / HT'],
    ['in a body with length', `${HOST}Content-Length: 5\r\n\r\nhel`],
    ['in a chunked body', `${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n`],
  ])('says so when the sender closes %s', (_, bytes) => {
    const reader = new RequestReader(recorder().events);
    reader.execute(Buffer.from(bytes));
    expect(() => reader.finish()).toThrow(expect.objectContaining({ code: 'ERR_HTTP_ABORTED' }));
  });

  test('takes a close between requests for what it is', () => {
    const reader = new RequestReader(recorder().events);
    reader.finish();
    reader.execute(Buffer.from(`${HOST}\r\n`));
    reader.finish();
  });
});

describe('ResponseReader', () => {
  function responses(method: string, bytes: string, finish = true): unknown[] {
    const { log, events } = recorder();
    const reader = new ResponseReader(events);
    reader.expect(method);
    readAll(reader, [Buffer.from(bytes, 'latin1')]);
    if (finish) reader.finish();
    return log;
  }

  const ok = (headers: string[], version = '1.1'): unknown => ({
    version,
    status: 200,
    reason: 'OK',
    headers,
  });

  test('reads a body up to the close', () => {
    expect(responses('GET', 'HTTP/1.0 200 OK\r\n\r\nall of it')).toEqual([
      [ok([], '1.0'), 'close'],
      ['all of it', []],
    ]);
  });

  test('reads no body behind the answer to HEAD', () => {
    expect(responses('HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n')).toEqual([
      [ok(['Content-Length', '5']), 'none'],
    ]);
  });

  test('joins folded lines, which a proxy may do for a response', () => {
    const [first] = responses('GET', 'HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nContent-Length: 0\r\n\r\n') as [
      [ResponseHead],
    ];
    expect(first[0].headers).toEqual(['X', 'a b', 'Content-Length', '0']);
  });

  test.each([
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'],
    ['both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['another protocol', 'SSH-2.0-x\r\n\r\n'],
  ])('blames the origin for %s', (_, bytes) => {
    expect(() => responses('GET', bytes, false)).toThrow(
      expect.objectContaining({ code: 'ERR_ORIGIN_RESPONSE', httpStatus: 502 }),
    );
  });
});

import { describe, expect, test } from '@jest/globals';
import { MAX_SECTION } from '../../../src/icap/codec/message-parser.ts';
import { bytes, oneRequest, oneResponse, recordRequests, recordResponses, refusal } from './record.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n'; // 45 bytes
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'; // 38 bytes
const OPTIONS = 'OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n';

const respmod = (encapsulated: string, rest: string, fields = ''): string =>
  `RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: ${encapsulated}\r\n\r\n${rest}`;
const withBody = (body: string, fields = ''): string => respmod('res-hdr=0, res-body=38', OK + body, fields);
const preview = (size: number, body: string): string => withBody(body, `Preview: ${size}\r\n`);

const code = (text: string, strict = false): string => refusal(() => oneRequest(text, { strict })).code;

describe('header sections', () => {
  test('C-25 cuts sections by their offsets, closing blank lines included', () => {
    const { requestHeader, responseHeader, body } = oneRequest(
      respmod('req-hdr=0, res-hdr=45, res-body=83', `${GET}${OK}5\r\nhello\r\n0\r\n\r\n`),
      { strict: true },
    );
    expect({ requestHeader, responseHeader, body }).toEqual({
      requestHeader: GET,
      responseHeader: OK,
      body: 'hello',
    });
  });

  test.each([
    ['too small', 37],
    ['too large', 39],
  ])('C-26 refuses an offset that is %s when strict', (_, offset) => {
    const text = respmod(`res-hdr=0, res-body=${offset}`, `${OK}0\r\n\r\n`);
    expect(code(text, true)).toBe('ERR_ICAP_SECTION');
  });

  test('C-26 refuses a section that ends inside a line even when lenient', () => {
    expect(code(respmod('res-hdr=0, null-body=30', OK))).toBe('ERR_ICAP_SECTION');
  });

  test('C-26 adds the blank line that a section lacks when lenient, and the next request is intact', () => {
    const text = respmod('res-hdr=0, null-body=36', OK.slice(0, -2)) + OPTIONS;
    const { messages, error } = recordRequests([bytes(text)]);
    expect(error).toBeNull();
    expect(messages.map(({ responseHeader }) => responseHeader)).toEqual([OK, null]);
    expect(recordRequests([bytes(text)], { strict: true }).error?.code).toBe('ERR_ICAP_SECTION');
  });

  test('C-26 leaves out what follows the first header of a section when lenient', () => {
    const fake = 'HTTP/1.1 200 OK\r\n\r\n';
    const text = `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\nEncapsulated: req-hdr=0, null-body=64\r\n\r\n${GET}${fake}`;
    expect(oneRequest(text).requestHeader).toBe(GET);
    expect(code(text, true)).toBe('ERR_ICAP_SECTION');
  });

  test('K-36 C-26 trusts the blank line of a response when lenient, and wants agreement when strict', () => {
    const text = `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=999\r\n\r\n${OK}5\r\nhello\r\n0\r\n\r\n`;
    expect(oneResponse(text, 'RESPMOD')).toMatchObject({ responseHeader: OK, body: 'hello' });
    expect(recordResponses([bytes(text)], 'RESPMOD', { strict: true }).messages).toEqual([]);
  });

  test('K-36 finds the blank line of a section with a bare LF alike, whole and in pieces', () => {
    const odd = 'HTTP/1.1 200 OK\nX: y\r\n\r\n';
    const all = bytes(
      `ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=24\r\n\r\n${odd}1\r\na\r\n0\r\n\r\n`,
    );
    const cut = all.indexOf('HTTP/1.1 200') + 5;
    const inPieces = recordResponses([all.subarray(0, cut), all.subarray(cut)], 'RESPMOD');
    expect(inPieces).toEqual(recordResponses([all], 'RESPMOD'));
    expect(inPieces.messages[0]).toMatchObject({ responseHeader: odd, body: 'a' });
  });

  test('C-16 refuses a section above 128 KiB by its offset, before any of it arrives', () => {
    const head = (size: number): Buffer => bytes(respmod(`res-hdr=0, null-body=${size}`, ''));
    expect(recordRequests([head(MAX_SECTION)]).error).toBeNull();
    expect(recordRequests([head(MAX_SECTION + 1)]).error).toMatchObject({
      code: 'ERR_ICAP_SECTION_TOO_LARGE',
      icapStatus: 400,
    });
  });

  test('C-16 reads a section of exactly 128 KiB', () => {
    const section = `HTTP/1.1 200 OK\r\nX: ${'a'.repeat(MAX_SECTION - 24)}\r\n\r\n`;
    expect(section).toHaveLength(MAX_SECTION);
    expect(oneRequest(respmod(`res-hdr=0, null-body=${MAX_SECTION}`, section)).responseHeader).toBe(section);
  });

  test('C-16 refuses a response section that finds no end', () => {
    const head = bytes('ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=99\r\n\r\n');
    const segments = [head, ...Array.from({ length: 5 }, () => bytes('X: y\r\n'.repeat(6000)))];
    expect(recordResponses(segments, 'RESPMOD').error?.code).toBe('ERR_ICAP_SECTION_TOO_LARGE');
  });
});

describe('bodies', () => {
  test('C-30 reads one chunked body whatever framing HTTP used', () => {
    const header = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n';
    const text = respmod(`res-hdr=0, res-body=${header.length}`, `${header}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`);
    expect(oneRequest(text)).toMatchObject({ body: 'abcde', responseHeader: header });
  });

  test('C-34 reads an empty chunked body as one without bytes', () => {
    expect(oneRequest(withBody('0\r\n\r\n'))).toMatchObject({ body: '', end: { ieof: false, trailers: [] } });
  });

  test('C-35 C-52 ends a null-body message at its headers, also behind Preview', () => {
    const text = respmod('res-hdr=0, null-body=38', OK, 'Preview: 1024\r\n') + OPTIONS;
    const { messages, error } = recordRequests([bytes(text)]);
    expect(error).toBeNull();
    expect(messages.map(({ previewEndedAt, end }) => [previewEndedAt, end !== null])).toEqual([
      [null, true],
      [null, true],
    ]);
  });

  test('C-36 infers no body from Content-Length', () => {
    const { messages } = recordRequests([bytes(respmod('res-hdr=0, null-body=38', OK) + OPTIONS)]);
    expect(messages.map(({ head }) => head.method)).toEqual(['RESPMOD', 'OPTIONS']);
  });

  test('C-21.14 reads the body of an OPTIONS request', () => {
    const text =
      'OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\nEncapsulated: opt-body=0\r\n\r\n2\r\nhi\r\n0\r\n\r\n';
    expect(oneRequest(text).body).toBe('hi');
  });

  test('C-64 reads the offset of a 206 from the last chunk', () => {
    const text = (extension: string): string =>
      `ICAP/1.0 206 Partial Content\r\nEncapsulated: res-hdr=0, res-body=38\r\n\r\n${OK}2\r\nhi\r\n0${extension}\r\n\r\n`;
    const offset = (extension: string): unknown =>
      oneResponse(text(extension), 'RESPMOD').end?.useOriginalBody;
    expect(offset('; use-original-body=0')).toBe(0);
    expect(offset(';Use-Original-Body = 17')).toBe(17);
    expect(offset('; x="use-original-body=3;"; use-original-body=7')).toBe(7);
    expect(offset('; x="; use-original-body=3"')).toBeNull();
    expect(offset('')).toBeNull();
    for (const broken of ['-1', '', '1.5', 'x', '9007199254740993']) {
      expect(refusal(() => offset(`; use-original-body=${broken}`)).code).toBe('ERR_ICAP_CHUNK'); // C-65
    }
  });
});

describe('previews', () => {
  test('C-40 stops behind the zero chunk of a preview', () => {
    const { messages, state } = recordRequests([bytes(preview(10, '5\r\nhello\r\n0\r\n\r\n'))], {
      preview: 'stop',
    });
    expect(messages[0]).toMatchObject({ body: 'hello', previewEndedAt: 5, end: null });
    expect(state).toBe('head');
  });

  test('C-41 reads Preview: 0 as one bare last chunk', () => {
    const { messages } = recordRequests([bytes(preview(0, '0\r\n\r\n') + '3\r\nabc\r\n0\r\n\r\n')]);
    expect(messages[0]).toMatchObject({ body: 'abc', previewEndedAt: 0, end: { ieof: false } });
  });

  test.each(['0; ieof', '0;ieof', '0 ; IEOF', '0;iEof ', '0; x=1; ieof', '00;ieof'])(
    'C-42 C-43 reads "%s" as the end of the whole body',
    (line) => {
      expect(oneRequest(preview(5, `5\r\nhello\r\n${line}\r\n\r\n`))).toMatchObject({
        body: 'hello',
        previewEndedAt: null,
        end: { ieof: true },
      });
    },
  );

  test.each(['0; xieof', '0; ieofx', '0; x=ieof', '0; x="; ieof"', '0; x y; ieof'])(
    'C-43 does not take "%s" for ieof',
    (line) => {
      const { messages } = recordRequests([bytes(preview(5, `${line}\r\n\r\n`))], { preview: 'stop' });
      expect(messages[0]).toMatchObject({ previewEndedAt: 0, end: null });
    },
  );

  test('C-42 takes a preview of full length without ieof for one that goes on', () => {
    const { messages } = recordRequests([bytes(preview(5, '5\r\nhello\r\n0\r\n\r\n'))], { preview: 'stop' });
    expect(messages[0]?.previewEndedAt).toBe(5);
  });

  test('C-43 answers 400 to ieof outside a preview and on a chunk with data', () => {
    expect(code(withBody('0; ieof\r\n\r\n'))).toBe('ERR_ICAP_CHUNK');
    expect(code(preview(10, '5; ieof\r\nhello\r\n0\r\n\r\n'))).toBe('ERR_ICAP_CHUNK');
    const { error } = recordRequests([bytes(preview(0, '0\r\n\r\n') + '0; ieof\r\n\r\n')]);
    expect(error).toMatchObject({ code: 'ERR_ICAP_CHUNK', icapStatus: 400 });
  });

  test('C-44 lets the zero chunk end a preview that is shorter than announced', () => {
    const { messages } = recordRequests([bytes(preview(1024, '2\r\nhi\r\n0\r\n\r\n'))], { preview: 'stop' });
    expect(messages[0]).toMatchObject({ body: 'hi', previewEndedAt: 2 });
  });

  test('C-45 answers 400 to a preview that is longer than announced, also over several chunks', () => {
    expect(code(preview(5, '6\r\nhello!\r\n0; ieof\r\n\r\n'))).toBe('ERR_ICAP_PREVIEW');
    expect(code(preview(5, '5\r\nhello\r\n1\r\n!\r\n0; ieof\r\n\r\n'))).toBe('ERR_ICAP_PREVIEW');
    expect(code(preview(0, '1\r\nh\r\n0; ieof\r\n\r\n'))).toBe('ERR_ICAP_PREVIEW');
  });

  test('C-46 C-47 reads 100 with and without ISTag, and the final answer behind it', () => {
    const text = `ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 100 Continue\r\nISTag: "G"\r\n\r\nICAP/1.0 204 OK\r\n\r\n`;
    const { messages, error } = recordResponses([bytes(text)], 'RESPMOD');
    expect(error).toBeNull();
    expect(messages.map(({ head }) => head.status)).toEqual([100, 100, 204]);
  });

  test('C-47 takes the Preview of an OPTIONS answer for an offer', () => {
    const { head, end } = oneResponse(
      'ICAP/1.0 200 OK\r\nPreview: 0\r\nEncapsulated: null-body=0\r\n\r\n',
      'OPTIONS',
    );
    expect({ preview: head.preview, ended: end !== null }).toEqual({ preview: 0, ended: true });
  });

  test('C-48 joins what follows 100 to the preview, without its limit', () => {
    const { messages } = recordRequests([
      bytes(preview(2, '2\r\nhe\r\n0\r\n\r\n') + '3\r\nllo\r\n1\r\n!\r\n0\r\n\r\n'),
    ]);
    expect(messages[0]).toMatchObject({ body: 'hello!', previewEndedAt: 2, end: { ieof: false } });
  });

  test('C-49 reads the next request behind a preview that was answered', () => {
    const { messages, error } = recordRequests([bytes(preview(2, '2\r\nhe\r\n0\r\n\r\n') + OPTIONS)], {
      preview: 'stop',
    });
    expect(error).toBeNull();
    expect(messages.map(({ head }) => head.method)).toEqual(['RESPMOD', 'OPTIONS']);
  });
});

test('a parser that has failed reads nothing more', () => {
  const { error, state } = recordRequests([bytes('nonsense\r\n\r\n')]);
  expect({ code: error?.code, state }).toEqual({ code: 'ERR_ICAP_START_LINE', state: 'failed' });
});

describe('ICAP trailers (C-100, C-101)', () => {
  const AGREED = 'Allow: trailers\r\nTrailer: X-Late\r\n';
  const answer = (fields: string, rest: string): string =>
    `ICAP/1.0 200 OK\r\n${fields}Encapsulated: res-hdr=0, res-body=38\r\n\r\n${OK}${rest}`;
  const BODY = '5\r\nhello\r\n0\r\n\r\n';

  test.each<[string, string, string, string[], string[]]>([
    ['a block behind the body', AGREED, `${BODY}X-Late: yes\r\n\r\n`, [], ['X-Late', 'yes']],
    ['an empty block', AGREED, `${BODY}\r\n`, [], []],
    [
      'a block behind HTTP trailers',
      AGREED,
      '5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\nX-Late: yes\r\n\r\n',
      ['X-Sum', '1'],
      ['X-Late', 'yes'],
    ],
    ['none, where only the offer is repeated', 'Allow: trailers\r\n', BODY, [], []],
  ])('C-100 reads %s, wherever it is cut', (_, fields, rest, trailers, icapTrailer) => {
    const all = bytes(answer(fields, rest));
    for (const strict of [true, false]) {
      for (let at = 1; at <= all.length; at++) {
        const { messages, error, state } = recordResponses(
          [all.subarray(0, at), all.subarray(at)],
          'RESPMOD',
          {
            strict,
          },
        );
        expect({ error, state }).toEqual({ error: null, state: 'head' });
        expect(messages).toMatchObject([{ body: 'hello', end: { trailers, icapTrailer } }]);
      }
    }
  });

  test('C-100 reads a block behind the headers of a message without a body', () => {
    const text = `ICAP/1.0 200 OK\r\n${AGREED}Encapsulated: res-hdr=0, null-body=38\r\n\r\n${OK}X-Late: yes\r\n\r\n`;
    expect(oneResponse(text, 'RESPMOD').end).toMatchObject({ icapTrailer: ['X-Late', 'yes'] });
  });

  test('C-100 keeps the offset of a 206 in front of it', () => {
    const text = answer(AGREED, '0; use-original-body=7\r\n\r\nX-Late: yes\r\n\r\n').replace('200 OK', '206');
    expect(oneResponse(text, 'RESPMOD').end).toMatchObject({
      useOriginalBody: 7,
      icapTrailer: ['X-Late', 'yes'],
    });
  });

  test('C-101 a Trailer that was not agreed on announces nothing when lenient, and is refused when strict', () => {
    const text = answer('Trailer: X-Late\r\n', BODY);
    expect(oneResponse(text, 'RESPMOD').end).toMatchObject({ icapTrailer: [] });
    expect(recordResponses([bytes(text)], 'RESPMOD', { strict: true }).error?.code).toBe('ERR_ICAP_FIELD');
  });

  test('C-16 C-100 refuses a block that is too long or malformed', () => {
    for (const block of [`X-Late: ${'x'.repeat(65 * 1024)}`, 'no field\r\n\r\n', 'X-Late: yes\n\n']) {
      const { error } = recordResponses([bytes(answer(AGREED, BODY + block))], 'RESPMOD');
      expect(error?.code).toBe('ERR_ICAP_TRAILER');
    }
  });

  test('C-101 a Trailer in a request announces no ICAP trailer', () => {
    const text = preview(5, '5\r\nhello\r\n0; ieof\r\n\r\n').replace('Preview', `${AGREED}Preview`) + OPTIONS;
    const { messages, error } = recordRequests([bytes(text)]);
    expect(error).toBeNull();
    expect(messages).toHaveLength(2);
  });
});

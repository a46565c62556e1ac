import { describe, expect, test } from '@jest/globals';
import { messageOf } from '../../../src/errors.ts';
import { MAX_ICAP_FIELDS, MAX_ICAP_HEAD, MAX_START_LINE } from '../../../src/icap/codec/head.ts';
import { bytes, oneRequest, oneResponse, recordRequests, refusal } from './record.ts';

const options = (fields = 'Host: h\r\n', line = 'OPTIONS icap://h/s ICAP/1.0'): string =>
  `${line}\r\n${fields}\r\n`;

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const reqmod = (fields: string): string =>
  `REQMOD icap://h/s ICAP/1.0\r\nHost: h\r\n${fields}Encapsulated: req-hdr=0, null-body=45\r\n\r\n${GET}`;

describe('request line', () => {
  test.each(['OPTIONS icap://h/s ICAP/1.0', 'OPTIONS  icap://h/s   ICAP/1.0'])('C-01 reads "%s"', (line) => {
    expect(oneRequest(options('Host: h\r\n', line)).head).toMatchObject({
      method: 'OPTIONS',
      uri: 'icap://h/s',
    });
  });

  test.each([
    'OPTIONS',
    'OPTIONS icap://h/s',
    'OPTIONS icap://h/s ICAP/1.0 more',
    'OPTIONS\ticap://h/s\tICAP/1.0',
    ' OPTIONS icap://h/s ICAP/1.0',
    'OPTIONS icap://h/s ICAP/1.0 ',
    'OPT{IONS icap://h/s ICAP/1.0',
    'GET / HTTP/1.1',
    '\x80\x81',
  ])('C-01 answers 400 to "%s"', (line) => {
    const refused = refusal(() => oneRequest(options('Host: h\r\n', line)));
    expect(refused).toEqual({ code: 'ERR_ICAP_START_LINE', status: 400 });
  });

  test.each(['options', 'LOG', 'FILEMOD', 'Reqmod'])('C-01 answers 501 to the method %s', (method) => {
    const refused = refusal(() => oneRequest(options('Host: h\r\n', `${method} icap://h/s ICAP/1.0`)));
    expect(refused).toEqual({ code: 'ERR_ICAP_METHOD', status: 501 });
  });

  test.each(['/svc', '*', 'h:1344', 'http://h/s'])('C-02 answers 400 to the target %s', (uri) => {
    expect(refusal(() => oneRequest(options('Host: h\r\n', `OPTIONS ${uri} ICAP/1.0`))).status).toBe(400);
  });

  test('C-04 keeps user information out of error messages', () => {
    expect.assertions(2);
    try {
      oneRequest(options('', 'OPTIONS icap://alice:secret@h/s now ICAP/1.0'));
    } catch (error) {
      expect(messageOf(error)).not.toContain('secret');
      expect(messageOf(error)).toContain('@h/s now');
    }
  });

  test.each(['ICAP/2.0', 'ICAP/1.7', 'ICAP/0.9', 'ICAP/10.0'])('C-08 answers 505 to %s', (version) => {
    const refused = refusal(() => oneRequest(options('Host: h\r\n', `OPTIONS icap://h/s ${version}`)));
    expect(refused).toEqual({ code: 'ERR_ICAP_VERSION', status: 505 });
  });

  test.each(['HTTP/1.1', 'icap/1.0', 'ICAP/1', 'ICAP/1.0.0', 'ICAP/1.x'])(
    'C-08 answers 400 to %s',
    (version) => {
      const refused = refusal(() => oneRequest(options('Host: h\r\n', `OPTIONS icap://h/s ${version}`)));
      expect(refused).toEqual({ code: 'ERR_ICAP_START_LINE', status: 400 });
    },
  );

  test('S-13 looks at the version before the method, and at both before the fields', () => {
    const status = (line: string): number => refusal(() => oneRequest(options('broken\r\n', line))).status;
    expect(status('FILEMOD icap://h/s ICAP/2.0')).toBe(505);
    expect(status('FILEMOD icap://h/s ICAP/1.0')).toBe(501);
    expect(status('OPTIONS icap://h/s ICAP/1.0')).toBe(400);
  });
});

describe('Host', () => {
  test.each(['h', 'h:1344', '[2001:db8::1]:1344', 'other.test'])('C-06 C-07 accepts Host: %s', (host) => {
    expect(oneRequest(options(`Host: ${host}\r\n`), { strict: true }).head.method).toBe('OPTIONS');
  });

  test('C-06 wants Host when strict and does without when lenient', () => {
    expect(refusal(() => oneRequest(options(''), { strict: true })).status).toBe(400);
    expect(oneRequest(options('')).head.method).toBe('OPTIONS');
  });

  test.each([true, false])('C-06 refuses a second Host (strict: %s)', (strict) => {
    expect(refusal(() => oneRequest(options('Host: h\r\nhost: h\r\n'), { strict })).status).toBe(400);
  });
});

describe('status line', () => {
  test.each([
    ['ICAP/1.0 204 No Content', 204, 'No Content'],
    ['ICAP/1.0 204 Unmodified', 204, 'Unmodified'],
    ['ICAP/1.0 204 ', 204, ''],
    ['ICAP/1.0 204', 204, ''],
    ['ICAP/1.0  404 What is  this', 404, 'What is  this'],
  ])('C-09 reads "%s"', (line, status, reason) => {
    expect(oneResponse(`${line}\r\nISTag: "G"\r\n\r\n`, 'REQMOD').head).toMatchObject({ status, reason });
  });

  test.each([
    ['HTTP/1.1 200 OK', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.0 20 OK', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.0 2000 OK', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.0 999 OK', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.0 abc', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.0', 'ERR_ICAP_START_LINE'],
    ['ICAP/1.1 200 OK', 'ERR_ICAP_VERSION'],
  ])('C-09 refuses "%s"', (line, code) => {
    expect(refusal(() => oneResponse(`${line}\r\n\r\n`, 'OPTIONS')).code).toBe(code);
  });
});

describe('fields', () => {
  test('C-10 reads names in any case, with and without blanks around the value, also empty ones', () => {
    const { head } = oneRequest(
      `REQMOD icap://h/s ICAP/1.0\r\nHOST:h\r\nX-Client-IP:\r\nX-A: \t v \t\r\nencapsulated:req-hdr=0,null-body=45\r\n\r\n${GET}`,
    );
    expect(head.headers.slice(0, 6)).toEqual(['HOST', 'h', 'X-Client-IP', '', 'X-A', 'v']);
    expect(head.encapsulated.headerBytes).toBe(45);
  });

  test.each(['Host : h', 'Host\t: h', ': h', 'no colon', 'X-(): v', 'X-\xe9: v'])(
    'C-10 answers 400 to the line "%s"',
    (line) => {
      expect(refusal(() => oneRequest(options(`${line}\r\n`)))).toEqual({
        code: 'ERR_ICAP_FIELD',
        status: 400,
      });
    },
  );

  test.each(['\0', '\x01', '\x0b', '\x7f', '\r'])(
    'C-10 answers 400 to the control character %j',
    (character) => {
      const refused = refusal(() => oneRequest(options(`Host: h\r\nX-A: a${character}b\r\n`)));
      expect(refused).toEqual({ code: 'ERR_ICAP_FIELD', status: 400 });
    },
  );

  test('C-11 joins folded lines with one blank, and keeps the lines of X-Violations-Found', () => {
    const { head } = oneResponse(
      'ICAP/1.0 204 OK\r\nX-A: one\r\n  two\r\n\tthree\r\nX-Violations-Found: 1\r\n file.exe\r\n Threat\r\n 0\r\n 2\r\n\r\n',
      'RESPMOD',
    );
    expect(head.headers).toEqual(['X-A', 'one two three', 'X-Violations-Found', '1\nfile.exe\nThreat\n0\n2']);
  });

  test('C-11 leaves no blank at the ends of a value whose first or last line is empty', () => {
    const { head } = oneRequest(options('Preview:\r\n 4\r\nX-A: b\r\n \t\r\nX-C:\r\n \r\n d\r\n'));
    expect(head.preview).toBe(4);
    expect(head.headers.slice(-4)).toEqual(['X-A', 'b', 'X-C', 'd']);
  });

  test('C-11 refuses a folded line where there is nothing to continue', () => {
    expect(refusal(() => oneRequest(options(' folded\r\n'))).status).toBe(400);
  });

  test('C-12 passes over fields that it does not know', () => {
    expect(
      oneRequest(options('Host: h\r\nX-Anything: 1\r\nDefinitely-Unknown: 2\r\n')).head.headers,
    ).toHaveLength(6);
  });

  test('C-13 refuses Transfer-Encoding and takes no notice of Content-Length', () => {
    expect(refusal(() => oneRequest(options('Host: h\r\nTransfer-Encoding: chunked\r\n'))).status).toBe(400);
    const { body, end } = oneRequest(reqmod('Content-Length: 12345\r\n'));
    expect({ body, end }).toMatchObject({ body: '', end: { ieof: false } });
  });

  test.each([
    'Encapsulated: null-body=0\r\nEncapsulated: null-body=0',
    'Preview: 0\r\nPreview: 0',
    'Host: h\r\nHost: h',
  ])('C-14 answers 400 to %j', (fields) => {
    expect(refusal(() => oneRequest(options(`${fields}\r\n`)))).toEqual({
      code: 'ERR_ICAP_FIELD',
      status: 400,
    });
  });

  test('C-14 C-60 adds up Allow from several fields, whole tokens in any order and case', () => {
    const allow = (fields: string): unknown => {
      const { allow204, allow206, allowTrailers } = oneRequest(options(`Host: h\r\n${fields}`)).head;
      return [allow204, allow206, allowTrailers];
    };
    expect(allow('')).toEqual([false, false, false]);
    expect(allow('Allow: 204\r\n')).toEqual([true, false, false]);
    expect(allow('Allow: 206,x ,Trailers\r\nallow: , 204\r\n')).toEqual([true, true, true]);
    expect(allow('Allow: 12040, 2060, trailer\r\n')).toEqual([false, false, false]);
    expect(allow('Allow:\r\n')).toEqual([false, false, false]);
  });

  test('C-15 refuses bare LF as line end, wherever it stands', () => {
    for (const text of ['OPTIONS icap://h/s ICAP/1.0\nHost: h\n\n', options('Host: h\nX-A: b\r\n')]) {
      expect(refusal(() => oneRequest(text))).toEqual({ code: 'ERR_ICAP_FIELD', status: 400 });
    }
  });

  test('C-15 refuses a header in bare LF at once instead of waiting for its end', () => {
    const { error } = recordRequests([bytes('OPTIONS icap://h/s ICAP/1.0\n')]);
    expect(error?.icapStatus).toBe(400);
  });

  test('C-15 passes over empty lines in front of a request', () => {
    const { messages, error } = recordRequests([bytes(`\r\n\r\n${options()}\r\n${options()}`)]);
    expect({ error, count: messages.length }).toEqual({ error: null, count: 2 });
  });

  test('C-17 leaves a Date with two blanks behind the year as it is', () => {
    const date = 'Mon, 10 Jan 2000  09:55:21 GMT';
    expect(oneResponse(`ICAP/1.0 204 OK\r\nDate: ${date}\r\n\r\n`, 'REQMOD').head.headers).toEqual([
      'Date',
      date,
    ]);
  });

  test.each(['close', 'Close', 'keep-alive, CLOSE'])(
    'C-80 hears that Connection: %s ends the connection',
    (value) => {
      expect(oneRequest(options(`Host: h\r\nConnection: ${value}\r\n`)).head.close).toBe(true);
    },
  );

  test.each(['keep-alive', 'closed', 'x-close', ''])(
    'C-80 keeps the connection at Connection: %s',
    (value) => {
      expect(oneRequest(options(`Host: h\r\nConnection: ${value}\r\n`)).head.close).toBe(false);
    },
  );
});

describe('Preview', () => {
  test.each([
    ['0', 0],
    ['1024', 1024],
    ['007', 7],
  ])('C-40 reads Preview: %s', (value, preview) => {
    expect(oneRequest(reqmod(`Preview: ${value}\r\n`)).head.preview).toBe(preview);
  });

  test.each(['-1', '+1', '0x10', '1.5', '', 'many', '9999999999999999'])(
    'C-40 answers 400 to Preview: %s',
    (value) => {
      const refused = refusal(() => oneRequest(reqmod(`Preview: ${value}\r\n`)));
      expect(refused).toEqual({ code: 'ERR_ICAP_FIELD', status: 400 });
    },
  );

  test('C-40 tells no Preview from Preview: 0', () => {
    expect(oneRequest(reqmod('')).head.preview).toBeNull();
  });
});

describe('limits (C-16)', () => {
  const fill = (length: number): string => 'a'.repeat(length);

  test('C-16 reads a start line of 8 KiB and refuses a longer one', () => {
    const line = (length: number): string =>
      `OPTIONS icap://h/${fill(length - 'OPTIONS icap://h/ ICAP/1.0'.length)} ICAP/1.0`;
    expect(oneRequest(options('', line(MAX_START_LINE - 2))).head.method).toBe('OPTIONS');
    const refused = refusal(() => oneRequest(options('', line(MAX_START_LINE + 1))));
    expect(refused).toEqual({ code: 'ERR_ICAP_HEAD_TOO_LARGE', status: 400 });
  });

  test('C-16 refuses a start line that never ends as soon as it is too long', () => {
    expect(recordRequests([bytes(fill(MAX_START_LINE))]).error).toBeNull();
    expect(recordRequests([bytes(fill(MAX_START_LINE + 1))]).error?.code).toBe('ERR_ICAP_HEAD_TOO_LARGE');
  });

  test('C-16 reads a header of 64 KiB and refuses a longer one', () => {
    const around = options('X-A: \r\n').length;
    expect(oneRequest(options(`X-A: ${fill(MAX_ICAP_HEAD - around)}\r\n`)).head.headers).toHaveLength(2);
    const refused = refusal(() => oneRequest(options(`X-A: ${fill(MAX_ICAP_HEAD - around + 1)}\r\n`)));
    expect(refused).toEqual({ code: 'ERR_ICAP_HEAD_TOO_LARGE', status: 400 });
  });

  test('C-16 reads 200 fields and refuses the 201st', () => {
    expect(oneRequest(options('X-A: b\r\n'.repeat(MAX_ICAP_FIELDS))).head.headers).toHaveLength(400);
    expect(refusal(() => oneRequest(options('X-A: b\r\n'.repeat(MAX_ICAP_FIELDS + 1)))).status).toBe(400);
  });
});

import { expect, test } from '@jest/globals';
import type { OutgoingParts } from '../../../src/icap/codec/serializer.ts';
import { encodeWithBody, formatIcapMessage, writeChunk } from '../../../src/icap/codec/serializer.ts';
import { LAST_CHUNK, LAST_CHUNK_IEOF } from '../../../src/icap/codec/chunked.ts';
import { oneRequest, oneResponse } from './record.ts';

const GET = 'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nX: \xe9\r\n\r\n';
const START = 'RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n';

test.each<[string, OutgoingParts, string]>([
  [
    'both headers and a body',
    { requestHeader: GET, responseHeader: OK, body: 'res-body' },
    'req-hdr=0, res-hdr=45, res-body=70',
  ],
  ['a header and no body', { responseHeader: OK, body: null }, 'res-hdr=0, null-body=25'],
  ['a body alone', { requestHeader: null, responseHeader: '', body: 'res-body' }, 'res-body=0'],
  ['nothing', { body: null }, 'null-body=0'],
])('C-20 C-23 C-25 writes Encapsulated for %s', (_, parts, value) => {
  const text = formatIcapMessage(START, parts);
  expect(text.startsWith(`${START}Encapsulated: ${value}\r\n\r\n`)).toBe(true);
});

test('C-25 C-42 what is written is read back', () => {
  const head = formatIcapMessage(`${START}Preview: 5\r\n`, {
    requestHeader: GET,
    responseHeader: OK,
    body: 'res-body',
  });
  const chunks = [Buffer.from('he'), Buffer.from('llo')];
  const message = encodeWithBody(head, chunks, 5, LAST_CHUNK_IEOF).toString('latin1');
  expect(message.endsWith('\r\n\r\n5\r\nhello\r\n0; ieof\r\n\r\n')).toBe(true);
  expect(oneRequest(message, { strict: true })).toMatchObject({
    requestHeader: GET,
    responseHeader: OK,
    body: 'hello',
    end: { ieof: true },
  });
});

test('C-34 an empty body is written as a last chunk alone', () => {
  const head = formatIcapMessage('ICAP/1.0 200 OK\r\n', { responseHeader: OK, body: 'res-body' });
  const message = encodeWithBody(head, [], 0, LAST_CHUNK).toString('latin1');
  expect(oneResponse(message, 'RESPMOD', { strict: true })).toMatchObject({ body: '', responseHeader: OK });
});

test.each([1, 2048, 2049, 100_000])('C-32 a chunk of %i bytes announces the bytes that follow it', (size) => {
  const data = Buffer.alloc(size, 'x');
  const written: Buffer[] = [];
  const more = writeChunk(
    {
      write: (bytes) => void written.push(bytes),
      writeText: (text) => void written.push(Buffer.from(text, 'latin1')),
      room: false,
    },
    data,
  );
  expect(more).toBe(false);
  expect(Buffer.concat(written).toString()).toBe(`${size.toString(16)}\r\n${data.toString()}\r\n`);
});

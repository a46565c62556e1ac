// How the console takes ICAP bytes and bodies apart: parts without gaps, whatever the bytes are.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eicarZip } from '../support/eicar.ts';
import { imageTypeOf, looksLikeText, zipMembers } from '../../web/src/pages/transaction/body-kinds.ts';
import { wireParts } from '../../web/src/pages/transaction/icap-wire.ts';

const HTTP = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';
const REPLY = 'HTTP/1.1 200 OK\r\n\r\n';
const respmod = (body: string): string =>
  `RESPMOD icap://b.test/scan ICAP/1.0\r\nEncapsulated: req-hdr=0, res-hdr=${HTTP.length}, ` +
  `res-body=${HTTP.length + REPLY.length}\r\n\r\n${HTTP}${REPLY}${body}`;

const kindsOf = (text: string): string[] =>
  wireParts(Buffer.from(text, 'latin1')).map(({ kind, from, to }) =>
    kind === 'http' ? `http ${to - from}` : kind,
  );

describe('the bytes of an ICAP exchange', () => {
  test('are heads, encapsulated heads by their offsets, and chunks', () => {
    expect(kindsOf(respmod('5\r\nhello\r\n0; ieof\r\n\r\n'))).toEqual([
      ...['head', `http ${HTTP.length}`, `http ${REPLY.length}`, 'size', 'data', 'end'],
    ]);
  });

  test('say whether a preview was the whole body', () => {
    const aboutEnd = (body: string): string[] =>
      wireParts(Buffer.from(respmod(body)))
        .filter(({ kind }) => kind === 'end')
        .map(({ about }) => about);
    expect(aboutEnd('5\r\nhello\r\n0; ieof\r\n\r\n')).toEqual([expect.stringContaining('ieof')]);
    expect(aboutEnd('5\r\nhello\r\n0\r\n\r\n6\r\n world\r\n0\r\n\r\n')).toEqual([
      expect.stringContaining('preview'),
      expect.stringContaining('after 100 Continue'),
    ]);
  });

  test('may be two answers, 100 Continue first', () => {
    const answer = 'ICAP/1.0 204 No Content\r\nISTag: "1"\r\n\r\n';
    expect(kindsOf(`ICAP/1.0 100 Continue\r\n\r\n${answer}`)).toEqual(['head', 'head']);
  });

  test('become parts without gap or overlap, whatever they are', () => {
    const pieces = fc.oneof(
      fc.constantFrom(
        HTTP,
        '5\r\nhello\r\n',
        '0\r\n\r\n',
        'ICAP/1.0 200 OK\r\n\r\n',
        respmod('3\r\nabc\r\n'),
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 20 }), (texts) => {
        const data = Buffer.from(texts.join(''), 'latin1');
        const parts = wireParts(data);
        expect(parts.map(({ from }) => from)).toEqual(
          [0, ...parts.map(({ to }) => to)].slice(0, parts.length),
        );
        expect(parts.at(-1)?.to ?? 0).toBe(data.length);
      }),
    );
  });
});

describe('a body', () => {
  test('that is a ZIP archive has its members listed', () => {
    expect(zipMembers(eicarZip('invoice.pdf.exe'))).toEqual([{ name: 'invoice.pdf.exe', size: 68 }]);
  });

  test('that ends within a member lists what is there', () => {
    expect(zipMembers(eicarZip('a.txt').subarray(0, 40)).map(({ name }) => name)).toEqual(['a.txt']);
    expect(zipMembers(Buffer.from('PK\x03\x04'))).toEqual([]);
  });

  test('is an image or a text by its bytes alone', () => {
    expect(imageTypeOf(Buffer.from('GIF89a'))).toBe('image/gif');
    expect(imageTypeOf(Buffer.from('<svg onload=x>'))).toBeNull();
    expect(looksLikeText(Buffer.from('a\tb\r\nö'))).toBe(true);
    expect(looksLikeText(Buffer.of(0x4d, 0x5a, 0x90, 0x00))).toBe(false);
  });
});

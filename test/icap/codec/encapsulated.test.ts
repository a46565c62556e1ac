import { describe, expect, test } from '@jest/globals';
import type { IcapMethod, IcapSide } from '../../../src/icap/codec/encapsulated.ts';
import {
  formatEncapsulated,
  NOTHING_ENCAPSULATED,
  parseEncapsulated,
  requireMessagePart,
} from '../../../src/icap/codec/encapsulated.ts';
import { oneRequest, oneResponse, refusal } from './record.ts';

const REFUSED = { code: 'ERR_ICAP_ENCAPSULATED', status: 400 };

/** `req-hdr:5 res-hdr:7 res-body` for what a value says. */
function parts(value: string, method: IcapMethod, side: IcapSide, lenient = true): string {
  const found = parseEncapsulated(value, method, side, lenient);
  if (side === 'request') requireMessagePart(found, method);
  const sections = found.sections.map(({ name, length }) => `${name}:${length}`);
  return [...sections, found.body ?? 'null-body'].join(' ');
}

describe('legal forms (C-21)', () => {
  test.each<[string, IcapMethod, IcapSide, string, string]>([
    ['C-21.01', 'REQMOD', 'request', 'req-hdr=0, req-body=45', 'req-hdr:45 req-body'],
    ['C-21.02', 'REQMOD', 'request', 'req-hdr=0, null-body=45', 'req-hdr:45 null-body'],
    ['C-21.03', 'REQMOD', 'request', 'req-body=0', 'req-body'],
    ['C-21.05', 'REQMOD', 'response', 'req-hdr=0, req-body=45', 'req-hdr:45 req-body'],
    ['C-21.05', 'REQMOD', 'response', 'req-hdr=0, null-body=45', 'req-hdr:45 null-body'],
    ['C-21.05', 'REQMOD', 'response', 'req-body=0', 'req-body'],
    ['C-21.06', 'REQMOD', 'response', 'res-hdr=0, res-body=38', 'res-hdr:38 res-body'],
    ['C-21.06', 'REQMOD', 'response', 'res-hdr=0, null-body=38', 'res-hdr:38 null-body'],
    ['C-21.06', 'REQMOD', 'response', 'res-body=0', 'res-body'],
    ['C-21.07', 'RESPMOD', 'request', 'req-hdr=0, res-hdr=45, res-body=83', 'req-hdr:45 res-hdr:38 res-body'],
    [
      'C-21.08',
      'RESPMOD',
      'request',
      'req-hdr=0, res-hdr=45, null-body=83',
      'req-hdr:45 res-hdr:38 null-body',
    ],
    ['C-21.09', 'RESPMOD', 'request', 'res-hdr=0, res-body=38', 'res-hdr:38 res-body'],
    ['C-21.09', 'RESPMOD', 'request', 'res-hdr=0, null-body=38', 'res-hdr:38 null-body'],
    ['C-21.10', 'RESPMOD', 'request', 'req-hdr=0, res-body=45', 'req-hdr:45 res-body'],
    ['C-21.11', 'RESPMOD', 'request', 'res-body=0', 'res-body'],
    ['C-21.13', 'RESPMOD', 'response', 'res-hdr=0, res-body=38', 'res-hdr:38 res-body'],
    ['C-21.13', 'RESPMOD', 'response', 'res-hdr=0, null-body=38', 'res-hdr:38 null-body'],
    ['C-21.13', 'RESPMOD', 'response', 'res-body=0', 'res-body'],
    ['C-21.14', 'OPTIONS', 'request', 'null-body=0', 'null-body'],
    ['C-21.14', 'OPTIONS', 'request', 'opt-body=0', 'opt-body'],
    ['C-21.15', 'OPTIONS', 'response', 'null-body=0', 'null-body'],
    ['C-21.15', 'OPTIONS', 'response', 'opt-body=0', 'opt-body'],
    ['C-21.17', 'RESPMOD', 'response', 'null-body=0', 'null-body'],
    ['C-21.17', 'REQMOD', 'response', 'null-body=0', 'null-body'],
  ])('%s allows a %s %s with %s', (_, method, side, value, expected) => {
    expect(parts(value, method, side, true)).toBe(expected);
    expect(parts(value, method, side, false)).toBe(expected);
  });

  test.each<[string, IcapMethod, string]>([
    ['C-21.04', 'REQMOD', 'null-body=0'],
    ['C-21.12', 'RESPMOD', 'req-hdr=0, null-body=45'],
    ['C-21.12', 'RESPMOD', 'null-body=0'],
  ])('%s answers 400 to a %s request with %s: nothing to adapt', (_, method, value) => {
    expect(refusal(() => parts(value, method, 'request'))).toEqual(REFUSED);
  });

  test.each<IcapMethod>(['REQMOD', 'RESPMOD'])(
    'C-21.04 answers 400 to a %s request without the field',
    (method) => {
      expect(refusal(() => oneRequest(`${method} icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n`))).toEqual(REFUSED);
    },
  );

  test('C-21.14 takes an OPTIONS request without the field for one without body', () => {
    const { head, end } = oneRequest('OPTIONS icap://h/s ICAP/1.0\r\nHost: h\r\n\r\n');
    expect(head).toMatchObject({ encapsulated: NOTHING_ENCAPSULATED, hasEncapsulated: false });
    expect(end).not.toBeNull();
  });

  test.each(['100 Continue', '204 No Content', '400 Bad Request', '500 Server Error'])(
    'C-21.16 C-20 takes %s for a message without body, whatever the field says',
    (status) => {
      for (const field of ['', 'Encapsulated: null-body=0\r\n', 'Encapsulated: nonsense\r\n']) {
        const { head, end } = oneResponse(`ICAP/1.0 ${status}\r\n${field}\r\n`, 'RESPMOD');
        expect({ body: head.encapsulated.body, ended: end !== null }).toEqual({ body: null, ended: true });
      }
    },
  );

  test('C-20 takes a 200 without the field for one without body', () => {
    expect(oneResponse('ICAP/1.0 200 OK\r\n\r\n', 'OPTIONS').head.encapsulated).toEqual(NOTHING_ENCAPSULATED);
  });
});

describe('offsets (C-22)', () => {
  test('C-22 takes an empty section for an absent one when lenient, and refuses it when strict', () => {
    expect(parts('req-hdr=0, req-body=0', 'REQMOD', 'request')).toBe('req-body');
    expect(parts('req-hdr=0, res-hdr=0, res-body=38', 'RESPMOD', 'request')).toBe('res-hdr:38 res-body');
    expect(refusal(() => parts('req-hdr=0, req-body=0', 'REQMOD', 'request', false))).toEqual(REFUSED);
  });

  test.each([true, false])(
    'C-22 refuses req-hdr=0, null-body=0 in front of a header (lenient: %s)',
    (lenient) => {
      expect(refusal(() => parts('req-hdr=0, null-body=0', 'REQMOD', 'request', lenient))).toEqual(REFUSED);
    },
  );
});

describe('spelling (C-23)', () => {
  test('C-23 writes lower-case names with comma and blank', () => {
    const list = [
      { name: 'req-hdr', offset: 0 },
      { name: 'res-hdr', offset: 137 },
      { name: 'res-body', offset: 296 },
    ] as const;
    expect(formatEncapsulated(list)).toBe('req-hdr=0, res-hdr=137, res-body=296');
  });

  test.each(['REQ-HDR=0, Req-Body=5', 'req-hdr=0,req-body=5', ' req-hdr = 0 ,\treq-body=5 '])(
    'C-23 reads "%s"',
    (value) => {
      expect(parts(value, 'REQMOD', 'request', false)).toBe('req-hdr:5 req-body');
    },
  );

  test('C-23 reads blanks instead of commas when lenient only', () => {
    expect(parts('req-hdr=0 req-body=5', 'REQMOD', 'request')).toBe('req-hdr:5 req-body');
    expect(refusal(() => parts('req-hdr=0 req-body=5', 'REQMOD', 'request', false))).toEqual(REFUSED);
  });
});

describe('refusals (C-24)', () => {
  test.each<[string, string, IcapMethod, IcapSide]>([
    ['an unknown name', 'req-hdr=0, foo-body=5', 'REQMOD', 'request'],
    ['an unknown name in front', 'foo=0, req-body=5', 'REQMOD', 'request'],
    ['a doubled header', 'req-hdr=0, req-hdr=5, req-body=9', 'REQMOD', 'request'],
    ['two bodies', 'req-body=0, req-body=5', 'REQMOD', 'request'],
    ['two kinds of body', 'req-hdr=0, req-body=5, null-body=9', 'REQMOD', 'request'],
    ['a body that is not the last part', 'req-body=0, req-hdr=24', 'REQMOD', 'request'],
    ['null-body that is not the last part', 'null-body=0, req-hdr=0', 'REQMOD', 'request'],
    ['a header without body token', 'req-hdr=0', 'REQMOD', 'request'],
    ['a first offset that is not 0', 'req-hdr=1, req-body=5', 'REQMOD', 'request'],
    ['a body alone behind nothing', 'req-body=5', 'REQMOD', 'request'],
    ['falling offsets', 'req-hdr=0, res-hdr=9, res-body=5', 'RESPMOD', 'request'],
    ['sections in the wrong order', 'res-hdr=0, req-hdr=5, res-body=9', 'RESPMOD', 'request'],
    ['a sign', 'req-hdr=+0, req-body=5', 'REQMOD', 'request'],
    ['a negative number', 'req-hdr=0, req-body=-5', 'REQMOD', 'request'],
    ['hexadecimal digits', 'req-hdr=0, req-body=0x5', 'REQMOD', 'request'],
    ['a letter in the number', 'req-hdr=0, req-body=5a', 'REQMOD', 'request'],
    ['an empty number', 'req-hdr=0, req-body=', 'REQMOD', 'request'],
    ['no number', 'req-hdr, req-body=5', 'REQMOD', 'request'],
    ['a number above 2^53-1', 'req-hdr=0, req-body=9007199254740992', 'REQMOD', 'request'],
    ['a number of 30 digits', `req-hdr=0, req-body=${'9'.repeat(30)}`, 'REQMOD', 'request'],
    ['an empty value', '', 'REQMOD', 'request'],
    ['an empty element', 'req-hdr=0,, req-body=5', 'REQMOD', 'request'],
    ['a trailing comma', 'req-hdr=0, req-body=5,', 'REQMOD', 'request'],
    ['req-body in a RESPMOD request', 'req-hdr=0, req-body=5', 'RESPMOD', 'request'],
    ['res-hdr in a REQMOD request', 'res-hdr=0, res-body=5', 'REQMOD', 'request'],
    ['req-hdr in a RESPMOD answer', 'req-hdr=0, res-hdr=5, res-body=9', 'RESPMOD', 'response'],
    ['opt-body outside OPTIONS', 'opt-body=0', 'REQMOD', 'request'],
    ['a header in OPTIONS', 'req-hdr=0, null-body=5', 'OPTIONS', 'request'],
    ['request and response in one REQMOD answer', 'req-hdr=0, res-body=5', 'REQMOD', 'response'],
    ['both headers in one REQMOD answer', 'req-hdr=0, res-hdr=5, null-body=9', 'REQMOD', 'response'],
  ])('C-24 refuses %s: %s', (_, value, method, side) => {
    expect(refusal(() => parts(value, method, side, true))).toEqual(REFUSED);
    expect(refusal(() => parts(value, method, side, false))).toEqual(REFUSED);
  });

  test('C-24 reads the largest number that is exact', () => {
    expect(parts('req-hdr=0, req-body=9007199254740991', 'REQMOD', 'request')).toBe(
      'req-hdr:9007199254740991 req-body',
    );
  });
});

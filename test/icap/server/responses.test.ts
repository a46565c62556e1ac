import { describe, expect, test } from '@jest/globals';
import { errorAnswer, optionsAnswer, REASONS, statusHead } from '../../../src/icap/server/responses.ts';
import type { ServiceDescription } from '../../../src/icap/service.ts';
import { decodeAnswers } from '../../support/vectors.ts';

const PLAIN: ServiceDescription = {
  istag: 'T',
  preview: null,
  optionsTtlSeconds: null,
  maxConnections: null,
};
const NOON = new Date('2026-01-05T12:00:00Z');

const fields = (description: Partial<ServiceDescription>, close = false): readonly string[] =>
  decodeAnswers(
    Buffer.from(optionsAnswer(['REQMOD'], { ...PLAIN, ...description }, NOON, close), 'latin1'),
  )[0]!.fields;

describe('OPTIONS', () => {
  test('S-O1 S-O2 S-O3 C-21.15 has Methods, ISTag and Encapsulated whatever the service says', () => {
    expect(fields({})).toEqual(['allow: 204', 'encapsulated: null-body=0', 'istag: "T"', 'methods: REQMOD']);
  });

  test('S-O1 S-18 lists both methods of a service that has both', () => {
    const answer = decodeAnswers(Buffer.from(optionsAnswer(['REQMOD', 'RESPMOD'], PLAIN, NOON, false)))[0];
    expect(answer?.fields).toContain('methods: REQMOD, RESPMOD');
  });

  test('S-O5 S-O6 S-O8 S-O12 says what the service says', () => {
    const said = fields({
      maxConnections: 30,
      optionsTtlSeconds: 3600,
      service: 'Weir',
      serviceId: 'av',
      include: ['X-Client-IP', 'X-Server-IP'],
      allowOut: ['X-Infection-Found'],
    });
    expect(said).toEqual(
      expect.arrayContaining([
        'max-connections: 30',
        'options-ttl: 3600',
        'service: Weir',
        'service-id: av',
        'x-include: X-Client-IP, X-Server-IP',
        'x-allow-out: X-Infection-Found',
      ]),
    );
  });

  test('S-O7 dates itself in GMT', () => {
    expect(optionsAnswer(['REQMOD'], PLAIN, NOON, false)).toContain(
      '\r\nDate: Mon, 05 Jan 2026 12:00:00 GMT\r\n',
    );
  });

  test('S-O9 C-62 offers 204 and neither 206 nor trailers', () => {
    expect(fields({}).filter((field) => field.startsWith('allow: '))).toEqual(['allow: 204']);
  });

  test('S-O10 S-O11 tells Preview: 0 from no preview, and has exactly one Transfer field with *', () => {
    expect(fields({ preview: 0 })).toEqual(expect.arrayContaining(['preview: 0', 'transfer-preview: *']));
    expect(fields({ preview: null }).some((field) => /^(preview|transfer-preview): /.test(field))).toBe(
      false,
    );
    const said = fields({ preview: 9, transferPreview: 'exe', transferIgnore: 'css', transferComplete: '*' });
    expect(said.filter((field) => field.startsWith('transfer-'))).toEqual([
      'transfer-complete: *',
      'transfer-ignore: css',
      'transfer-preview: exe',
    ]);
  });

  test.each<[string, Partial<ServiceDescription>, string[]]>([
    ['no preview and no list', {}, []],
    ['a preview', { preview: 9 }, ['transfer-preview: *']],
    ['a preview and what to leave out', { preview: 9, transferIgnore: 'css' }, ['transfer-ignore: css', 'transfer-preview: *']],
    ['a preview of some', { preview: 9, transferPreview: 'exe' }, ['transfer-complete: *', 'transfer-preview: exe']],
    ['some complete, the rest previewed', { preview: 9, transferComplete: 'exe' }, ['transfer-complete: exe', 'transfer-preview: *']],
    ['no preview, and what to leave out', { transferIgnore: 'css' }, ['transfer-complete: *', 'transfer-ignore: css']],
    ['no preview, and only some', { transferComplete: 'exe', transferIgnore: '*' }, ['transfer-complete: exe', 'transfer-ignore: *']],
    ['no preview, and no list with *', { transferComplete: 'exe', transferIgnore: 'css' }, ['transfer-complete: exe, *', 'transfer-ignore: css']],
  ])('S-O11 has one Transfer field with * as soon as there is any: %s', (_, description, expected) => {
    expect(fields(description).filter((field) => field.startsWith('transfer-'))).toEqual(expected);
  }); // prettier-ignore

  test('S-O4 carries no body and therefore no Opt-body-type', () => {
    const said = fields({ preview: 9, include: ['X-Client-IP'], service: 'Weir' });
    expect(said.some((field) => field.startsWith('opt-body-type'))).toBe(false);
    expect(said).toContain('encapsulated: null-body=0');
  });

  test('C-84 S-O13 announces that the server closes', () => {
    expect(fields({}, true)).toContain('connection: close');
  });
});

test('S-02 every status has a reason and an ISTag', () => {
  for (const status of Object.keys(REASONS).map(Number)) {
    expect(statusHead(status, 'T')).toBe(`ICAP/1.0 ${status} ${REASONS[status]!}\r\nISTag: "T"\r\n`);
  }
});

test('C-20 C-84 errors say that they carry nothing, and whether the connection ends', () => {
  expect(errorAnswer(404, 'T', false)).toBe(
    'ICAP/1.0 404 ICAP Service Not Found\r\nISTag: "T"\r\nEncapsulated: null-body=0\r\n\r\n',
  );
  expect(errorAnswer(400, 'T', true)).toContain('\r\nConnection: close\r\n');
});

// The messages of test/vectors/icap/golden.md through the parsers alone, cut at every byte.

import { describe, expect, test } from '@jest/globals';
import { lastChunk } from '../../../src/icap/codec/chunked.ts';
import type { IcapMethod } from '../../../src/icap/codec/encapsulated.ts';
import { encodeWithBody, formatIcapMessage } from '../../../src/icap/codec/serializer.ts';
import type { Vector } from '../../support/vectors.ts';
import { decodeAnswer, readVectors } from '../../support/vectors.ts';
import { recordRequests, recordResponses } from './record.ts';

const vectors = await readVectors('icap/golden.md');
const MALFORMED = 'X-18';

const sideOf = (vector: Vector, side: 'C' | 'S'): Buffer[] =>
  vector.frames.filter((frame) => frame.side === side).map(({ bytes }) => bytes);
const methodOf = (vector: Vector): IcapMethod =>
  vector.frames[0]!.bytes.toString('latin1').split(' ', 1)[0] as IcapMethod;
/** Whether the client had to send more after the preview. */
const continues = (vector: Vector): boolean => vector.frames[1]!.bytes.includes(' 100 Continue');

const cuts = (all: Buffer): Buffer[][] => [
  [all],
  [...all].map((byte) => Buffer.from([byte])),
  ...Array.from({ length: all.length - 1 }, (_, at) => [all.subarray(0, at + 1), all.subarray(at + 1)]),
];

describe.each(vectors.filter(({ id }) => id !== MALFORMED))('$id', (vector) => {
  const requests = Buffer.concat(sideOf(vector, 'C'));
  const preview = continues(vector) ? 'continue' : 'stop';
  const whole = recordRequests([requests], { strict: true, preview });

  test(`${vector.id} requests are read strictly, alike wherever they are cut`, () => {
    expect(whole.error).toBeNull();
    expect(whole.state).toBe('head');
    for (const segments of cuts(requests)) {
      expect(recordRequests(segments, { strict: true, preview })).toEqual(whole);
    }
  });

  test(`${vector.id} requests are the same after being written and read again`, () => {
    for (const message of whole.messages) {
      const { head, requestHeader, responseHeader, body, end } = message;
      const fields = head.headers
        .map((text, at) => (at % 2 === 0 ? `${text}: ` : `${text}\r\n`))
        .join('')
        .replace(/^Encapsulated: .*\r\n/m, '');
      const start = `${head.method} ${head.uri} ICAP/1.0\r\n${fields}`;
      const parts = { requestHeader, responseHeader, body: head.encapsulated.body };
      const text = formatIcapMessage(start, parts);
      if (message.previewEndedAt !== null) continue; // two bodies on the wire, see C-48
      const tail = parts.body === null ? '' : lastChunk(end!.trailers, end!.ieof ? 'ieof' : '');
      const again = encodeWithBody(text, [Buffer.from(body, 'latin1')], body.length, tail);
      expect(recordRequests([again], { strict: true }).messages).toMatchObject([
        { requestHeader, responseHeader, body, end },
      ]);
    }
  });

  test(`${vector.id} answers are read strictly, alike wherever they are cut`, () => {
    const answers = sideOf(vector, 'S');
    if (vector.id === 'X-17') answers.pop(); // answers OPTIONS, unlike the first
    for (const [index, answer] of answers.entries()) {
      const expected = decodeAnswer(answer)!;
      expect(expected.length).toBe(answer.length);
      const read = recordResponses([answer], methodOf(vector), { strict: true });
      expect({ index, error: read.error, state: read.state }).toEqual({ index, error: null, state: 'head' });
      expect(read.messages).toHaveLength(1);
      expect(read.messages[0]).toMatchObject({
        head: { status: expected.answer.status },
        body: expected.answer.body ?? '',
        end: {
          ieof: false,
          icapTrailer: vector.id === 'X-16' ? ['X-Response-Info', 'Modified'] : [],
        },
      });
      for (const segments of cuts(answer)) {
        expect(recordResponses(segments, methodOf(vector), { strict: true })).toEqual(read);
      }
    }
  });
});

test('X-18 is refused, wherever it is cut', () => {
  const request = Buffer.concat(
    sideOf(
      vectors.find(({ id }) => id === MALFORMED)!,
      'C',
    ),
  );
  for (const segments of cuts(request)) {
    expect(recordRequests(segments).error).toMatchObject({ code: 'ERR_ICAP_ENCAPSULATED', icapStatus: 400 });
  }
});

test.each([
  ['X-11', { body: '', end: { useOriginalBody: 0 } }],
  ['X-12', { body: 'ALERT: ', end: { useOriginalBody: 7 } }],
])('%s says where the original goes on (C-64)', (id, expected) => {
  const [answer] = sideOf(
    vectors.find((vector) => vector.id === id)!,
    'S',
  );
  expect(recordResponses([answer!], 'RESPMOD').messages).toMatchObject([expected]);
});

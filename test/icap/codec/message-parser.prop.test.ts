// What must hold for all messages: the cut into segments makes no difference, what is written is read
// back, and damage gives a typed error or valid events within bounded steps and memory.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isWeirError } from '../../../src/errors.ts';
import { lastChunk, MAX_CHUNK_LINE, MAX_TRAILER } from '../../../src/icap/codec/chunked.ts';
import type { IcapMethod } from '../../../src/icap/codec/encapsulated.ts';
import { MAX_ICAP_HEAD, MAX_START_LINE } from '../../../src/icap/codec/head.ts';
import { IcapRequestParser, MAX_SECTION } from '../../../src/icap/codec/message-parser.ts';
import { formatIcapMessage } from '../../../src/icap/codec/serializer.ts';
import { cuts, damaged, segmentsOf } from '../../support/mutations.ts';
import { readVectors } from '../../support/vectors.ts';
import { bytes, recordRequests, recordResponses } from './record.ts';

const RUNS = { numRuns: 400 };

// --- messages ---

const latin1 = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.uint8Array(options).map((codes) => Buffer.from(codes).toString('latin1'));
const name = fc.stringMatching(/^X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const value = latin1({ maxLength: 20 }).map((text) => text.replace(/[\x00-\x20\x7f]/g, 'v'));
const fields = fc.array(fc.tuple(name, value), { maxLength: 4 }).map((pairs) => pairs.flat());
const fieldLines = fields.map((list) => {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]!}: ${list[i + 1]!}\r\n`;
  return text;
});
const requestHeader = fieldLines.map((lines) => `GET http://a.test/ HTTP/1.1\r\n${lines}\r\n`);
const responseHeader = fieldLines.map((lines) => `HTTP/1.1 200 OK\r\n${lines}\r\n`);

interface Chunked {
  readonly wire: string;
  readonly data: string;
}

const extension = fc.constantFrom('', ';a', '; a=b', ' ; a="x;y\\"z"', '; x=ieof');
const chunks: fc.Arbitrary<Chunked> = fc
  .array(fc.tuple(latin1({ minLength: 1, maxLength: 40 }), extension, fc.boolean()), { maxLength: 5 })
  .map((list) => ({
    data: list.map(([data]) => data).join(''),
    wire: list
      .map(([data, after, upper]) => {
        const size = data.length.toString(16);
        return `${upper ? `0${size.toUpperCase()}` : size}${after}\r\n${data}\r\n`;
      })
      .join(''),
  }));

interface Message {
  readonly wire: string;
  readonly expected: object;
}

const message: fc.Arbitrary<Message> = fc
  .record({
    method: fc.constantFrom<'REQMOD' | 'RESPMOD'>('REQMOD', 'RESPMOD'),
    icapFields: fieldLines,
    request: fc.option(requestHeader),
    response: fc.option(responseHeader),
    first: chunks,
    rest: chunks,
    trailers: fields,
    mode: fc.constantFrom('none', 'plain', 'ieof', 'continue'),
  })
  .map(({ method, icapFields, request, response, first, rest, trailers, mode }) => {
    const reqmod = method === 'REQMOD';
    const sections = {
      // Without body there must be a header of the kind that is adapted (C-21.04, C-21.12).
      requestHeader: reqmod && mode === 'none' ? (request ?? 'GET / HTTP/1.1\r\n\r\n') : request,
      responseHeader: reqmod ? null : mode === 'none' ? (response ?? 'HTTP/1.1 200 OK\r\n\r\n') : response,
    };
    const previews = mode === 'ieof' || mode === 'continue';
    const start = `${method} icap://h/s ICAP/1.0\r\nHost: h\r\n${icapFields}${previews ? `Preview: ${first.data.length}\r\n` : ''}`;
    const head = formatIcapMessage(start, {
      ...sections,
      body: mode === 'none' ? null : reqmod ? 'req-body' : 'res-body',
    });
    const end = { trailers: mode === 'none' ? [] : trailers, ieof: mode === 'ieof', useOriginalBody: null };
    const body = {
      none: { wire: '', data: '' },
      plain: { wire: first.wire + lastChunk(trailers), data: first.data },
      ieof: { wire: first.wire + lastChunk(trailers, 'ieof'), data: first.data },
      continue: {
        wire: `${first.wire}0\r\n\r\n${rest.wire}${lastChunk(trailers)}`,
        data: first.data + rest.data,
      },
    }[mode];
    const previewEndedAt = mode === 'continue' ? first.data.length : null;
    return { wire: head + body.wire, expected: { ...sections, body: body.data, previewEndedAt, end } };
  });

const messages = fc.array(message, { minLength: 1, maxLength: 3 });

test('what is written is read back, and no cut into segments makes a difference', () => {
  fc.assert(
    fc.property(messages, cuts, (list, places) => {
      const all = bytes(list.map(({ wire }) => wire).join(''));
      const whole = recordRequests([all], { strict: true });
      expect(whole.error).toBeNull();
      expect(whole.messages).toMatchObject(list.map(({ expected }) => expected));
      const segments = segmentsOf(all, places);
      expect(recordRequests(segments, { strict: true })).toEqual(whole);
      expect(recordRequests([all], { strict: true, ownsBytes: true })).toEqual(whole);
      expect(recordRequests(segments, { strict: true, ownsBytes: true })).toEqual(whole);
    }),
    RUNS,
  );
});

const response: fc.Arbitrary<Message> = fc
  .record({
    icapFields: fieldLines,
    header: responseHeader,
    body: fc.option(chunks),
    trailers: fields,
    original: fc.option(fc.nat()),
  })
  .map(({ icapFields, header, body, trailers, original }) => {
    const status = body !== null && original !== null ? '206 Partial Content' : '200 OK';
    const tail = original === null ? '' : `use-original-body=${original}`;
    const head = formatIcapMessage(`ICAP/1.0 ${status}\r\n${icapFields}`, {
      responseHeader: header,
      body: body === null ? null : 'res-body',
    });
    return {
      wire: body === null ? head : head + body.wire + lastChunk(trailers, tail),
      expected: {
        responseHeader: header,
        body: body?.data ?? '',
        end: body === null ? { trailers: [] } : { trailers, useOriginalBody: original },
      },
    };
  });

test.each([true, false])('responses are read back alike wherever they are cut (strict: %s)', (strict) => {
  fc.assert(
    fc.property(fc.array(response, { minLength: 1, maxLength: 3 }), cuts, (list, places) => {
      const all = bytes(list.map(({ wire }) => wire).join(''));
      const whole = recordResponses([all], 'RESPMOD', { strict });
      expect(whole.error).toBeNull();
      expect(whole.messages).toMatchObject(list.map(({ expected }) => expected));
      expect(recordResponses(segmentsOf(all, places), 'RESPMOD', { strict })).toEqual(whole);
    }),
    RUNS,
  );
});

// --- damage ---

const vectors = await readVectors('icap/golden.md');
const framesOf = (side: 'C' | 'S'): Buffer[] =>
  vectors.flatMap(({ frames }) => frames.filter((frame) => frame.side === side).map((frame) => frame.bytes));

describe.each([true, false])('damaged golden messages (strict: %s)', (strict) => {
  test('a request gives a typed error or valid events, the same for every cut', () => {
    fc.assert(
      fc.property(
        damaged(framesOf('C')),
        cuts,
        fc.constantFrom('continue' as const, 'stop' as const),
        (all, places, preview) => {
          const whole = recordRequests([all], { strict, preview });
          const cut = recordRequests(segmentsOf(all, places), { strict, preview });
          expect(cut.error?.code).toBe(whole.error?.code);
          expect(cut.state).toBe(whole.state);
          const complete = ({ end, previewEndedAt }: { end: unknown; previewEndedAt: unknown }): boolean =>
            end !== null || previewEndedAt !== null;
          expect(cut.messages.filter(complete)).toEqual(whole.messages.filter(complete));
          expect([undefined, 400, 501, 505]).toContain(whole.error?.icapStatus);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('a response gives a typed error or valid events, the same for every cut', () => {
    const method = fc.constantFrom<IcapMethod>('OPTIONS', 'REQMOD', 'RESPMOD');
    fc.assert(
      fc.property(damaged(framesOf('S')), cuts, method, (all, places, answered) => {
        const whole = recordResponses([all], answered, { strict });
        const cut = recordResponses(segmentsOf(all, places), answered, { strict });
        expect(cut.error?.code).toBe(whole.error?.code);
        expect(cut.state).toBe(whole.state);
        expect(cut.messages.filter(({ end }) => end !== null)).toEqual(
          whole.messages.filter(({ end }) => end !== null),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

test('bytes of no sense at all give a typed error or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (noise, places) => {
      recordRequests(segmentsOf(Buffer.from(noise), places)); // rethrows what is not typed
      recordResponses(segmentsOf(Buffer.from(noise), places), 'RESPMOD');
    }),
    RUNS,
  );
});

// --- what never ends ---

const HEAD = 'RESPMOD icap://h/s ICAP/1.0\r\nHost: h\r\n';
const SECTION = 'HTTP/1.1 200 OK\r\n\r\n';
const BODY = `${HEAD}Encapsulated: res-hdr=0, res-body=19\r\n\r\n${SECTION}`;

test.each([
  ['a start line', '', 'a', MAX_START_LINE],
  ['a field', `${HEAD}X-A: `, 'a', MAX_ICAP_HEAD],
  ['field after field', HEAD, 'X-A: b\r\n', MAX_ICAP_HEAD],
  ['a folded field', `${HEAD}X-A: b\r\n`, ' folded\r\n', MAX_ICAP_HEAD],
  [
    'a section of 128 KiB',
    `${HEAD}Encapsulated: res-hdr=0, null-body=${MAX_SECTION}\r\n\r\n`,
    'X: y\r\n',
    MAX_SECTION,
  ],
  ['a chunk line', BODY, '0', MAX_CHUNK_LINE],
  ['a chunk extension', `${BODY}5;`, 'a', MAX_CHUNK_LINE],
  ['a trailer line', `${BODY}0\r\n`, 'a', MAX_TRAILER],
  ['trailer after trailer', `${BODY}0\r\n`, 'X: y\r\n', MAX_TRAILER],
])('C-16 %s without end is refused at its limit', (_, start, filler, limit) => {
  const segment = bytes(filler.repeat(Math.ceil(1000 / filler.length)));
  for (const step of [segment, bytes(filler)]) {
    const parser = new IcapRequestParser({ onMessage: () => {}, onData: () => {}, onEnd: () => {} }, false);
    let fed = 0;
    const feed = (): void => {
      parser.execute(bytes(start));
      while (fed <= limit + 2 * step.length) {
        parser.execute(step);
        if (parser.state === 'boundary') return;
        fed += step.length;
      }
    };
    let thrown: unknown = null;
    try {
      feed();
    } catch (error) {
      thrown = error;
    }
    expect(isWeirError(thrown)).toBe(true);
    expect(fed).toBeLessThanOrEqual(limit + step.length);
  }
});

test('empty lines without end keep nothing', () => {
  const parser = new IcapRequestParser({ onMessage: () => {}, onData: () => {}, onEnd: () => {} }, false);
  for (let i = 0; i < 100; i++) expect(parser.execute(bytes('\r\n'.repeat(1000)))).toBe(2000);
  expect(parser.midMessage).toBe(false);
});

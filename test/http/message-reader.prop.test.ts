// What must hold for all HTTP/1 messages: the cut into segments makes no difference, and damage gives a
// typed error or valid events within bounded steps and memory.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { WeirError } from '../../src/errors.ts';
import { isWeirError } from '../../src/errors.ts';
import type { MessageEvents, ReaderState } from '../../src/http/message-reader.ts';
import { DEFAULT_HEAD_LIMITS, RequestReader, ResponseReader } from '../../src/http/message-reader.ts';
import { lastChunk, MAX_CHUNK_LINE, MAX_TRAILER } from '../../src/icap/codec/chunked.ts';
import { cuts, damaged, segmentsOf } from '../support/mutations.ts';

const RUNS = { numRuns: 400 };
const MAX_STEPS = 100_000; // calls of `execute`

interface Recorded {
  head: object;
  framing: string;
  body: string;
  trailers: string[] | null;
}

interface Recording {
  readonly messages: Recorded[];
  readonly error: WeirError | null;
  readonly state: ReaderState;
}

interface Reader {
  readonly state: ReaderState;
  execute(bytes: Buffer, from?: number): number;
  finish(): void;
}

/** Feeds segments and the end of the connection; `next` starts the message after a boundary. */
function record(
  make: (events: MessageEvents<object>) => { reader: Reader; next: () => void },
  segments: readonly Buffer[],
): Recording {
  const messages: Recorded[] = [];
  const { reader, next } = make({
    onHead: (head, _facts, { kind }) =>
      // Without body the head is all there is.
      void messages.push({ head, framing: kind, body: '', trailers: kind === 'none' ? [] : null }),
    onData: (chunk) => void (messages.at(-1)!.body += chunk.toString('latin1')),
    onEnd: (trailers) => void (messages.at(-1)!.trailers = trailers),
  });
  let error: WeirError | null = null;
  let steps = 0;
  try {
    for (const segment of segments) {
      for (let at = 0; at < segment.length && reader.state !== 'opaque';) {
        if (++steps > MAX_STEPS) throw new Error('the reader makes no headway');
        const before = at;
        at = reader.execute(segment, at);
        if (reader.state === 'boundary') next();
        else if (at === before) throw new Error(`nothing is read in state ${reader.state}`);
      }
    }
    reader.finish();
  } catch (thrown) {
    if (!isWeirError(thrown)) throw thrown;
    error = thrown;
  }
  return { messages, error, state: reader.state };
}

const requests = (segments: readonly Buffer[]): Recording =>
  record((events) => {
    const reader = new RequestReader(events);
    return { reader, next: () => reader.next() };
  }, segments);

const responses = (segments: readonly Buffer[], method = 'GET'): Recording =>
  record((events) => {
    const reader = new ResponseReader(events);
    reader.expect(method);
    return { reader, next: () => reader.expect(method) };
  }, segments);

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** Messages that are complete. What was delivered of a broken one may depend on the cut. */
const complete = ({ messages }: Recording): Recorded[] =>
  messages.filter(({ trailers }) => trailers !== null);

// --- messages ---

const latin1 = (options: { minLength?: number; maxLength: number }): fc.Arbitrary<string> =>
  fc.uint8Array(options).map((codes) => Buffer.from(codes).toString('latin1'));
const value = latin1({ maxLength: 20 }).map((text) => text.replace(/[^\x21-\x7e\x80-\xff]/g, 'v'));
const fields = fc
  .array(fc.tuple(fc.stringMatching(/^X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/), value), { maxLength: 4 })
  .map((pairs) => pairs.flat());
const lines = (list: readonly string[]): string => {
  let text = '';
  for (let i = 0; i < list.length; i += 2) text += `${list[i]!}: ${list[i + 1]!}\r\n`;
  return text;
};

interface Message {
  readonly wire: string;
  readonly expected: object;
}

const body = fc.record({
  framing: fc.constantFrom('none' as const, 'length' as const, 'chunked' as const),
  data: fc.array(latin1({ minLength: 1, maxLength: 40 }), { maxLength: 4 }),
  trailers: fields,
});

/** A message with this start line; a length of 0 is a body all the same. */
const message = (start: string): fc.Arbitrary<Message> =>
  fc.tuple(fields, body).map(([headers, { framing, data, trailers }]) => {
    const all = data.join('');
    const own = {
      none: start.startsWith('HTTP') ? ['Content-Length', '0'] : [],
      length: ['Content-Length', String(all.length)],
      chunked: ['Transfer-Encoding', 'chunked'],
    }[framing];
    const chunks = data.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    const wire = { none: '', length: all, chunked: chunks + lastChunk(trailers) }[framing];
    const list = [...headers, ...own];
    return {
      wire: `${start}\r\n${lines(list)}\r\n${wire}`,
      expected: {
        head: { headers: list },
        body: framing === 'none' ? '' : all,
        trailers: framing === 'chunked' ? trailers : [],
      },
    };
  });

describe.each([
  ['requests', 'POST / HTTP/1.1\r\nHost: a.test', requests],
  ['responses', 'HTTP/1.1 200 OK', responses],
] as const)('%s', (_, start, read) => {
  const own = (expected: object): object => {
    const { head, ...rest } = expected as { head: { headers: string[] } };
    const headers = start.includes('Host') ? ['Host', 'a.test', ...head.headers] : head.headers;
    return { head: { headers }, ...rest };
  };

  test('are read back alike wherever they are cut', () => {
    fc.assert(
      fc.property(fc.array(message(start), { minLength: 1, maxLength: 3 }), cuts, (list, places) => {
        const all = bytes(list.map(({ wire }) => wire).join(''));
        const whole = read([all]);
        expect(whole.error).toBeNull();
        expect(whole.messages).toMatchObject(list.map(({ expected }) => own(expected)));
        expect(read(segmentsOf(all, places))).toEqual(whole);
      }),
      RUNS,
    );
  });
});

test('a response until the end of the connection is read alike wherever it is cut', () => {
  fc.assert(
    fc.property(latin1({ maxLength: 200 }), cuts, (data, places) => {
      const all = bytes(`HTTP/1.1 200 OK\r\n\r\n${data}`);
      const read = responses(segmentsOf(all, places));
      expect(read).toMatchObject({ error: null, messages: [{ framing: 'close', body: data, trailers: [] }] });
    }),
    RUNS,
  );
});

// --- damage ---

const REQUESTS = [
  'GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n',
  'PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n\x16\x03\x01',
  'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n',
].map(bytes);
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  'HTTP/1.0 404\r\nX-Folded: a\r\n b\r\n\r\nuntil the end',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
].map(bytes);

test('a damaged request gives a typed error or valid events, the same for every cut', () => {
  fc.assert(
    fc.property(damaged(REQUESTS), cuts, (all, places) => {
      const whole = requests([all]);
      const cut = requests(segmentsOf(all, places));
      expect(cut.error?.code).toBe(whole.error?.code);
      expect(cut.state).toBe(whole.state);
      expect(complete(cut)).toEqual(complete(whole));
    }),
    { numRuns: 2000 },
  );
});

test('a damaged response gives ERR_ORIGIN_RESPONSE or valid events, the same for every cut', () => {
  fc.assert(
    fc.property(
      damaged(RESPONSES),
      cuts,
      fc.constantFrom('GET', 'HEAD', 'CONNECT'),
      (all, places, method) => {
        const whole = responses([all], method);
        const cut = responses(segmentsOf(all, places), method);
        expect(cut.error?.code).toBe(whole.error?.code);
        expect(cut.state).toBe(whole.state);
        expect(complete(cut)).toEqual(complete(whole));
        expect([undefined, 'ERR_ORIGIN_RESPONSE', 'ERR_HTTP_ABORTED']).toContain(whole.error?.code);
      },
    ),
    { numRuns: 2000 },
  );
});

test('bytes of no sense at all give a typed error or nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (noise, places) => {
      requests(segmentsOf(Buffer.from(noise), places)); // rethrows what is not typed
      responses(segmentsOf(Buffer.from(noise), places));
    }),
    RUNS,
  );
});

// --- what never ends ---

const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';

test.each([
  ['a request line', '', 'a', DEFAULT_HEAD_LIMITS.headerBytes],
  ['a field', `${POST}X: `, 'a', DEFAULT_HEAD_LIMITS.headerBytes],
  ['field after field', POST, 'X-A: b\r\n', DEFAULT_HEAD_LIMITS.headerBytes],
  ['a chunk line', `${POST}Transfer-Encoding: chunked\r\n\r\n`, '0', MAX_CHUNK_LINE],
  ['a chunk extension', `${POST}Transfer-Encoding: chunked\r\n\r\n5;`, 'a', MAX_CHUNK_LINE],
  ['a trailer line', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'a', MAX_TRAILER],
  ['trailer after trailer', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n`, 'X: y\r\n', MAX_TRAILER],
])('%s without end is refused at its limit', (_, start, filler, limit) => {
  const reader = new RequestReader({ onHead: () => {}, onData: () => {}, onEnd: () => {} });
  const segment = bytes(filler.repeat(Math.ceil(1000 / filler.length)));
  reader.execute(bytes(start));
  let fed = 0;
  const feed = (): void => {
    while (fed <= limit + 2 * segment.length) {
      fed += segment.length;
      reader.execute(segment);
    }
  };
  expect(feed).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_HTTP_/) }));
  expect(fed).toBeLessThanOrEqual(limit + segment.length);
});

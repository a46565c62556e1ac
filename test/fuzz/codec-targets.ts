// The codec under damaged input: whatever comes in, it gives a typed error or a message that makes sense, the
// same however the bytes were cut, and never more than it was given.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isWeirError, type WeirError } from '../../src/errors.ts';
import { ChunkedDecoder, HTTP_CHUNKS, ICAP_CHUNKS, lastChunk } from '../../src/icap/codec/chunked.ts';
import { formatEncapsulated, parseEncapsulated } from '../../src/icap/codec/encapsulated.ts';
import type { IcapMethod, IcapSide, PartName } from '../../src/icap/codec/encapsulated.ts';
import {
  formatRequestHead,
  formatResponseHead,
  parseRequestHead,
  parseResponseHead,
} from '../../src/icap/codec/http-head.ts';
import { isIcapUri, serviceArguments, servicePath } from '../../src/icap/codec/uri.ts';
import { ProxyHeaderReader } from '../../src/http/proxy-protocol.ts';
import { type Recorded, type Recording, recordRequests, recordResponses } from '../icap/codec/record.ts';
import { binary, line } from '../icap/server/proxy-headers.ts';
import { cuts, damaged, segmentsOf } from '../support/mutations.ts';
import type { FuzzCase, FuzzTarget, Seen } from './case.ts';
import { bodies, encapsulatedValues, requests, responses, sections, uris } from './corpus.ts';

const METHODS: readonly IcapMethod[] = ['OPTIONS', 'REQMOD', 'RESPMOD'];
const SECTION_SLACK = 2; // a missing blank line is added (C-26)

/** Damaged input of one connection, cut anywhere, with choices. */
function cases(
  inputs: readonly Buffer[],
  choices: fc.Arbitrary<FuzzCase['choices']> = fc.constant({}),
): fc.Arbitrary<FuzzCase> {
  return fc
    .tuple(damaged(inputs), cuts, choices)
    .map(([bytes, places, chosen]) => ({ connections: [segmentsOf(bytes, places)], choices: chosen }));
}

/** The result, or the typed error; any other throw passes through. */
function typed<T>(run: () => T, seen: Seen): T | WeirError {
  try {
    const result = run();
    seen('accepted');
    return result;
  } catch (error) {
    if (!isWeirError(error)) throw error;
    seen(error.code);
    return error;
  }
}

/** Fields that could be sent on without becoming something else. */
function assertFieldsAreSafe(headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2) {
    const [name, value] = [headers[i]!, headers[i + 1]!];
    assert.match(name, /^[^\s:]+$/, 'not a field name');
    const lines = /^x-violations-found$/i.test(name) ? value.replaceAll('\n', '') : value; // kept (C-11)
    assert.doesNotMatch(lines, /[\r\n\0]|^[ \t]|[ \t]$/, 'a field holds a line end or outer blanks');
  }
}

function assertHeadRoundTrips(section: Buffer, seen: Seen): void {
  for (const [parse, format] of [
    [parseRequestHead, formatRequestHead],
    [parseResponseHead, formatResponseHead],
  ] as const) {
    const head = typed(() => parse(section), seen);
    if (isWeirError(head)) continue;
    assertFieldsAreSafe(head.headers);
    const again = parse(Buffer.from(format(head as never), 'latin1'));
    assert.deepEqual(again, head, 'a head is not read back as it was written');
  }
}

function assertSameAndBounded<Head extends { headers: readonly string[] }>(
  all: Buffer,
  whole: Recording<Head>,
  cut: Recording<Head>,
  seen: Seen,
): void {
  seen(`${whole.error?.code ?? 'no error'} in ${whole.state}`);
  assert.equal(cut.error?.code, whole.error?.code, 'the error depends on the cut');
  assert.equal(cut.state, whole.state, 'the state depends on the cut');
  // A body that is not complete may have been handed on by more or less.
  const complete = (message: Recorded<Head>): boolean =>
    message.end !== null || message.previewEndedAt !== null;
  assert.deepEqual(cut.messages.filter(complete), whole.messages.filter(complete));
  let size = 0;
  for (const { head, requestHeader, responseHeader, body, end } of whole.messages) {
    assertFieldsAreSafe(head.headers);
    assertFieldsAreSafe(end?.trailers ?? []);
    size += body.length;
    for (const section of [requestHeader, responseHeader]) {
      if (section === null) continue;
      assert.ok(section.endsWith('\r\n\r\n'), 'a section without its blank line');
      size += section.length - SECTION_SLACK;
      assertHeadRoundTrips(Buffer.from(section, 'latin1'), seen);
    }
  }
  assert.ok(size <= all.length, 'more came out than went in');
}

const requestTarget: FuzzTarget = {
  name: 'icap-request',
  runsPerTurn: 1000,
  cases: cases(
    requests,
    fc.record({
      strict: fc.boolean(),
      preview: fc.constantFrom('continue', 'stop'),
      ownsBytes: fc.boolean(),
    }),
  ),
  check({ connections: [segments], choices }, seen) {
    const all = Buffer.concat(segments!);
    const options = choices as { strict: boolean; preview: 'continue' | 'stop'; ownsBytes: boolean };
    const whole = recordRequests([all], options);
    assert.ok([undefined, 400, 501, 505].includes(whole.error?.icapStatus), 'a status that no parser gives');
    assertSameAndBounded(all, whole, recordRequests(segments!, options), seen);
  },
};

const responseTarget: FuzzTarget = {
  name: 'icap-response',
  runsPerTurn: 1000,
  cases: cases(responses, fc.record({ strict: fc.boolean(), method: fc.constantFrom(...METHODS) })),
  check({ connections: [segments], choices }, seen) {
    const all = Buffer.concat(segments!);
    const { strict, method } = choices as { strict: boolean; method: IcapMethod };
    const whole = recordResponses([all], method, { strict });
    assertSameAndBounded(all, whole, recordResponses(segments!, method, { strict }), seen);
  },
};

interface Decoded {
  readonly data: string;
  readonly trailers: readonly string[];
  readonly extension: string;
  readonly done: boolean;
  readonly consumed: number;
}

function decode(segments: readonly Buffer[], icap: boolean): Decoded {
  let data = '';
  let consumed = 0;
  const decoder = new ChunkedDecoder(
    (chunk) => (data += chunk.toString('latin1')),
    icap ? ICAP_CHUNKS : HTTP_CHUNKS,
  );
  for (const segment of segments) {
    const end = decoder.execute(segment, 0);
    consumed += end;
    if (decoder.done) break;
    assert.equal(end, segment.length, 'the decoder stops before the end');
  }
  const { trailers, extension, done } = decoder;
  return { data, trailers, extension, done, consumed };
}

const chunkedTarget: FuzzTarget = {
  name: 'chunked',
  runsPerTurn: 2000,
  cases: cases(bodies, fc.record({ icap: fc.boolean() })),
  check({ connections: [segments], choices }, seen) {
    const icap = choices['icap'] === true;
    const whole = typed(() => decode([Buffer.concat(segments!)], icap), seen);
    const cut = typed(() => decode(segments!, icap), seen);
    if (isWeirError(whole)) return assert.equal((cut as WeirError).code, whole.code);
    assert.deepEqual(cut, whole, 'the body depends on the cut');
    if (!whole.done) return;
    assertFieldsAreSafe(whole.trailers);
    const size = whole.data.length;
    const data = size === 0 ? '' : `${size.toString(16)}\r\n${whole.data}\r\n`;
    const again = Buffer.from(data + lastChunk(whole.trailers, whole.extension), 'latin1');
    assert.deepEqual(decode([again], icap), { ...whole, consumed: again.length }, 'not read back as written');
  },
};

const encapsulatedTarget: FuzzTarget = {
  name: 'encapsulated',
  runsPerTurn: 2000,
  cases: cases(
    encapsulatedValues,
    fc.record({
      method: fc.constantFrom(...METHODS),
      side: fc.constantFrom('request', 'response'),
      lenient: fc.boolean(),
    }),
  ),
  check({ connections: [segments], choices }, seen) {
    const { method, side, lenient } = choices as { method: IcapMethod; side: IcapSide; lenient: boolean };
    const value = Buffer.concat(segments!).toString('latin1');
    const parsed = typed(() => parseEncapsulated(value, method, side, lenient), seen);
    if (isWeirError(parsed)) return;
    const parts: { name: PartName; offset: number }[] = [];
    let offset = 0;
    for (const { name, length } of parsed.sections) {
      assert.ok(length > 0, 'an empty section');
      parts.push({ name, offset });
      offset += length;
    }
    assert.equal(offset, parsed.headerBytes, 'the sections do not add up');
    if (parsed.sections.length === 0) assert.equal(parsed.headerBytes, 0);
    const text = formatEncapsulated([...parts, { name: parsed.body ?? 'null-body', offset }]);
    assert.deepEqual(parseEncapsulated(text, method, side, false), parsed, 'not read back as written');
  },
};

const headTarget: FuzzTarget = {
  name: 'http-head',
  runsPerTurn: 2000,
  cases: cases(sections),
  check: ({ connections: [segments] }, seen) => assertHeadRoundTrips(Buffer.concat(segments!), seen),
};

const uriTarget: FuzzTarget = {
  name: 'icap-uri',
  runsPerTurn: 2000,
  cases: cases(uris),
  check({ connections: [segments] }, seen) {
    const uri = Buffer.concat(segments!).toString('latin1');
    const legal = isIcapUri(uri);
    seen(legal ? 'accepted' : 'refused');
    if (!legal) return;
    const path = servicePath(uri);
    assert.ok(path.startsWith('/'), 'a path without its slash');
    assert.ok(!path.includes('?') && uri.includes(path === '/' ? '' : path), 'a path that is not in the URI');
    assert.ok(uri.endsWith(serviceArguments(uri)));
  },
};

/** What a reader makes of the segments: the header and how many bytes it had, or null. */
function readProxyHeader(segments: readonly Buffer[]): { header: unknown; length: number } | null {
  const reader = new ProxyHeaderReader();
  let read = 0;
  for (const segment of segments) {
    const found = reader.execute(segment);
    if (found !== null) return { header: found.header, length: read + found.end };
    read += segment.length;
  }
  return null;
}

const PROXY_HEADERS = [
  ...['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'].flatMap((source) => [
    Buffer.from(line(source), 'latin1'),
    binary(source, 40_000, { checksum: true }),
    binary(source, 40_000, { extensions: [[0x20, Buffer.from('ssl')]] }),
  ]),
  Buffer.from('PROXY UNKNOWN\r\n', 'latin1'),
  binary('', 0, { command: 0 }),
];

const proxyTarget: FuzzTarget = {
  name: 'proxy-header',
  runsPerTurn: 2000,
  cases: cases(PROXY_HEADERS.map((header) => Buffer.concat([header, Buffer.from('OPTIONS')]))),
  check({ connections: [segments] }, seen) {
    const all = Buffer.concat(segments!);
    const whole = typed(() => readProxyHeader([all]), seen);
    const cut = typed(() => readProxyHeader(segments!), seen);
    if (isWeirError(whole)) return assert.equal((cut as WeirError).code, whole.code);
    assert.deepEqual(cut, whole, 'the header depends on the cut');
    assert.ok((whole?.length ?? 0) <= all.length, 'more was read than came');
  },
};

export const codecTargets: readonly FuzzTarget[] = [
  requestTarget,
  responseTarget,
  chunkedTarget,
  encapsulatedTarget,
  headTarget,
  uriTarget,
  proxyTarget,
];

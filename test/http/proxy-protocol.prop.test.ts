// A header means the same however it is cut, and bytes that are none never do anything but fail as such.

import { expect } from '@jest/globals';
import { fc, test } from '@fast-check/jest';
import { ProxyHeaderReader } from '../../src/http/proxy-protocol.ts';
import { binary, line } from '../icap/server/proxy-headers.ts';

const RUNS = 300;
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6().filter((text) => !text.includes('.') && text.includes('::')),
);
const extension = fc.tuple(
  fc.integer({ min: 0x20, max: 0xff }),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);
const header = fc.oneof(
  fc.tuple(fc.ipV4(), fc.nat(65_535)).map(([source, port]) => Buffer.from(line(source, port))),
  fc
    .tuple(fc.ipV4(), fc.nat(65_535), fc.array(extension, { maxLength: 5 }), fc.boolean())
    .map(([source, port, extensions, checksum]) => binary(source, port, { extensions, checksum })),
  address.map((source) => binary(source.includes(':') ? '2001:db8::1' : source, 1, { command: 0 })),
);

/** Feeds the pieces; what was read and what is left, or the code of the error. */
function read(pieces: readonly Buffer[]) {
  const reader = new ProxyHeaderReader();
  for (const [index, piece] of pieces.entries()) {
    try {
      const found = reader.execute(piece);
      if (found === null) continue;
      const rest = Buffer.concat([piece.subarray(found.end), ...pieces.slice(index + 1)]);
      return { header: found.header, rest: rest.toString('latin1') };
    } catch (error) {
      return { code: (error as { code?: unknown }).code };
    }
  }
  return { unfinished: true };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const edges = [0, ...places, bytes.length];
  return edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
}

test.prop([header, fc.uint8Array({ maxLength: 60 }), fc.array(fc.nat(5000), { maxLength: 12 })], {
  numRuns: RUNS,
})('a header and what follows it are read alike wherever they are cut', (bytes, following, at) => {
  const whole = Buffer.concat([bytes, Buffer.from(following)]);
  const expected = read([whole]);
  expect(expected).toMatchObject({ header: {}, rest: Buffer.from(following).toString('latin1') });
  expect(read(cut(whole, at))).toEqual(expected);
  expect(read([...whole].map((byte) => Buffer.from([byte])))).toEqual(expected);
});

test.prop(
  [
    header,
    fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    fc.array(fc.nat(5000), { maxLength: 4 }),
  ],
  { numRuns: RUNS },
)('a damaged header is read, refused or waited for, alike wherever it is cut', (bytes, changes, at) => {
  const damaged = Buffer.from(bytes);
  for (const [place, value] of changes) damaged[place % damaged.length] = value;
  const result = read([damaged]);
  if ('code' in result) expect(result.code).toBe('ERR_PROXY_HEADER');
  expect(read(cut(damaged, at))).toEqual(result);
});

test.prop([fc.uint8Array({ maxLength: 6000 })], { numRuns: RUNS })(
  'any bytes are read, refused or waited for',
  (bytes) => {
    const result = read([Buffer.from(bytes)]);
    if ('code' in result) expect(result.code).toBe('ERR_PROXY_HEADER');
  },
);

// Generators for parser properties: damaged copies of known messages, and ways to cut bytes into segments.

import fc from 'fast-check';

/** Cuts `bytes` at the given places (taken modulo its length) into non-empty segments. */
export function segmentsOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const segments: Buffer[] = [];
  let from = 0;
  for (const to of [...places, bytes.length]) {
    if (to > from) segments.push(bytes.subarray(from, to));
    from = Math.max(from, to);
  }
  return segments;
}

/** Places to cut at: a few, many, or every byte. */
export const cuts: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.nat(10_000), { maxLength: 4 }),
  fc.array(fc.nat(10_000), { maxLength: 200 }),
  fc.constant(Array.from({ length: 4000 }, (_, at) => at)),
);

type Damage =
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'delete'; at: number; count: number }
  | { kind: 'insert'; at: number; bytes: Buffer }
  | { kind: 'repeat'; at: number; count: number }
  | { kind: 'truncate'; at: number };

const INTERESTING = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  'ffffffff',
  '-',
  '\0',
  '\xff',
  '0; ieof',
];

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(10_000), bit: fc.nat(7) }),
  fc.record({
    kind: fc.constant('delete' as const),
    at: fc.nat(10_000),
    count: fc.integer({ min: 1, max: 8 }),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: fc.nat(10_000),
    bytes: fc.oneof(
      fc.constantFrom(...INTERESTING).map((text) => Buffer.from(text, 'latin1')),
      fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    ),
  }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at: fc.nat(10_000),
    count: fc.integer({ min: 1, max: 60 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(10_000) }),
);

function apply(bytes: Buffer, change: Damage): Buffer {
  const at = change.at % (bytes.length + 1);
  const before = bytes.subarray(0, at);
  switch (change.kind) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      if (at < copy.length) copy[at]! ^= 1 << change.bit;
      return copy;
    }
    case 'delete':
      return Buffer.concat([before, bytes.subarray(at + change.count)]);
    case 'insert':
      return Buffer.concat([before, change.bytes, bytes.subarray(at)]);
    case 'repeat':
      return Buffer.concat([before, bytes.subarray(at, at + change.count), bytes.subarray(at)]);
    default:
      return before;
  }
}

/** One of the messages with one to four damages, or the head of one spliced to the tail of another. */
export function damaged(messages: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const any = fc.constantFrom(...messages);
  const spliced = fc
    .tuple(any, any, fc.nat(10_000), fc.nat(10_000))
    .map(([head, tail, to, from]) =>
      Buffer.concat([head.subarray(0, to % (head.length + 1)), tail.subarray(from % (tail.length + 1))]),
    );
  return fc
    .tuple(
      fc.oneof({ weight: 3, arbitrary: any }, { weight: 1, arbitrary: spliced }),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
    )
    .map(([message, changes]) => changes.reduce(apply, message));
}

// Generators for parser properties: damaged copies of known messages, and ways to cut bytes into segments.
// Damage is done to bytes (bits, pieces) and to what the protocols are made of: lines, line ends, numbers,
// chunk lines.

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
  | { kind: 'truncate'; at: number }
  | { kind: 'line'; at: number; change: 'double' | 'remove' | 'swap'; insert: string }
  | { kind: 'number' | 'chunk' | 'end'; at: number; by: string };

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

/** Lines that change how the rest is read. */
const LINES = [
  '',
  'Preview: 0',
  'Preview: 4',
  'Allow: 204, 206, trailers',
  'Connection: close',
  'Transfer-Encoding: chunked',
  'Content-Length: 5',
  'Encapsulated: null-body=0',
  'Encapsulated: req-hdr=0, req-body=20',
  'Encapsulated: res-body=0',
  ' folded',
  'Host: other',
];

const NUMBERS = ['', '0', '00', '1', '-1', '+1', '0x10', '1e3', ' 1', '4294967295', '4294967296'];
NUMBERS.push('9007199254740991', '9007199254740992', '99999999999999999999', 'ffffffffffffffff', '1 1');
const CHUNK_LINES = ['0', '0; ieof', '0;ieof', '0; use-original-body=2', '1', 'fffffff', '5; ieof', 'g', ''];
CHUNK_LINES.push('5;a="\r\n"', '05', '5 ', ' 5', '8000000000000000', `1;${'x'.repeat(5000)}`);
const LINE_ENDS = ['', '\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '\r\n ', '\r\n\t', '\r\n0\r\n\r\n'];

const change = (kind: 'number' | 'chunk' | 'end', values: readonly string[]): fc.Arbitrary<Damage> =>
  fc.record({ kind: fc.constant(kind), at: fc.nat(10_000), by: fc.constantFrom(...values) });

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
  fc.record({
    kind: fc.constant('line' as const),
    at: fc.nat(10_000),
    change: fc.constantFrom('double' as const, 'remove' as const, 'swap' as const),
    insert: fc.constantFrom(...LINES),
  }),
  change('number', NUMBERS),
  change('chunk', CHUNK_LINES),
  change('end', LINE_ENDS),
);

const PLACES = { number: /\d+/g, chunk: /(?<=\r\n)[0-9a-fA-F]+(?:;[^\r\n]*)?(?=\r\n)/g, end: /\r\n/g };

/** The bytes with one of the places that `found` matches replaced. */
function replaceOne(bytes: Buffer, found: RegExp, at: number, by: string): Buffer {
  const text = bytes.toString('latin1');
  const places = [...text.matchAll(found)];
  if (places.length === 0) return bytes;
  const { index, 0: old } = places[at % places.length]!;
  return Buffer.from(text.slice(0, index) + by + text.slice(index + old.length), 'latin1');
}

function changeLine(bytes: Buffer, { at, change, insert }: Extract<Damage, { kind: 'line' }>): Buffer {
  const lines = bytes.toString('latin1').split('\r\n');
  const line = at % lines.length;
  if (insert !== '') lines.splice(line, 0, insert);
  else if (change === 'double') lines.splice(line, 0, lines[line]!);
  else if (change === 'remove') lines.splice(line, 1);
  else lines.push(...lines.splice(line, 1));
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

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
    case 'truncate':
      return before;
    case 'line':
      return changeLine(bytes, change);
    default:
      return replaceOne(bytes, PLACES[change.kind], change.at, change.by);
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

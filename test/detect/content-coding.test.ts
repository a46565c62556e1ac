import { describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import {
  decodeContent,
  DEFAULT_BUDGET,
  Ledger,
  parseCodings,
  supportedCodings,
  type CodingOutcome,
} from '../../src/detect/index.ts';

const TEXT = Buffer.from('All that glitters is not gold. '.repeat(500));

async function decode(
  bytes: Buffer,
  codings: string[],
  { split = bytes.length || 1, ledger = new Ledger() } = {},
): Promise<{ output: Buffer; result: CodingOutcome; ledger: Ledger }> {
  const chunks = async function* () {
    for (let at = 0; at < bytes.length; at += split) yield bytes.subarray(at, at + split);
  };
  const decoder = decodeContent(chunks(), codings, ledger);
  const output: Buffer[] = [];
  for (;;) {
    const step = await decoder.next();
    if (step.done) return { output: Buffer.concat(output), result: step.value, ledger };
    output.push(step.value);
  }
}

describe('parseCodings', () => {
  test('lists codings in the order of the field, without identity', () => {
    expect(parseCodings(' GZip ,identity,, br')).toEqual(['gzip', 'br']);
    expect(parseCodings(undefined)).toEqual([]);
  });
});

describe('decodeContent', () => {
  const coded: [string, string[], Buffer][] = [
    ['gzip', ['gzip'], zlib.gzipSync(TEXT)],
    ['x-gzip', ['x-gzip'], zlib.gzipSync(TEXT)],
    ['deflate in the zlib format', ['deflate'], zlib.deflateSync(TEXT)],
    ['deflate without the zlib format', ['deflate'], zlib.deflateRawSync(TEXT)],
    ['br', ['br'], zlib.brotliCompressSync(TEXT)],
    ['gzip, then br', ['gzip', 'br'], zlib.brotliCompressSync(zlib.gzipSync(TEXT))],
    ['identity', [], TEXT],
  ];
  test.each(coded)('decodes %s, whole and byte by byte', async (_name, codings, bytes) => {
    for (const split of [bytes.length, 7, 1]) {
      const { output, result } = await decode(bytes, codings, { split });
      expect(output.equals(TEXT)).toBe(true);
      expect(result).toEqual({ outcome: 'decoded' });
    }
  });

  test('decodes large content with output in pieces', async () => {
    const large = randomBytes(3 * 2 ** 20);
    const { output } = await decode(zlib.gzipSync(large), ['gzip']);
    expect(output.equals(large)).toBe(true);
  });

  test('joins concatenated gzip members and ignores garbage behind the last', async () => {
    const bytes = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two'), Buffer.from('garbage')]);
    for (const split of [bytes.length, 1]) {
      const { output, result } = await decode(bytes, ['gzip'], { split });
      expect(output.toString()).toBe('one two');
      expect(result.outcome).toBe('decoded');
    }
  });

  test('reads gzip headers with extra field, name, comment and checksum', async () => {
    const plain = zlib.gzipSync(TEXT);
    const head = Buffer.from(plain.subarray(0, 10));
    head[3] = 2 | 4 | 8 | 16;
    const optional = Buffer.concat([
      Buffer.from([3, 0, 1, 2, 3]),
      Buffer.from('name\0comment\0'),
      Buffer.from([9, 9]),
    ]);
    const { output } = await decode(Buffer.concat([head, optional, plain.subarray(10)]), ['gzip'], {
      split: 3,
    });
    expect(output.equals(TEXT)).toBe(true);
  });

  test('delivers content in spite of a wrong gzip checksum, as browsers do', async () => {
    const bytes = zlib.gzipSync(TEXT);
    bytes.writeUInt32LE(1, bytes.length - 8);
    const { output } = await decode(bytes, ['gzip']);
    expect(output.equals(TEXT)).toBe(true);
  });

  test.each([
    ['gzip', zlib.gzipSync(TEXT)],
    ['deflate', zlib.deflateSync(TEXT)],
    ['br', zlib.brotliCompressSync(randomBytes(20_000))],
  ])(
    'delivers what a truncated %s stream decodes to, and says that it is truncated',
    async (coding, bytes) => {
      const { output, result } = await decode(bytes.subarray(0, bytes.length - 12), [coding]);
      expect(output.length).toBeGreaterThan(0);
      expect(result).toEqual({ outcome: 'malformed', coding, truncated: true });
    },
  );

  test('names damage within as malformed and not as truncated', async () => {
    const result = (await decode(Buffer.from('<html>not compressed at all</html>'), ['gzip'])).result;
    expect(result).toEqual({ outcome: 'malformed', coding: 'gzip', truncated: false });
  });

  test('passes bytes through before a coding that it does not know', async () => {
    const { output, result } = await decode(zlib.gzipSync(TEXT), ['x-secret', 'gzip']);
    expect(output.equals(TEXT)).toBe(true);
    expect(result).toEqual({ outcome: 'unknown-coding', coding: 'x-secret' });
  });

  test('refuses a long row of codings', async () => {
    const { result } = await decode(TEXT, Array<string>(50).fill('gzip'));
    expect(result.outcome).toBe('unknown-coding');
  });

  test.each([
    ['gzip', zlib.gzipSync(Buffer.alloc(64 * 2 ** 20))],
    [
      'br',
      zlib.brotliCompressSync(Buffer.alloc(64 * 2 ** 20), {
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 },
      }),
    ],
  ])('stops a %s bomb by its ratio', async (coding, bytes) => {
    const { output, result, ledger } = await decode(bytes, [coding]);
    expect(result).toEqual({ outcome: 'over-budget', coding });
    expect(output.length).toBeLessThan(18 * 2 ** 20);
    expect(ledger.troubles).toEqual([expect.objectContaining({ kind: 'budget' })]);
  });

  test('stops at the limit of growth, and not one byte before it', async () => {
    const bytes = zlib.gzipSync(TEXT);
    const growth = TEXT.length - (bytes.length - 18); // header and trailer are not the stream's
    const at = new Ledger({ ...DEFAULT_BUDGET, maxMemberBytes: growth });
    expect((await decode(bytes, ['gzip'], { ledger: at })).result.outcome).toBe('decoded');
    const below = new Ledger({ ...DEFAULT_BUDGET, maxMemberBytes: growth - 1 });
    expect((await decode(bytes, ['gzip'], { ledger: below })).result.outcome).toBe('over-budget');
  });

  test('takes an empty body for decoded whatever its coding', async () => {
    expect((await decode(Buffer.alloc(0), ['gzip'])).result).toEqual({ outcome: 'decoded' });
  });

  test('offers zstd exactly where Node has it', async () => {
    const compress = (zlib as unknown as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync;
    expect(supportedCodings().includes('zstd')).toBe(compress !== undefined);
    if (compress === undefined) return;
    expect((await decode(compress(TEXT), ['zstd'])).output.equals(TEXT)).toBe(true);
  });
});

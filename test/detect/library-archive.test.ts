import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { crc32, gzipSync } from 'node:zlib';
import { fileSource } from '../../src/detect/index.ts';
import { zipOf } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { kinds, seen } from './seen.ts';

const MIB = 2 ** 20;
const RAR4_ENCRYPTED = 0x04;
const LINES = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('');
const NOISE = randomBytes(50_000);
/** Noise that repeats at a distance of 50,000 bytes, runs of 90,000, and bytes of few values. */
const MIXED = Buffer.concat([
  NOISE,
  NOISE,
  Buffer.alloc(90_000, 'r'),
  Buffer.from(LINES),
  NOISE.map((byte) => byte & 0x13),
  NOISE.subarray(0, 1000),
]);
const BOTH = { 'a.txt': 'short', 'lines.txt': LINES };

/** A block of RAR 4: the low half of its CRC-32, then its fields, then data. */
function rar4Block(fields: Buffer, data: Buffer = Buffer.alloc(0)): Buffer {
  const crc = Buffer.alloc(2);
  crc.writeUInt16LE(crc32(fields) & 0xffff);
  return Buffer.concat([crc, fields, data]);
}

/** RAR 4 with one stored member; no free program writes RAR. */
function rar4(name: string, data: Buffer, flags = 0): Buffer {
  const main = Buffer.from('7300000d00000000000000', 'hex');
  const file = Buffer.alloc(30 + name.length);
  file.writeUInt8(0x74, 0);
  file.writeUInt16LE(0x8000 | flags, 1);
  file.writeUInt16LE(file.length + 2, 3);
  file.writeUInt32LE(data.length, 5);
  file.writeUInt32LE(data.length, 9);
  file.writeUInt8(3, 13); // Unix
  file.writeUInt32LE(crc32(data), 14);
  file.writeUInt8(20, 22);
  file.writeUInt8(0x30, 23); // stored
  file.writeUInt16LE(name.length, 24);
  file.writeUInt32LE(0o100644, 26);
  file.write(name, 30);
  const end = Buffer.from('7b00400700', 'hex');
  const mark = Buffer.from('Rar!\x1a\x07\x00', 'latin1');
  return Buffer.concat([mark, rar4Block(main), rar4Block(file, data), rar4Block(end)]);
}

/** RAR 5 with one stored member; all numbers below 128, so that each is one byte. */
function rar5(name: string, data: Buffer): Buffer {
  const block = (fields: number[], text = '', body: Buffer = Buffer.alloc(0)): Buffer => {
    const head = Buffer.concat([Buffer.from([fields.length + text.length, ...fields]), Buffer.from(text)]);
    const crc = Buffer.alloc(4);
    crc.writeUInt32LE(crc32(head));
    return Buffer.concat([crc, head, body]);
  };
  const mark = Buffer.from('Rar!\x1a\x07\x01\x00', 'latin1');
  // Type 2 with data: its size, no file flags, plain size, attributes, stored, Unix, the name.
  const file = [2, 2, data.length, 0, data.length, 0, 0, 1, name.length];
  return Buffer.concat([mark, block([1, 0, 0]), block(file, name, data), block([5, 0, 0])]);
}

describe('walk through RAR', () => {
  test.each([
    ['4', rar4('in.zip', zipOf([{ name: 'a', data: Buffer.from('deep') }]))],
    ['5', rar5('in.zip', zipOf([{ name: 'a', data: Buffer.from('deep') }]))],
  ])('opens version %s and what is in it', async (_version, bytes) => {
    // Stored: the whole ends in a zip's directory, and must not be taken for that zip.
    const result = await seen(bytes);
    expect(result.contents['in.zip!/a']).toBe('deep');
    expect(result.troubles).toEqual([]);
    expect(kinds(await seen(bytes.subarray(0, 60)))).toEqual(['malformed']);
  });

  test('names encrypted members', async () => {
    const bytes = rar4('a', Buffer.from('0123456789abcdef'), RAR4_ENCRYPTED);
    expect(kinds(await seen(bytes))).toEqual(['encrypted']);
  });
});

describeWithPeer(['7z', 'cpio', 'gcab', 'genisoimage'], () => {
  let folder: TempDir;
  const run = (command: string, args: string[], input?: string | Buffer): Buffer =>
    execFileSync(command, args, { cwd: folder.path, input: input ?? '', stdio: ['pipe', 'pipe', 'ignore'] });
  const file = (name: string): Promise<Buffer> => readFile(folder.join(name));

  beforeAll(async () => {
    folder = await tempDir();
    await folder.write('a.txt', 'short');
    await folder.write('lines.txt', LINES);
    const both = ['a.txt', 'lines.txt'];
    run('7zz', ['a', 'plain.7z', ...both]);
    run('7zz', ['a', '-psecret', 'members.7z', 'a.txt']);
    run('7zz', ['a', '-psecret', '-mhe=on', 'headers.7z', 'a.txt']);
    run('7zz', ['a', '-sibomb', 'bomb.7z'], Buffer.alloc(24 * MIB));
    run('gcab', ['-c', '-z', 'plain.cab', ...both]);
    run('genisoimage', ['-quiet', '-J', '-R', '-o', 'plain.iso', ...both]);
    for (const format of ['newc', 'odc', 'bin'])
      await folder.write(`${format}.cpio`, run('cpio', ['-o', '-H', format], both.join('\n')));
    await folder.write('lines.xz', run('xz', ['-c', 'lines.txt']));
    await folder.write('lines.bz2', run('bzip2', ['-c', 'lines.txt']));
    await folder.write('bomb.xz', run('xz', ['-0', '-c'], Buffer.alloc(24 * MIB)));
    await folder.write('bomb.bz2', run('bzip2', ['-c'], Buffer.alloc(24 * MIB)));
    for (const method of ['bzip2', 'xz']) run('7zz', ['a', `-mm=${method}`, `${method}.zip`, 'lines.txt']);
    run('7zz', ['a', '-mm=deflate64', 'deflate64.zip', 'lines.txt']);
    await folder.write('mixed.bin', MIXED);
    run('7zz', ['a', '-mm=deflate64', 'mixed.zip', 'mixed.bin']);
    run('7zz', ['a', '-mm=deflate64', '-sibomb', 'bomb64.zip'], Buffer.alloc(24 * MIB));
    run('7zz', ['a', '-mm=deflate64', '-psecret', 'secret64.zip', 'lines.txt']);
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  test.each(['plain.7z', 'plain.cab', 'plain.iso', 'newc.cpio', 'odc.cpio', 'bin.cpio'])(
    'opens %s, plain and within a zip',
    async (name) => {
      const bytes = await file(name);
      expect(await seen(bytes)).toEqual({ contents: BOTH, troubles: [] });
      const nested = await seen(zipOf([{ name, data: bytes }]));
      expect(nested.contents).toMatchObject({ [`${name}!/a.txt`]: 'short', [`${name}!/lines.txt`]: LINES });
      expect(nested.troubles).toEqual([]);
    },
  );

  test('opens archives of which one lies within the other', async () => {
    run('7zz', ['a', 'outer.7z', 'plain.7z', 'plain.cab']);
    const result = await seen(await file('outer.7z'));
    expect(result.contents['plain.7z!/lines.txt']).toBe(LINES);
    expect(result.contents['plain.cab!/lines.txt']).toBe(LINES);
    expect(result.troubles).toEqual([]);
  });

  test.each([
    ['lines.xz', 'xz content'],
    ['lines.bz2', 'bzip2 content'],
  ])('decodes %s to the byte, once and twice in a row', async (name, content) => {
    const bytes = await file(name);
    expect(await seen(bytes)).toEqual({ contents: { [content]: LINES }, troubles: [] });
    const twice = await seen(Buffer.concat([bytes, bytes]));
    expect(twice).toEqual({ contents: { [content]: LINES + LINES }, troubles: [] });
  });

  test('decodes compressed files of all lengths to the byte', async () => {
    for (const length of [0, 31, 32, 33, 65_536, 65_568, 100_001]) {
      const bytes = randomBytes(length);
      const result = await seen(run('bzip2', ['-c'], bytes));
      expect([length, result.contents['bzip2 content'] === bytes.toString('latin1')]).toEqual([length, true]);
      expect(result.troubles).toEqual([]);
    }
  });

  test.each([
    ['xz', 'YZ'],
    ['bz2', ''],
  ])('decodes an .%s file that garbage follows', async (ending) => {
    const result = await seen(Buffer.concat([await file(`lines.${ending}`), Buffer.from('garbage')]));
    expect(Object.values(result.contents)).toEqual([LINES]);
  });

  test('opens a tar within xz, and zip members packed by bzip2 and xz', async () => {
    run('tar', ['-cJf', 'a.tar.xz', 'a.txt', 'lines.txt']);
    expect((await seen(await file('a.tar.xz'))).contents).toMatchObject({
      'xz content!/a.txt': 'short',
      'xz content!/lines.txt': LINES,
    });
    for (const name of ['bzip2.zip', 'xz.zip'])
      expect(await seen(await file(name))).toEqual({ contents: { 'lines.txt': LINES }, troubles: [] });
  });

  test('opens zip members packed by Deflate64, with matches further back than Deflate has them', async () => {
    const text = await file('deflate64.zip');
    expect(text.readUInt16LE(8)).toBe(9); // the method
    expect(await seen(text)).toEqual({ contents: { 'lines.txt': LINES }, troubles: [] });
    const mixed = await seen(zipOf([{ name: 'in.zip', data: await file('mixed.zip') }]));
    expect(mixed.contents['in.zip!/mixed.bin'] === MIXED.toString('latin1')).toBe(true);
    expect(mixed.troubles).toEqual([]);
  });

  test('names Deflate64 members that are encrypted, cut off, damaged, and bombs', async () => {
    expect(kinds(await seen(await file('secret64.zip')))).toEqual(['encrypted']);
    expect(kinds(await seen(await file('bomb64.zip')))).toEqual(['budget']);
    const whole = await file('mixed.zip');
    const cut = await seen(whole.subarray(0, whole.length / 2));
    expect(kinds(cut)).toEqual(['malformed']);
    const got = cut.contents['mixed.bin']!;
    expect([got.length > 20_000, MIXED.toString('latin1').startsWith(got)]).toEqual([true, true]);
    for (let at = 60; at < 4000; at += 97) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 0x55;
      await seen(damaged); // neither throws nor hangs
    }
  });

  test('names encrypted members, and encrypted headers that hide all members', async () => {
    expect((await seen(await file('members.7z'))).troubles).toEqual([
      { kind: 'encrypted', path: 'a.txt', detail: 'archive member is encrypted' },
    ]);
    expect((await seen(await file('headers.7z'))).troubles).toEqual([
      expect.objectContaining({ kind: 'encrypted', path: '' }),
    ]);
  });

  test.each(['bomb.7z', 'bomb.xz', 'bomb.bz2'])('stops %s at the ratio', async (name) => {
    const result = await seen(gzipSync(await file(name)));
    expect(result.troubles).toEqual([
      expect.objectContaining({ kind: 'budget', detail: 'expands more than 250 times (maxRatio)' }),
    ]);
    const longest = Math.max(...Object.values(result.contents).map(({ length }) => length));
    expect(longest).toBeLessThanOrEqual(17 * MIB);
  });

  test('stops at each limit of the budget', async () => {
    const bytes = await file('plain.7z');
    expect((await seen(bytes, {}, { maxMembers: 1 })).troubles[0]!.detail).toContain('maxMembers');
    expect((await seen(bytes, {}, { maxMemberBytes: 5000 })).troubles[0]!.detail).toContain('maxMemberBytes');
    expect((await seen(bytes, {}, { maxTotalBytes: 5000 })).troubles[0]!.detail).toContain('maxTotalBytes');
    const nested = zipOf([{ name: 'plain.7z', data: bytes }]);
    expect((await seen(nested, {}, { maxDepth: 1 })).troubles[0]!.detail).toContain('maxDepth');
  });

  test('never passes over a truncated archive in silence', async () => {
    for (const name of ['plain.7z', 'plain.cab', 'plain.iso', 'newc.cpio', 'lines.xz', 'lines.bz2']) {
      const bytes = await file(name);
      for (const part of [0.1, 0.5, 0.9]) {
        const cut = name === 'plain.iso' ? 40_000 : Math.floor(bytes.length * part);
        const result = await seen(bytes.subarray(0, Math.max(cut, 40)));
        expect([name, part, kinds(result)]).toEqual([name, part, ['malformed']]);
      }
    }
  });

  test('survives damage anywhere, and opens the next archive after it', async () => {
    for (const name of ['plain.7z', 'plain.cab', 'newc.cpio', 'lines.xz', 'lines.bz2']) {
      const bytes = await file(name);
      for (let at = 12; at < bytes.length; at += Math.ceil(bytes.length / 10)) {
        const damaged = Buffer.from(bytes);
        damaged[at]! ^= 0xff;
        await seen(damaged);
      }
    }
    expect((await seen(await file('plain.7z'))).contents).toEqual(BOTH);
  });

  test('reports an archive that is larger than its reader can hold', async () => {
    const large = await folder.write('large.7z', await file('plain.7z'));
    const handle = await open(large, 'r+');
    await handle.truncate(129 * MIB);
    await handle.close();
    const source = await fileSource(large);
    expect((await seen({ ...source, chunks: async function* () {} })).troubles).toEqual([
      expect.objectContaining({ kind: 'oversized' }),
    ]);
    await source.close();
  });
});

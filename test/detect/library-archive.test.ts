import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { fileSource } from '../../src/detect/index.ts';
import { zipOf } from '../support/eicar.ts';
import { describeWithPeer } from '../support/peers/describeWithPeer.ts';
import { tempDir, type TempDir } from '../support/tempDir.ts';
import { kinds, seen } from './seen.ts';

const MIB = 2 ** 20;
const LINES = Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join('');
const BOTH = { 'a.txt': 'short', 'lines.txt': LINES };

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
    expect(kinds(await seen(await file('deflate64.zip')))).toEqual(['unsupported']);
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

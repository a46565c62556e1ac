import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { fileSource, memorySource, type ByteSource } from '../../src/detect/index.ts';
import { zipOf } from '../support/eicar.ts';
import { tempDir } from '../support/tempDir.ts';
import { seen, type Seen } from './seen.ts';

const kinds = ({ troubles }: Seen) => troubles.map(({ kind }) => kind);

describe('walk through archives', () => {
  test('yields deflated and stored members of what zip writes', async () => {
    await using folder = await tempDir();
    await mkdir(folder.join('docs'));
    await folder.write('docs/long.txt', 'abc'.repeat(1000));
    await folder.write('short.txt', 'short');
    execFileSync('zip', ['-q', '-r', 'a.zip', 'docs', 'short.txt'], { cwd: folder.path });
    execFileSync('zip', ['-q', '-0', 'stored.zip', 'short.txt'], { cwd: folder.path });
    const result = await seen(await readFile(folder.join('a.zip')));
    expect(result).toEqual({
      contents: { 'docs/long.txt': 'abc'.repeat(1000), 'short.txt': 'short' },
      troubles: [],
    });
    expect((await seen(await readFile(folder.join('stored.zip')))).contents).toEqual({
      'short.txt': 'short',
    });
  });

  test('reads a zip from a file, and a zip whose sizes follow the data', async () => {
    await using folder = await tempDir();
    const piped = execFileSync('zip', ['-q', '-', '-'], { input: 'from a pipe' });
    const source = await fileSource(await folder.write('piped.zip', piped));
    expect((await seen(source)).contents).toEqual({ '-': 'from a pipe' });
    await source.close();
  });

  test('keeps going past names that point out of the archive', async () => {
    const zip = zipOf([
      { name: '../../etc/x', data: Buffer.from('1') },
      { name: 'y', data: Buffer.from('2') },
    ]);
    expect((await seen(zip)).contents).toEqual({ '../../etc/x': '1', y: '2' });
  });

  test('names encrypted members and reads the others', async () => {
    await using folder = await tempDir();
    await folder.write('secret.txt', 'secret');
    await folder.write('plain.txt', 'plain');
    execFileSync('zip', ['-q', '-P', 'pass', 'a.zip', 'secret.txt'], { cwd: folder.path });
    execFileSync('zip', ['-q', 'a.zip', 'plain.txt'], { cwd: folder.path });
    const result = await seen(await readFile(folder.join('a.zip')));
    expect(result.contents).toEqual({ 'plain.txt': 'plain' });
    expect(result.troubles).toEqual([expect.objectContaining({ kind: 'encrypted', path: 'secret.txt' })]);
  });

  test('names compression methods that it does not know', async () => {
    const zip = zipOf([{ name: 'a', data: Buffer.from('x') }]);
    zip.writeUInt16LE(14, 8); // LZMA, in the local header
    zip.writeUInt16LE(14, zip.indexOf(Buffer.from('PK\x01\x02', 'latin1')) + 10);
    expect(kinds(await seen(zip))).toEqual(['unsupported']);
  });

  test('salvages the members of a zip that was cut off', async () => {
    const zip = zipOf([
      { name: 'first', data: Buffer.from('one') },
      { name: 'second', data: randomBytes(5000) },
    ]);
    const result = await seen(zip.subarray(0, 3000));
    expect(result.contents['first']).toBe('one');
    expect(result.contents['second']!.length).toBeGreaterThan(2000);
    expect(new Set(kinds(result))).toEqual(new Set(['malformed']));
  });

  test('salvages members with sizes behind the data when garbage hides the directory', async () => {
    const packed = deflateRawSync('hidden');
    const local = (name: string) => {
      const head = Buffer.alloc(30);
      head.write('PK\x03\x04', 'latin1');
      head.writeUInt16LE(8, 6);
      head.writeUInt16LE(8, 8);
      head.writeUInt16LE(name.length, 26);
      const descriptor = Buffer.alloc(16);
      descriptor.write('PK\x07\x08', 'latin1');
      descriptor.writeUInt32LE(crc32('hidden'), 4);
      return Buffer.concat([head, Buffer.from(name), packed, descriptor]);
    };
    const result = await seen(Buffer.concat([local('a'), local('b'), Buffer.from('garbage')]));
    expect(result.contents).toEqual({ a: 'hidden', b: 'hidden' });
    expect(kinds(result)).toEqual(['malformed']);
  });

  test('survives every truncation and any flipped byte of a zip', async () => {
    const zip = zipOf([
      { name: 'a', data: Buffer.from('text '.repeat(20)) },
      { name: 'b', data: randomBytes(40) },
    ]);
    for (let cut = 0; cut < zip.length; cut += 1) await seen(zip.subarray(0, cut));
    for (let at = 4; at < zip.length; at += 1) {
      const damaged = Buffer.from(zip);
      damaged[at]! ^= 0xff;
      await seen(damaged);
    }
  });

  test('yields the content of a .gz file, and of a tar within it', async () => {
    await using folder = await tempDir();
    await folder.write('a.txt', 'in a tar');
    const tar = execFileSync('tar', ['-c', '-C', folder.path, 'a.txt']);
    expect((await seen(gzipSync('in a gzip'))).contents).toEqual({ 'gzip content': 'in a gzip' });
    const both = await seen(gzipSync(tar));
    expect(both.contents['gzip content!/a.txt']).toBe('in a tar');
  });

  test('says that a truncated .gz file is malformed and yields its beginning', async () => {
    const result = await seen(gzipSync(randomBytes(4000)).subarray(0, 2000));
    expect(result.contents['gzip content']!.length).toBeGreaterThan(1500);
    expect(kinds(result)).toEqual(['malformed']);
  });

  test.each(['gnu', 'pax', 'ustar', 'v7'])('reads tar in %s format with long names', async (format) => {
    await using folder = await tempDir();
    const deep = `${'d'.repeat(60)}/${'e'.repeat(format === 'v7' ? 20 : 60)}`;
    await mkdir(folder.join(deep), { recursive: true });
    await folder.write(`${deep}/file.txt`, 'deep');
    await folder.write('empty', '');
    await folder.write('last', 'z'.repeat(513));
    const tar = execFileSync('tar', [
      `--format=${format}`,
      '-c',
      '-C',
      folder.path,
      'd'.repeat(60),
      'empty',
      'last',
    ]);
    const result = await seen(tar);
    expect(result.contents).toEqual({ [`${deep}/file.txt`]: 'deep', empty: '', last: 'z'.repeat(513) });
    expect(result.troubles).toEqual([]);
  });

  test('says where a tar is cut off', async () => {
    await using folder = await tempDir();
    await folder.write('a', 'a'.repeat(2000));
    const tar = execFileSync('tar', ['-c', '-C', folder.path, 'a']);
    const result = await seen(tar.subarray(0, 1000));
    expect(result.contents['a']).toBe('a'.repeat(488));
    expect(result.troubles).toEqual([{ kind: 'malformed', path: 'a', detail: 'tar ends within a member' }]);
  });

  test('reports archives that it does not open', async () => {
    const imploded = zipOf([{ name: 'a', data: Buffer.from('content') }]);
    imploded.writeUInt16LE(6, 8);
    imploded.writeUInt16LE(6, imploded.indexOf('PK\x01\x02') + 10);
    expect(kinds(await seen(imploded))).toEqual(['unsupported']);
    const within = await seen(zipOf([{ name: 'b.zip', data: imploded }]));
    expect(within.troubles).toEqual([expect.objectContaining({ kind: 'unsupported', path: 'b.zip!/a' })]);
  });
});

describe('walk within its budget', () => {
  const nested = (levels: number): Buffer =>
    levels === 0 ? Buffer.from('core') : zipOf([{ name: `${levels}.zip`, data: nested(levels - 1) }]);

  test('opens as many levels as allowed and reports the next', async () => {
    const open = await seen(nested(3), {}, { maxDepth: 3 });
    expect(open.contents['3.zip!/2.zip!/1.zip']).toBe('core');
    expect(open.troubles).toEqual([]);
    const closed = await seen(nested(3), {}, { maxDepth: 2 });
    expect(closed.troubles).toEqual([expect.objectContaining({ kind: 'budget', path: '3.zip!/2.zip' })]);
  });

  test('stops after the allowed number of members', async () => {
    const members = Array.from({ length: 5 }, (_, i) => ({ name: `${i}`, data: Buffer.from('x') }));
    const result = await seen(zipOf(members), {}, { maxMembers: 4 });
    expect(Object.keys(result.contents)).toEqual(['0', '1', '2', '3']);
    expect(kinds(result)).toEqual(['budget']);
  });

  test('stops when all members together grow too large', async () => {
    const data = Buffer.alloc(1000);
    const zip = zipOf(['a', 'b', 'c'].map((name) => ({ name, data })));
    const result = await seen(zip, {}, { maxTotalBytes: 2500 });
    expect(Object.keys(result.contents)).toEqual(['a', 'b', 'c']);
    expect(result.troubles).toEqual([expect.objectContaining({ kind: 'budget', path: 'c' })]);
  });

  test('does not count what incompressible members were sent with', async () => {
    const zip = zipOf([{ name: 'noise', data: randomBytes(5000) }]);
    expect((await seen(zip, {}, { maxMemberBytes: 10, maxTotalBytes: 10 })).troubles).toEqual([]);
  });

  test('skips one member that is too large and goes on with the next', async () => {
    const zip = zipOf([
      { name: 'big', data: Buffer.alloc(5000) },
      { name: 'small', data: Buffer.from('s') },
    ]);
    const result = await seen(zip, {}, { maxMemberBytes: 4000 });
    expect(result.contents['small']).toBe('s');
    expect(result.troubles).toEqual([expect.objectContaining({ kind: 'budget', path: 'big' })]);
  });

  test('sets a large nested archive aside without leaving a file', async () => {
    const inner = zipOf([
      { name: 'noise', data: randomBytes(5 * 2 ** 20) },
      { name: 'end', data: Buffer.from('x') },
    ]);
    const before = (await readdir(tmpdir())).filter((entry) => entry.startsWith('weir-unpack-'));
    const result = await seen(zipOf([{ name: 'inner.zip', data: inner }]));
    expect(result.contents['inner.zip!/end']).toBe('x');
    expect((await readdir(tmpdir())).filter((entry) => entry.startsWith('weir-unpack-'))).toEqual(before);
  });

  test('names a file that shrank meanwhile instead of failing', async () => {
    await using folder = await tempDir();
    const file = folder.join('a.zip');
    await writeFile(file, zipOf([{ name: 'a', data: randomBytes(4000) }]));
    const source = await fileSource(file);
    await truncate(file, 100);
    expect(kinds(await seen(source))).toContain('malformed');
    await source.close();
  });
});

describe('walk through uploads', () => {
  const upload = (boundary: string, ...parts: string[]) =>
    Buffer.from(
      `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`,
      'latin1',
    );
  const file = (name: string, content: string) =>
    `Content-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: x/y\r\n\r\n${content}`;

  test('yields parts by file name, else field name, else number', async () => {
    const body = upload(
      'b',
      file('a "b.txt'.replace('"', '\\"'), 'one'),
      'Content-Disposition: form-data; name=field\r\n\r\ntwo\r\n--bad\r\n',
      '\r\nthree',
      'X: y\r\n\r\n',
    );
    const result = await seen(body, { contentType: 'multipart/form-data; boundary=b' });
    expect(result.contents).toEqual({
      'a "b.txt': 'one',
      field: 'two\r\n--bad\r\n',
      'part-3': 'three',
      'part-4': '',
    });
    expect(result.troubles).toEqual([]);
  });

  test('finds the same parts wherever the chunks are split', async () => {
    const body = upload('b"c', file('1', '\r\n--b\r\r\n--b"'), file('2', 'x\r'));
    const contentType = 'Multipart/Form-Data; charset=utf-8; Boundary="b\\"c"';
    const expected = { '1': '\r\n--b\r\r\n--b"', '2': 'x\r' };
    for (let split = 1; split <= body.length; split += 1) {
      const source: ByteSource = {
        ...memorySource(body),
        async *chunks() {
          for (let at = 0; at < body.length; at += split) yield body.subarray(at, at + split);
        },
      };
      expect((await seen(source, { contentType })).contents).toEqual(expected);
    }
  });

  test('opens an archive that was uploaded', async () => {
    const zip = zipOf([{ name: 'in.txt', data: Buffer.from('deep') }]).toString('latin1');
    const result = await seen(upload('b', file('a.zip', zip)), {
      contentType: 'multipart/form-data; boundary=b',
    });
    expect(result.contents['a.zip!/in.txt']).toBe('deep');
  });

  test.each([
    ['without a boundary parameter', 'multipart/form-data', upload('b', file('x', 'y'))],
    [
      'without its closing boundary',
      'multipart/form-data; boundary=b',
      upload('b', file('x', 'y')).subarray(0, -8),
    ],
    ['with a part head that has no end', 'multipart/form-data; boundary=b', Buffer.from('--b\r\nX: y\r\n')],
    [
      'with an endless part head',
      'multipart/form-data; boundary=b',
      Buffer.from(`--b\r\nX: ${'y'.repeat(20_000)}`),
    ],
  ])('calls a body %s malformed', async (_name, contentType, body) => {
    expect(kinds(await seen(body, { contentType }))).toEqual(['malformed']);
  });
});

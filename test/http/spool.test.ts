// Bytes that outlive their passing: memory up to a bound, then a file that only we can read and that is
// gone when it is not needed any more. Real files in a folder of the test.

import { describe, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { collectBody } from '../../src/http/body.ts';
import { Spool, readFileBody } from '../../src/http/spool.ts';
import { tempDir } from '../support/tempDir.ts';
import { eventually } from './support.ts';

const MIB = 1024 * 1024;
const noop = (): void => {};

async function filled(folder: string, memoryBytes: number, ...chunks: (string | Buffer)[]): Promise<Spool> {
  const spool = new Spool({ memoryBytes, folder });
  for (const chunk of chunks) spool.append(Buffer.from(chunk as string), noop);
  await spool.flush();
  return spool;
}

describe('Spool', () => {
  test('keeps up to its bound in memory, and touches no disk', async () => {
    await using folder = await tempDir();
    const spool = await filled(folder.path, 6, 'abc', 'def');
    expect([spool.size, spool.path, spool.memory?.map(String)]).toEqual([6, null, ['abc', 'def']]);
    expect(readdirSync(folder.path)).toEqual([]);
    expect((await collectBody(spool.read(), 10)).toString()).toBe('abcdef');
    expect((await collectBody(spool.read(), 10)).toString()).toBe('abcdef');
  });

  test('moves everything to one file past its bound', async () => {
    await using folder = await tempDir();
    const spool = await filled(folder.path, 6, 'abc', 'def', 'g', 'hi');
    expect([spool.size, spool.memory]).toEqual([9, null]);
    expect(readFileSync(spool.path!, 'latin1')).toBe('abcdefghi');
    for (let i = 0; i < 2; i++) expect((await collectBody(spool.read(), 10)).toString()).toBe('abcdefghi');
    spool.dispose();
  });

  test('makes a file of mode 0600 in a folder of mode 0700 inside the given one', async () => {
    await using folder = await tempDir();
    const spool = await filled(folder.join('made/on/demand'), 0, 'secret');
    const path = spool.path!;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(dirname(dirname(path))).toBe(folder.join('made/on/demand'));
    spool.dispose();
  });

  test('slows a sender that is faster than the disk, and calls it back', async () => {
    await using folder = await tempDir();
    const spool = new Spool({ memoryBytes: 0, folder: folder.path });
    let drained = 0;
    const piece = Buffer.alloc(MIB / 4, 'x');
    expect([1, 2, 3].map(() => spool.append(piece, () => drained++))).toEqual([true, true, true]);
    expect(spool.append(piece, () => drained++)).toBe(false);
    expect(drained).toBe(0);
    await eventually(() => drained === 1);
    expect(spool.append(piece, noop)).toBe(true);
    await spool.flush();
    expect(statSync(spool.path!).size).toBe(5 * piece.length);
    spool.dispose();
  });

  test('removes its file when it is disposed of', async () => {
    await using folder = await tempDir();
    const spool = await filled(folder.path, 0, 'abc');
    const path = spool.path!;
    expect(existsSync(path)).toBe(true);
    spool.dispose();
    await eventually(() => !existsSync(path));
  });

  test('removes its file when it is disposed of while it writes, and wakes whoever waits', async () => {
    await using folder = await tempDir();
    const spool = new Spool({ memoryBytes: 0, folder: folder.path });
    let drained = 0;
    expect(spool.append(Buffer.alloc(2 * MIB), () => drained++)).toBe(false);
    const path = spool.path!;
    const flushed = spool.flush();
    spool.dispose();
    await flushed;
    expect(drained).toBe(1);
    await eventually(() => !existsSync(path));
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  test('reports ERR_SPOOL when its folder cannot be made, and accepts no waiting then', async () => {
    await using folder = await tempDir();
    const file = await folder.write('not-a-folder', 'x');
    const spool = new Spool({ memoryBytes: 0, folder: file });
    expect(spool.append(Buffer.alloc(2 * MIB), noop)).toBe(true);
    await expect(spool.flush()).rejects.toMatchObject({ code: 'ERR_SPOOL' });
    expect(spool.error).toMatchObject({ code: 'ERR_SPOOL' });
    spool.dispose();
  });

  test('reports ERR_SPOOL when its folder has vanished, and makes it anew for the next', async () => {
    await using folder = await tempDir();
    const first = await filled(folder.path, 0, 'abc');
    await rm(dirname(first.path!), { recursive: true });
    await expect(filled(folder.path, 0, 'abc')).rejects.toMatchObject({ code: 'ERR_SPOOL' });
    const third = await filled(folder.path, 0, 'abc');
    expect(readFileSync(third.path!, 'latin1')).toBe('abc');
    third.dispose();
  });

  test('removes the folders of dead processes and leaves those of living ones', async () => {
    await using folder = await tempDir();
    const dead = spawnSync('true').pid;
    const stale = folder.join(`weir-spool-${dead}-AbCdEf`);
    const alive = folder.join(`weir-spool-${process.ppid}-AbCdEf`);
    const other = folder.join(`weir-spool-x-${dead}`);
    for (const path of [stale, alive, other]) {
      await mkdir(path);
      await writeFile(join(path, 'left.body'), 'x');
    }
    const spool = await filled(folder.path, 0, 'abc');
    await eventually(() => !existsSync(stale));
    expect([alive, other].map((path) => existsSync(path))).toEqual([true, true]);
    spool.dispose();
  });
});

describe('readFileBody', () => {
  test('gives a large file in pieces, as its consumer takes them', async () => {
    await using folder = await tempDir();
    const bytes = Buffer.alloc(MIB, 'abcdefg');
    const path = await folder.write('body', bytes);
    const body = readFileBody(path, bytes.length);
    const got: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      body.consume({
        onData(chunk) {
          got.push(chunk);
          setImmediate(() => body.resume());
          return false;
        },
        onEnd: () => resolve(),
        onError: reject,
      });
    });
    expect(Buffer.concat(got).equals(bytes)).toBe(true);
    expect(got.length).toBeGreaterThan(4);
  });

  test('reads no further than its consumer wants', async () => {
    await using folder = await tempDir();
    const path = await folder.write('body', Buffer.alloc(MIB));
    const body = readFileBody(path, MIB);
    await new Promise<void>((resolve) => body.whenReady(Infinity, resolve)); // it has stopped
    expect(body.pushedBytes).toBeLessThanOrEqual(128 * 1024);
    body.cancel();
  });

  test('fails with ERR_SPOOL when the file is shorter than it should be', async () => {
    await using folder = await tempDir();
    const path = await folder.write('body', Buffer.alloc(1000));
    truncateSync(path, 500);
    await expect(collectBody(readFileBody(path, 1000), MIB)).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });

  test('fails with ERR_SPOOL when there is no file', async () => {
    const body = readFileBody('/nonexistent/body', 1);
    await expect(collectBody(body, MIB)).rejects.toMatchObject({ code: 'ERR_SPOOL' });
  });
});

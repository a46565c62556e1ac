import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { fileBody, type ProbeBody, streamBody } from '../../../src/icap/probe/body-source.ts';
import { tempDir } from '../../support/tempDir.ts';

const NUMBERS = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `${i}\n`).join(''));

async function expectSame(body: ProbeBody, bytes: Buffer): Promise<void> {
  expect(body.size).toBe(bytes.length);
  expect((await body.read(1000, 7)).equals(bytes.subarray(1000, 1007))).toBe(true);
  expect((await body.read(0, bytes.length)).equals(bytes)).toBe(true); // a second time, from the start
  expect((await body.read(bytes.length - 3, 100)).equals(bytes.subarray(-3))).toBe(true);
  expect(await body.read(bytes.length, 10)).toHaveLength(0);
  await body.close();
}

test('a file is read from any place', async () => {
  await using folder = await tempDir();
  await expectSame(await fileBody(await folder.write('numbers', NUMBERS), 1), NUMBERS);
});

test('a stream can be read again from any place, small or large', async () => {
  const small = NUMBERS.subarray(0, 2000);
  await expectSame(await streamBody(Readable.from([small]), NUMBERS.length), small);
  const pieces = Array.from({ length: 30 }, (_, i) => NUMBERS.subarray(i * 50_000, (i + 1) * 50_000));
  await expectSame(await streamBody(Readable.from(pieces), NUMBERS.length), NUMBERS);
});

test('a named pipe is read like a stream', async () => {
  await using folder = await tempDir();
  const pipe = folder.join('pipe');
  await promisify(execFile)('mkfifo', [pipe]);
  const writer = createWriteStream(pipe);
  writer.end(NUMBERS);
  await expectSame(await fileBody(pipe, NUMBERS.length), NUMBERS);
});

test('a stream beyond its limit is refused with what to do', async () => {
  const stream = Readable.from([NUMBERS]);
  await expect(streamBody(stream, NUMBERS.length - 1)).rejects.toMatchObject({
    code: 'ERR_PROBE_INPUT',
    message: expect.stringContaining('put it in a file first'),
  });
});

test('a stream that fails says why', async () => {
  const stream = new Readable({ read() {} });
  stream.destroy(new Error('unplugged'));
  await expect(streamBody(stream, 1)).rejects.toMatchObject({
    code: 'ERR_PROBE_INPUT',
    message: expect.stringContaining('unplugged'),
  });
});

test.each([
  ['nothing there', (folder: string) => `${folder}/absent`, /ENOENT/],
  ['a folder', (folder: string) => folder, /it is a folder/],
])('%s cannot be read as a file', async (_title, pathIn, message) => {
  await using folder = await tempDir();
  await expect(fileBody(pathIn(folder.path), 1)).rejects.toMatchObject({
    code: 'ERR_CONFIG_UNREADABLE',
    message: expect.stringMatching(message),
  });
});
